-- The evenings on which each reconstitution is forecast, and the files that were known by then.
with events as (
    select
        events.event_id,
        events.rank_date,
        events.event_date as effective_date,
        events.announced_on,
        ranked.session_index as rank_index,
        ranked.next_session as rank_files_date
    from {{ ref('fct_market_event') }} as events
    inner join {{ ref('dim_session') }} as ranked on events.rank_date = ranked.session_date
    where events.event_type = 'RUSSELL_RECONSTITUTION'
),

coming as (
    select min(effective_date) as effective_date
    from events
    where
        effective_date >= {{ as_of_session() }}
        and coalesce(announced_on <= {{ as_of_session() }}, true)
),

-- A file shows the closes of its session from the next morning on.
moments as (
    select
        *,
        'rank_day' as moment,
        rank_date as as_of_date
    from events
    union all
    select
        *,
        'rank_files' as moment,
        rank_files_date as as_of_date
    from events
    union all
    select
        events.*,
        'newest' as moment,
        {{ as_of_session() }} as as_of_date
    from events
    inner join coming on events.effective_date = coming.effective_date
    where {{ as_of_session() }} not in (events.rank_date, events.rank_files_date)
),

evenings as (
    select
        moments.event_id,
        moments.as_of_date,
        moments.moment,
        moments.rank_date,
        moments.effective_date,
        moments.rank_index,
        -- what came after the rank day does not change a rank
        least(moments.rank_index, sessions.session_index) as newest_index,
        {{ new_york_moment('moments.as_of_date', '23:59:59') }} as evening_at
    from moments
    inner join {{ ref('dim_session') }} as sessions on moments.as_of_date = sessions.session_date
    where
        moments.as_of_date <= {{ as_of_session() }}
        and coalesce(moments.announced_on <= moments.as_of_date, true)
),

-- Market values of different sessions are not compared: the newest session of which all files are known.
complete as (
    select
        evenings.event_id,
        evenings.as_of_date,
        files.session_date,
        files.session_index,
        bool_or(files.index_code = 'RMICRO') as has_microcap,
        max(files.available_at) as available_at,
        max(files.known_at) as known_at
    from evenings
    inner join {{ ref('int_forecast_file') }} as files
        on
            evenings.newest_index >= files.session_index
            and evenings.newest_index - {{ number_of('forecast_rule', 'file_reach_sessions') }} <= files.session_index
            and evenings.evening_at >= files.available_at
    group by evenings.event_id, evenings.as_of_date, files.session_date, files.session_index
    having count(case when files.index_code <> 'RMICRO' then 1 end) = 3
),

chosen as (
    select *
    from complete
    qualify row_number() over (partition by event_id, as_of_date order by session_index desc) = 1
)

select
    evenings.event_id,
    evenings.as_of_date,
    evenings.moment,
    evenings.rank_date,
    evenings.effective_date,
    evenings.evening_at,
    chosen.session_date as file_date,
    chosen.has_microcap,
    cast(evenings.rank_index - chosen.session_index as integer) as sessions_to_rank,
    chosen.available_at,
    chosen.known_at
from evenings
left join chosen
    on
        evenings.event_id = chosen.event_id
        and evenings.as_of_date = chosen.as_of_date
