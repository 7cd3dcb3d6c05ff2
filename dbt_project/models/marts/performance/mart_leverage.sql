with funds as (
    select
        symbol,
        leverage,
        benchmark_symbol
    from {{ ref('dim_instrument') }}
    where
        leverage <> 1
        and benchmark_symbol is not null
),

benchmarks as (
    select
        prices.symbol,
        min(prices.session_date) as first_session
    from {{ ref('fct_price_daily') }} as prices
    inner join funds on prices.symbol = funds.benchmark_symbol
    group by prices.symbol
),

-- Every session from the benchmark's first bar on: a missing one must be seen to be counted.
path as (
    select
        benchmarks.symbol as benchmark_symbol,
        sessions.session_date,
        prices.close,
        prices.close / lag(prices.close) over (
            partition by benchmarks.symbol
            order by sessions.session_date asc
        ) - 1 as daily_return
    from benchmarks
    inner join {{ ref('dim_session') }} as sessions on benchmarks.first_session <= sessions.session_date
    left join {{ ref('fct_price_daily') }} as prices
        on
            benchmarks.symbol = prices.symbol
            and sessions.session_date = prices.session_date
            and prices.close > 0
),

multiples as (
    select distinct
        benchmark_symbol,
        leverage
    from funds
),

-- A product over a window is a difference of running sums of logarithms. They are added as whole numbers of 1e-15,
-- which is exact, and so the same whatever else the table holds.
logarithms as (
    select
        path.*,
        multiples.leverage,
        case
            when 1 + multiples.leverage * path.daily_return > 0
                then cast(ln(1 + multiples.leverage * path.daily_return) * 1e15 as decimal(19, 0))
        end as log_reset,
        cast(ln(1 + path.daily_return) * ln(1 + path.daily_return) * 1e15 as decimal(19, 0)) as log_squared
    from path
    inner join multiples on path.benchmark_symbol = multiples.benchmark_symbol
),

running as (
    select
        benchmark_symbol,
        leverage,
        session_date,
        close,
        sum(log_reset) over so_far as sum_log_reset,
        sum(log_squared) over so_far as sum_log_squared,
        count(*) over so_far - count(log_reset) over so_far as breaks
    from logarithms
    window so_far as (
        partition by benchmark_symbol, leverage
        order by session_date asc
        rows between unbounded preceding and current row
    )
),

-- Per unit of leverage, what the fund's day differs from the index's by.
days as (
    select
        funds.symbol,
        funds.benchmark_symbol,
        returns.session_date,
        round(returns.return_tr / funds.leverage - path.daily_return, 12) as gap
    from funds
    inner join {{ ref('mart_return') }} as returns on funds.symbol = returns.symbol
    left join path
        on
            funds.benchmark_symbol = path.benchmark_symbol
            and returns.session_date = path.session_date
    where returns.window_code = '1d'
),

-- The plain fund on the same index: whether its price left the index's close on that day too.
trackers as (
    select
        benchmark_symbol,
        min(symbol) as symbol
    from {{ ref('dim_instrument') }}
    where
        leverage = 1
        and instrument_type = 'etf'
    group by benchmark_symbol
),

tracker_days as (
    select
        trackers.benchmark_symbol,
        returns.session_date,
        round(returns.return_tr - path.daily_return, 12) as gap
    from trackers
    inner join {{ ref('mart_return') }} as returns on trackers.symbol = returns.symbol
    inner join path
        on
            trackers.benchmark_symbol = path.benchmark_symbol
            and returns.session_date = path.session_date
    where returns.window_code = '1d'
),

-- If the plain fund shows at least half of the gap, most of it is the index's close; else it is the fund's own.
marks as (
    select
        days.symbol,
        days.session_date,
        case
            when coalesce(abs(days.gap) <= {{ var('closing_gap_limit') }}, true) then 'none'
            when tracker_days.gap is null then 'unknown'
            when 2 * tracker_days.gap / days.gap >= 1 then 'index_close'
            else 'fund_close'
        end as mark
    from days
    left join tracker_days
        on
            days.benchmark_symbol = tracker_days.benchmark_symbol
            and days.session_date = tracker_days.session_date
),

marked as (
    select
        symbol,
        session_date,
        sum(case when mark = 'index_close' then 1 else 0 end) over so_far as index_closes,
        sum(case when mark = 'fund_close' then 1 else 0 end) over so_far as fund_closes,
        sum(case when mark = 'unknown' then 1 else 0 end) over so_far as unknowns
    from marks
    window so_far as (
        partition by symbol
        order by session_date asc
        rows between unbounded preceding and current row
    )
),

windows as (
    select
        returns.symbol,
        returns.session_date,
        returns.window_code,
        funds.leverage,
        funds.benchmark_symbol,
        returns.base_date,
        returns.return_px as fund_return,
        returns.return_tr as fund_return_tr,
        ends.close / bases.close - 1 as benchmark_return,
        cast(ends.sum_log_reset - coalesce(bases.sum_log_reset, 0) as double) / 1e15 as log_reset,
        cast(ends.sum_log_squared - coalesce(bases.sum_log_squared, 0) as double) / 1e15 as log_squared,
        ends.breaks = bases.breaks as is_whole,
        end_marks.index_closes - coalesce(base_marks.index_closes, 0) as index_closes,
        end_marks.fund_closes - coalesce(base_marks.fund_closes, 0) as fund_closes,
        end_marks.unknowns - coalesce(base_marks.unknowns, 0) as unknowns
    from {{ ref('mart_return') }} as returns
    inner join funds on returns.symbol = funds.symbol
    left join running as ends
        on
            funds.benchmark_symbol = ends.benchmark_symbol
            and funds.leverage = ends.leverage
            and returns.session_date = ends.session_date
    left join running as bases
        on
            funds.benchmark_symbol = bases.benchmark_symbol
            and funds.leverage = bases.leverage
            and returns.base_date = bases.session_date
    left join marked as end_marks
        on
            returns.symbol = end_marks.symbol
            and returns.session_date = end_marks.session_date
    left join marked as base_marks
        on
            returns.symbol = base_marks.symbol
            and returns.base_date = base_marks.session_date
),

-- Twelve decimals: what is left of exp(ln(x)) behind them is not information.
ideals as (
    select
        *,
        case when is_whole then round(benchmark_return, 12) end as benchmark_return_px,
        case when is_whole then round(exp(log_reset) - 1, 12) end as ideal_daily_reset,
        case
            when is_whole
                then round(
                    power(1 + benchmark_return, leverage) * exp(-0.5 * leverage * (leverage - 1) * log_squared) - 1, 12
                )
        end as closed_form
    from windows
)

select
    symbol,
    session_date,
    window_code,
    leverage,
    benchmark_symbol,
    base_date,
    fund_return,
    fund_return_tr,
    benchmark_return_px,
    round(leverage * benchmark_return_px, 12) as multiple_of_benchmark,
    ideal_daily_reset,
    closed_form,
    round(ideal_daily_reset - leverage * benchmark_return_px, 12) as compounding_effect,
    round(fund_return_tr - ideal_daily_reset, 12) as tracking_residual,
    case
        when fund_return_tr is not null and ideal_daily_reset is not null
            then cast(index_closes + fund_closes + unknowns as integer)
    end as flagged_sessions,
    case
        when fund_return_tr is null or ideal_daily_reset is null then null
        when index_closes > 0 and fund_closes > 0 then 'index_and_fund_close'
        when index_closes > 0 then 'index_close'
        when fund_closes > 0 then 'fund_close'
        when unknowns > 0 then 'unknown'
    end as residual_reason
from ideals
