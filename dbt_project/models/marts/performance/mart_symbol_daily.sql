{% set return_windows = [1, 5, 21, 63, 126, 252] -%}
{% set averages = [20, 50, 100, 200] -%}
{# The same definitions as orchestration/panel/metrics.py; a test holds the two together. -#}
{% set covered = var('panel_coverage') -%}
{% set n_high = 252 -%}
{% set n_vol = 63 -%}
{% set n_beta = 252 -%}
{# An EMA of alpha 2/21 in blocks of 128 rows: what is older than four blocks weighs less than 1e-22. -#}
{% set block_rows = 128 -%}
{% set keep = '(cast(19 as double) / 21)' -%}

with sessions as (
    select
        session_date,
        session_index,
        min(session_date) over (partition by {{ period_start('year', 'session_date') }}) as year_first_session,
        previous_session
    from {{ ref('dim_session') }}
),

bars as (
    select
        symbol,
        session_date,
        close
    from {{ ref('fct_price_daily') }}
),

bounds as (
    select
        symbol,
        min(session_date) as history_start,
        max(session_date) as last_session
    from bars
    group by symbol
),

-- Every session between a symbol's first and last bar, so that a window of rows is a window of sessions.
spine as (
    select
        bounds.symbol,
        bounds.history_start,
        sessions.session_date,
        bars.close,
        year_bases.previous_session as year_base,
        cast(
            row_number() over (partition by bounds.symbol order by sessions.session_date asc) - 1 as integer
        ) as i
    from bounds
    inner join sessions
        on
            bounds.history_start <= sessions.session_date
            and bounds.last_session >= sessions.session_date
    inner join sessions as year_bases on sessions.year_first_session = year_bases.session_date
    left join bars
        on
            bounds.symbol = bars.symbol
            and sessions.session_date = bars.session_date
),

market as (
    select
        spine.session_date,
        {%- for n in return_windows %}
        spine.close / lag(spine.close, {{ n }}) over (order by spine.session_date asc) - 1 as return_{{ n }}d,
        {%- endfor %}
        spine.close / year_bases.close - 1 as return_ytd
    from spine
    left join bars as year_bases
        on
            spine.symbol = year_bases.symbol
            and spine.year_base = year_bases.session_date
    where spine.symbol = '{{ var("panel_benchmark") }}'
),

-- A ratio over a base at or below zero, as a bill yield can have, says nothing.
returns as (
    select
        spine.*,
        cast(floor(spine.i / {{ n_high }}) as integer) as high_block,
        {%- for n in return_windows %}
        case
            when lag(spine.close, {{ n }}) over by_session > 0
                then spine.close / lag(spine.close, {{ n }}) over by_session - 1
        end as return_{{ n }}d,
        {%- endfor %}
        case when year_bases.close > 0 then spine.close / year_bases.close - 1 end as return_ytd
    from spine
    left join bars as year_bases
        on
            spine.symbol = year_bases.symbol
            and spine.year_base = year_bases.session_date
    window by_session as (
        partition by spine.symbol
        order by spine.session_date asc
    )
),

-- Whole numbers of 1e-14: sums of them are exact, in any order.
daily as (
    select
        returns.*,
        market.return_ytd as market_ytd,
        {%- for n in return_windows %}
        market.return_{{ n }}d as market_{{ n }}d,
        {%- endfor %}
        case
            when returns.return_1d > -1 then cast(ln(1 + returns.return_1d) * 1e14 as decimal(19, 0))
        end as log_return,
        case when market.return_1d is not null then cast(returns.return_1d * 1e14 as decimal(19, 0)) end as x,
        case when returns.return_1d is not null then cast(market.return_1d * 1e14 as decimal(19, 0)) end as y,
        cast(returns.close as decimal(38, 4)) as ticks
    from returns
    left join market on returns.session_date = market.session_date
),

rolled as (
    select
        *,
        max(close) over last_{{ n_high }} as highest,
        {{ panel_sums('close', averages, n_high, n_vol, n_beta) }},
        max(close) over ahead as high_ahead,
        min(close) over ahead as low_ahead,
        max(close) over behind as high_behind,
        min(close) over behind as low_behind
    from daily
    window
        {%- for n in averages + [n_vol, n_high] %}
        last_{{ n }} as (
            partition by symbol
            order by session_date asc
            rows between {{ n - 1 }} preceding and current row
        ),
        {%- endfor %}
        ahead as (
            partition by symbol, high_block
            order by session_date asc
            rows between unbounded preceding and current row
        ),
        behind as (
            partition by symbol, high_block
            order by session_date asc
            rows between current row and unbounded following
        )
),

-- The deepest fall inside a window lies in the block the window ends in, in the one it begins in, or across the two.
falls as (
    select
        *,
        min(close / high_ahead - 1) over (
            partition by symbol, high_block
            order by session_date asc
            rows between unbounded preceding and current row
        ) as fall_ahead,
        min(low_behind / close - 1) over (
            partition by symbol, high_block
            order by session_date asc
            rows between current row and unbounded following
        ) as fall_behind
    from rolled
),

crossing as (
    select
        symbol,
        session_date,
        case
            when high_block = lag(high_block, {{ n_high - 1 }}) over by_session then fall_ahead
            else least(
                fall_ahead,
                lag(fall_behind, {{ n_high - 1 }}) over by_session,
                low_ahead / lag(high_behind, {{ n_high - 1 }}) over by_session - 1
            )
        end as deepest
    from falls
    window by_session as (
        partition by symbol
        order by session_date asc
    )
),

-- The average counts bars, so it is taken over them alone.
bars_numbered as (
    select
        symbol,
        session_date,
        close,
        cast(row_number() over (partition by symbol order by session_date asc) - 1 as integer) as i
    from bars
),

ema_running as (
    select
        symbol,
        session_date,
        cast(floor(i / {{ block_rows }}) as integer) as block,
        i - {{ block_rows }} * cast(floor(i / {{ block_rows }}) as integer) as place,
        cast(sum(cast(
            case when i = 0 then close else close * 2 / 21 end
            / power({{ keep }}, i - {{ block_rows }} * floor(i / {{ block_rows }})) as decimal(38, 18)
        )) over (
            partition by symbol, cast(floor(i / {{ block_rows }}) as integer)
            order by session_date asc
            rows between unbounded preceding and current row
        ) as double) * power({{ keep }}, i - {{ block_rows }} * floor(i / {{ block_rows }})) as ema_of_block
    from bars_numbered
),

ema_ends as (
    select
        symbol,
        block + 1 as block,
        ema_of_block
        {%- for n in [1, 2, 3] %}
        + power({{ keep }}, {{ n * block_rows }})
        * coalesce(lag(ema_of_block, {{ n }}) over (partition by symbol order by block asc), 0)
        {%- endfor %} as ema_before
    from ema_running
    where place = {{ block_rows - 1 }}
),

emas as (
    select
        ema_running.symbol,
        ema_running.session_date,
        ema_running.ema_of_block
        + power({{ keep }}, ema_running.place + 1) * coalesce(ema_ends.ema_before, 0) as ema_20
    from ema_running
    left join ema_ends
        on
            ema_running.symbol = ema_ends.symbol
            and ema_running.block = ema_ends.block
),

moments as (
    select
        *,
        {{ panel_deviations() }}
    from rolled
)

-- Twelve decimals, as the base of a later split changes the last bits of both prices of a ratio.
select
    moments.symbol,
    moments.session_date,
    moments.history_start,
    moments.close,
    {%- for code in ['1d', '5d', '21d', '63d', '126d', '252d', 'ytd'] %}
    round(moments.return_{{ code }}, 12) as return_{{ code }},
    {%- endfor %}
    {%- for code in ['1d', '5d', '21d', '63d', '126d', '252d', 'ytd'] %}
    round(100 * (moments.return_{{ code }} - moments.market_{{ code }}), 10) as spread_{{ code }}_pp,
    {%- endfor %}
    {%- for n in averages %}
    case
        when moments.i + 1 >= {{ n }} and moments.n_{{ n }} >= {{ covered }} * {{ n }}
            then moments.sum_{{ n }} / moments.n_{{ n }}
    end as sma_{{ n }},
    {%- endfor %}
    round(emas.ema_20, 9) as ema_20,
    {%- set has_high = 'moments.i + 1 >= ' ~ n_high ~ ' and moments.n_high >= ' ~ covered ~ ' * ' ~ n_high %}
    case when {{ has_high }} then moments.highest end as high_252d,
    case when {{ has_high }} then round(moments.close / moments.highest - 1, 12) end as drawdown_252d,
    case when {{ has_high }} then round(crossing.deepest, 12) end as max_drawdown_252d,
    case
        when moments.i >= {{ n_vol }} and moments.n_vol >= {{ covered }} * {{ n_vol }}
            then round(100 * sqrt(252 * greatest(moments.ss_l, 0) / (moments.n_vol - 1)), 9)
    end as realised_vol_63_pct,
    case
        when moments.i >= {{ n_beta }} and moments.n_beta >= {{ covered }} * {{ n_beta }} and moments.ss_yy > 0
            then round(moments.ss_xy / moments.ss_yy, 9)
    end as beta_252
from moments
inner join crossing
    on
        moments.symbol = crossing.symbol
        and moments.session_date = crossing.session_date
inner join emas
    on
        moments.symbol = emas.symbol
        and moments.session_date = emas.session_date
