with bars as (
    select
        prices.symbol,
        prices.session_date,
        sessions.session_index,
        prices.close,
        prices.available_at,
        lag(prices.available_at) over by_session as previous_available_at,
        min(sessions.session_index) over (partition by prices.symbol) as first_index
    from {{ ref('fct_price_daily') }} as prices
    inner join {{ ref('dim_session') }} as sessions on prices.session_date = sessions.session_date
    where prices.symbol in (select signals.symbol from {{ ref('int_signal') }} as signals)
    window by_session as (
        partition by prices.symbol
        order by prices.session_date asc
    )
),

windows as (
    select
        bars.symbol,
        bars.session_date,
        bars.session_index,
        bars.first_index,
        bars.close,
        {%- for n in [50, 100, 200] %}
        max(bars.available_at) over last_{{ n }}_bars as available_{{ n }},
        {%- endfor %}
        max(bars.close) over last_5_sessions as highest_close,
        max(bars.available_at) over last_5_sessions as available_5
    from bars
    window
        {%- for n in [50, 100, 200] %}
        last_{{ n }}_bars as (
            partition by bars.symbol
            order by bars.session_date asc
            rows between {{ n - 1 }} preceding and current row
        ),
        {%- endfor %}
        -- today and the five sessions before
        last_5_sessions as (
            partition by bars.symbol
            order by bars.session_index asc
            range between 5 preceding and current row
        )
),

moves as (
    select
        signals.signal_id,
        returns.session_date,
        -- twelve decimals take off what a division adds to its last bits: exactly at the threshold is at the threshold
        round(returns.return_px, 12) as value,
        greatest(bars.available_at, bases.available_at) as inputs_available_at
    from {{ ref('int_signal') }} as signals
    inner join {{ ref('mart_return') }} as returns
        on
            signals.symbol = returns.symbol
            and signals.window_code = returns.window_code
    inner join bars
        on
            returns.symbol = bars.symbol
            and returns.session_date = bars.session_date
    inner join bars as bases
        on
            returns.symbol = bases.symbol
            and returns.base_date = bases.session_date
    where signals.kind = 'return'
),

drops as (
    select
        signals.signal_id,
        windows.session_date,
        case
            when windows.session_index - windows.first_index >= 5
                then round(windows.close / nullif(windows.highest_close, 0) - 1, 12)
        end as value,
        windows.available_5 as inputs_available_at
    from {{ ref('int_signal') }} as signals
    inner join windows on signals.symbol = windows.symbol
    where signals.kind = 'drop_from_high'
),

excursions as (
    select
        signals.signal_id,
        trends.session_date,
        trends.max_excursion as value,
        greatest(bars.available_at, bars.previous_available_at) as inputs_available_at
    from {{ ref('int_signal') }} as signals
    inner join {{ ref('mart_trend') }} as trends on signals.symbol = trends.symbol
    inner join bars
        on
            trends.symbol = bars.symbol
            and trends.session_date = bars.session_date
    where signals.kind = 'excursion'
),

averages as (
    select
        signals.signal_id,
        trends.session_date,
        -- nine decimals, as mart_trend compares them
        case
            {%- for n in [50, 100, 200] %}
            when signals.kind = 'below_average' and signals.window_code = '{{ n }}d'
                then round(windows.close / nullif(trends.sma_{{ n }}, 0) - 1, 9)
            {%- endfor %}
            when signals.kind = 'average_cross' then round(trends.sma_50 / nullif(trends.sma_200, 0) - 1, 9)
        end as value,
        case
            {%- for n in [50, 100] %}
            when signals.kind = 'below_average' and signals.window_code = '{{ n }}d' then windows.available_{{ n }}
            {%- endfor %}
            else windows.available_200
        end as inputs_available_at
    from {{ ref('int_signal') }} as signals
    inner join {{ ref('mart_trend') }} as trends on signals.symbol = trends.symbol
    inner join windows
        on
            trends.symbol = windows.symbol
            and trends.session_date = windows.session_date
    where signals.kind in ('below_average', 'average_cross')
),

families as (
    select * from moves
    union all
    select * from drops
    union all
    select * from excursions
    union all
    select * from averages
)

select
    signal_id,
    session_date,
    value,
    session_date as input_date,
    inputs_available_at
from families
where value is not null
