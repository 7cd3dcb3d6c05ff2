with as_of as (
    select session_index as as_of_index
    from {{ ref('dim_session') }}
    where session_date = {{ as_of_session() }}
),

-- A scheduled release that the newest calendar no longer holds was moved or called off.
newest_calendar as (
    select
        case release_id when 10 then 'CPI_RELEASE' else 'EMPLOYMENT_RELEASE' end as event_type,
        release_date as event_date
    from (
        select
            release_id,
            release_date,
            dense_rank() over (partition by release_id order by fetched_at desc, ingest_seq desc) as calendar_rank
        from {{ ref('stg_fred_release_date') }}
        where release_id in (10, 50)
    ) as calendars
    where calendar_rank = 1
),

known as (
    select
        events.event_type,
        events.event_date,
        events.event_id,
        events.label,
        events.status,
        events.source_url,
        events.announced_on,
        events.rank_date,
        events.prelim_date,
        events.lockdown_date,
        events.lockdown_status
    from {{ ref('fct_market_event') }} as events
    left join newest_calendar
        on
            events.event_type = newest_calendar.event_type
            and events.event_date = newest_calendar.event_date
    where
        coalesce(events.announced_on <= {{ as_of_session() }}, true)
        and (events.event_type not in ('CPI_RELEASE', 'EMPLOYMENT_RELEASE') or newest_calendar.event_date is not null)
),

months as (
    select distinct {{ period_start('month', 'session_date') }} as month_start
    from {{ ref('dim_session') }}
    where session_date > {{ as_of_session() }}
),

-- Monthly options end on the third Friday, or on the session before where the exchange is closed.
expiries as (
    select
        sessions.session_date as event_date,
        months.month_start
    from months
    inner join {{ ref('dim_session') }} as sessions
        on
            {{ nth_friday('months.month_start', 3) }} >= sessions.session_date
            and {{ nth_friday('months.month_start', 3) }} < sessions.next_session
),

events as (
    select
        event_type,
        event_date,
        event_id,
        label,
        status,
        source_url,
        announced_on
    from known
    {% for event_type, date, label, status in [
        ('RUSSELL_RANK_DAY', 'rank_date', 'Russell US reconstitution, rank day', 'status'),
        ('RUSSELL_PRELIMINARY_LIST', 'prelim_date', 'Russell US reconstitution, preliminary lists', 'status'),
        ('RUSSELL_LOCK_DOWN', 'lockdown_date', 'Russell US reconstitution, lists final from here on', 'lockdown_status'),
    ] %}
    union all
    select
        '{{ event_type }}' as event_type,
        {{ date }} as event_date,
        event_id,
        '{{ label }}' as label,
        {{ status }} as status,
        source_url,
        announced_on
    from known
    where
        event_type = 'RUSSELL_RECONSTITUTION'
        and {{ date }} is not null
    {% endfor %}
    union all
    select
        'OPTIONS_EXPIRY' as event_type,
        event_date,
        'OPTIONS-' || strftime(month_start, '%Y-%m') as event_id,
        case when month(month_start) in (3, 6, 9, 12) then 'Quarterly' else 'Monthly' end || ' options expiry' as label,
        'derived' as status,
        cast(null as varchar) as source_url,
        cast(null as date) as announced_on
    from expiries
)

select
    events.event_type,
    events.event_date,
    events.event_id,
    events.label,
    cast(sessions.session_index - as_of.as_of_index as integer) as sessions_ahead,
    events.status,
    events.source_url,
    {{ as_of_session() }} as as_of_session,
    events.announced_on
from events
-- the session of the event, or the last one before it
inner join {{ ref('dim_session') }} as sessions
    on
        events.event_date >= sessions.session_date
        and events.event_date < sessions.next_session
cross join as_of
where
    events.event_date > {{ as_of_session() }}
    and events.event_date <= {{ add_days(as_of_session(), 365) }}
