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

multiples as (
    select distinct
        benchmark_symbol,
        leverage
    from funds
),

closes as (
    select
        symbol,
        session_date,
        close
    from {{ ref('fct_price_daily') }}
    where symbol in (select multiples.benchmark_symbol from multiples)
),

first_closes as (
    select
        symbol,
        min(session_date) as first_session
    from closes
    group by symbol
),

-- Every session from the benchmark's first bar on: a missing one must be seen to be counted.
path as (
    select
        multiples.benchmark_symbol,
        multiples.leverage,
        sessions.session_date,
        closes.close,
        closes.close / nullif(lag(closes.close) over (
            partition by multiples.benchmark_symbol, multiples.leverage
            order by sessions.session_date asc
        ), 0) - 1 as daily_return
    from multiples
    inner join first_closes on multiples.benchmark_symbol = first_closes.symbol
    inner join {{ ref('dim_session') }} as sessions
        on
            first_closes.first_session <= sessions.session_date
            and sessions.session_date <= {{ as_of_session() }}
    left join closes
        on
            multiples.benchmark_symbol = closes.symbol
            and sessions.session_date = closes.session_date
),

-- A product over a window is a difference of running sums of logarithms. They are added as whole numbers of 1e-15,
-- which is exact, and so the same whatever else the table holds.
logarithms as (
    select
        *,
        case
            when daily_return > -1 and 1 + leverage * daily_return > 0
                then cast(ln(1 + leverage * daily_return) * 1e15 as decimal(19, 0))
        end as log_reset,
        case
            when daily_return > -1
                then cast(ln(1 + daily_return) * ln(1 + daily_return) * 1e15 as decimal(19, 0))
        end as log_squared
    from path
),

running as (
    select
        benchmark_symbol,
        leverage,
        session_date,
        close,
        sum(log_reset) over so_far as sum_log_reset,
        sum(log_squared) over so_far as sum_log_squared,
        sum(case when log_reset is null then 1 else 0 end) over so_far as breaks
    from logarithms
    window so_far as (
        partition by benchmark_symbol, leverage
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
        ends.close / nullif(bases.close, 0) - 1 as benchmark_return,
        cast(ends.sum_log_reset - coalesce(bases.sum_log_reset, 0) as double) / 1e15 as log_reset,
        cast(ends.sum_log_squared - coalesce(bases.sum_log_squared, 0) as double) / 1e15 as log_squared,
        ends.breaks = bases.breaks as is_whole
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
    round(fund_return_tr - ideal_daily_reset, 12) as tracking_residual
from ideals
