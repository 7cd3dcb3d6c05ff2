-- The sessions around each reconstitution, and what the index did on each since the file before.
with changed as (
    select distinct
        index_code,
        event_id
    from {{ ref('mart_reconstitution_change') }}
),

events as (
    select
        events.event_id,
        events.rank_date,
        events.prelim_date,
        events.lockdown_date,
        events.event_date,
        sessions.session_index
    from {{ ref('fct_market_event') }} as events
    inner join {{ ref('dim_session') }} as sessions on events.event_date = sessions.session_date
    where events.event_type = 'RUSSELL_RECONSTITUTION'
),

days as (
    select
        changed.index_code,
        events.event_id,
        sessions.session_date,
        sessions.session_index - events.session_index as day_offset,
        case
            when sessions.session_date > events.event_date then 'after_effective'
            when sessions.session_date > events.lockdown_date then 'lockdown_to_effective'
            when sessions.session_date <= events.prelim_date then 'rank_to_preliminary'
            when events.prelim_date is null then 'rank_to_effective'
            when events.lockdown_date is null then 'preliminary_to_effective'
            else 'preliminary_to_lockdown'
        end as phase
    from changed
    inner join events on changed.event_id = events.event_id
    inner join {{ ref('dim_session') }} as sessions
        on
            events.rank_date <= sessions.session_date
            and sessions.session_index <= events.session_index + {{ number_of('effect_rule', 'sessions_after') }}
    where sessions.is_closed
),

steps as (
    select
        index_code,
        session_date,
        previous_session_date,
        gap_sessions,
        coalesce(
            index_return_px,
            case
                when covered_weight_pct >= {{ number_of('effect_rule', 'least_covered_pct') }} then replicated_return
            end
        ) as index_return,
        known_at
    from {{ ref('mart_index_replication') }}
),

files as (
    select
        index_code,
        session_date
    from steps
    union
    select
        index_code,
        previous_session_date as session_date
    from steps
),

marked as (
    select
        days.*,
        files.session_date is not null as has_file,
        min(case when days.day_offset < 0 then files.session_date end) over (
            partition by days.index_code, days.event_id
        ) as base_date
    from days
    left join files
        on
            days.index_code = files.index_code
            and days.session_date = files.session_date
)

select
    marked.index_code,
    marked.event_id,
    cast(marked.day_offset as integer) as day_offset,
    marked.session_date,
    marked.phase,
    marked.has_file,
    marked.base_date,
    steps.previous_session_date,
    steps.gap_sessions,
    steps.index_return,
    steps.known_at
from marked
left join steps
    on
        marked.index_code = steps.index_code
        and marked.session_date = steps.session_date
