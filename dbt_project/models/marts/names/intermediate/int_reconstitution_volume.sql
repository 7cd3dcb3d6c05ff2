-- What each name that a reconstitution moved traded a day, in dollars, which no split moves, before it was ranked.
with names as (
    select
        index_code,
        event_id,
        security_id,
        change_type
    from {{ ref('mart_reconstitution_change') }}
    where
        change_type <> 'DELETE_ACQUIRED_OR_DELISTED'
        and confidence <> 'LOW'
),

-- The session before the rank day is the last one of the window.
windows as (
    select
        events.event_id,
        max(sessions.session_index) as last_index
    from {{ ref('fct_market_event') }} as events
    inner join {{ ref('dim_session') }} as sessions on events.rank_date > sessions.session_date
    where events.event_type = 'RUSSELL_RECONSTITUTION'
    group by events.event_id
),

days as (
    select
        windows.event_id,
        sessions.session_date
    from windows
    inner join {{ ref('dim_session') }} as sessions
        on
            windows.last_index >= sessions.session_index
            and windows.last_index - {{ number_of('effect_rule', 'volume_sessions') }} < sessions.session_index
)

select
    names.index_code,
    names.event_id,
    names.security_id,
    names.change_type,
    -- decimals, because a sum of doubles depends on the order the rows arrive in
    round(cast(sum(cast(bars.close_usd * bars.volume as decimal(28, 4))) as double) / count(*), 2) as mean_volume_usd,
    max(bars.known_at) as known_at
from names
inner join days on names.event_id = days.event_id
inner join {{ ref('fct_security_bar_daily') }} as bars
    on
        names.security_id = bars.security_id
        and days.session_date = bars.session_date
where bars.volume is not null
group by names.index_code, names.event_id, names.security_id, names.change_type
having count(*) >= {{ number_of('effect_rule', 'least_volume_sessions') }} and sum(bars.volume) > 0
