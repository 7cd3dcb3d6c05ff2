with positions as (
    select
        positions.position_id,
        positions.symbol,
        positions.entry_date,
        prices.close as entry_close,
        prices.available_at as entry_available_at
    from {{ ref('position') }} as positions
    inner join {{ ref('fct_price_daily') }} as prices
        on
            positions.symbol = prices.symbol
            and positions.entry_date = prices.session_date
),

paths as (
    select
        positions.position_id,
        positions.entry_date,
        positions.entry_close,
        prices.session_date,
        prices.low,
        prices.close,
        max(prices.close) over since_entry as highest_close,
        greatest(prices.available_at, positions.entry_available_at) as available_at,
        max(prices.available_at) over since_entry as path_available_at
    from positions
    inner join {{ ref('fct_price_daily') }} as prices
        on
            positions.symbol = prices.symbol
            and positions.entry_date <= prices.session_date
    window since_entry as (
        partition by positions.position_id
        order by prices.session_date asc
        rows between unbounded preceding and current row
    )
),

moves as (
    select
        signals.signal_id,
        paths.session_date,
        case
            when signals.kind = 'stop_trailing' then round(paths.close / nullif(paths.highest_close, 0) - 1, 12)
            when signals.kind <> 'stop_intraday' then round(paths.close / nullif(paths.entry_close, 0) - 1, 12)
            -- the entry is at the close: the low of that session came before it
            when paths.session_date > paths.entry_date then round(paths.low / nullif(paths.entry_close, 0) - 1, 12)
        end as value,
        case
            when signals.kind = 'stop_trailing' then paths.path_available_at
            else paths.available_at
        end as inputs_available_at
    from {{ ref('int_signal') }} as signals
    inner join paths on signals.position_id = paths.position_id
)

select
    signal_id,
    session_date,
    value,
    session_date as input_date,
    inputs_available_at
from moves
where value is not null
