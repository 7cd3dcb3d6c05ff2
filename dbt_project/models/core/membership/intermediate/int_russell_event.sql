{{ config(materialized='view') }}

-- In December the review of recent listings is part of the reconstitution: one Friday is one event.
select
    sessions.session_index,
    min(events.first_session) as first_session,
    bool_or(events.event_type = 'RUSSELL_RECONSTITUTION') as is_reconstitution
from {{ ref('fct_market_event') }} as events
inner join {{ ref('dim_session') }} as sessions on events.event_date = sessions.session_date
where events.event_type in ('RUSSELL_RECONSTITUTION', 'RUSSELL_QUARTERLY_IPO')
group by sessions.session_index
