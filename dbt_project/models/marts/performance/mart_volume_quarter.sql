with calendar as (
    select
        {{ period_start('quarter', 'session_date') }} as quarter_start,
        count(*) as quarter_sessions
    from {{ ref('dim_session') }}
    group by {{ period_start('quarter', 'session_date') }}
),

quarters as (
    select
        symbol,
        {{ period_start('quarter', 'session_date') }} as quarter_start,
        count(volume) as sessions,
        cast(sum(volume) as double) / nullif(count(volume), 0) as mean_volume
    from {{ ref('fct_price_daily') }}
    group by symbol, {{ period_start('quarter', 'session_date') }}
)

select
    quarters.symbol,
    quarters.quarter_start,
    quarters.mean_volume,
    quarters.mean_volume / nullif(previous.mean_volume, 0) as ratio_to_previous,
    quarters.sessions,
    quarters.sessions = calendar.quarter_sessions as is_complete
from quarters
inner join calendar on quarters.quarter_start = calendar.quarter_start
left join quarters as previous
    on
        quarters.symbol = previous.symbol
        and previous.quarter_start = {{ add_months('quarters.quarter_start', -3) }}
