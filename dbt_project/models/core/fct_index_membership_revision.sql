-- Membership recomputed at every moment a snapshot was learnt, then equal rows of consecutive moments joined.
with events as (
    select
        events.first_session,
        sessions.session_index
    from {{ ref('fct_market_event') }} as events
    inner join {{ ref('dim_session') }} as sessions on events.event_date = sessions.session_date
    where events.event_type = 'RUSSELL_RECONSTITUTION'
),

-- The usable snapshots of each moment, in as-of order, with the reconstitutions around them.
snapshots as (
    select
        index_code,
        known_moment,
        moment_no,
        usable_no,
        as_of_date,
        session_index,
        lag(session_index) over (partition by index_code, moment_no order by usable_no) as previous_session_index,
        count(*) over (partition by index_code, moment_no) as usable_count
    from {{ ref('int_holding_snapshot_known') }}
    where
        is_usable
        and index_code is not null
),

snapshot_events as (
    select
        snapshots.index_code,
        snapshots.known_moment,
        snapshots.moment_no,
        snapshots.usable_no,
        snapshots.as_of_date,
        snapshots.session_index,
        snapshots.usable_count,
        snapshots.session_index - snapshots.previous_session_index as gap_sessions,
        -- after the snapshot before, up to this one: the Friday's own file usually shows the new book already
        count_if(
            snapshots.previous_session_index < events.session_index and events.session_index <= snapshots.session_index
        ) as events_since_previous,
        max(events.session_index) filter (
            snapshots.previous_session_index < events.session_index and events.session_index <= snapshots.session_index
        ) as event_since_previous,
        max(events.session_index) filter (
            snapshots.session_index between events.session_index and events.session_index + 20
        ) as event_of_late_addition,
        -- funds sell early by some days and late by weeks
        max(events.session_index) filter (
            snapshots.session_index between events.session_index - 3 and events.session_index + 20
        ) as event_of_deletion
    from snapshots
    left join events
        on
            snapshots.index_code in ('R1000', 'R2000', 'R3000', 'RMICRO')
            and events.session_index > coalesce(snapshots.previous_session_index, snapshots.session_index) - 25
            and events.session_index <= snapshots.session_index + 3
    group by all
),

runs as (
    select
        runs.index_code,
        runs.security_id,
        runs.ticker,
        runs.name,
        opening.moment_no,
        opening.next_usable_no as first_no,
        closing.previous_usable_no as last_no
    from {{ ref('int_security_run') }} as runs
    inner join {{ ref('int_holding_snapshot_known') }} as opening
        on
            runs.index_code = opening.index_code
            and runs.first_node = opening.node_no
    inner join {{ ref('int_holding_snapshot_known') }} as closing
        on
            runs.index_code = closing.index_code
            and runs.last_node = closing.node_no
            and opening.moment_no = closing.moment_no
    where opening.next_usable_no <= closing.previous_usable_no
),

-- One absence is a glitch of the file until a second snapshot repeats it.
numbered as (
    select
        *,
        coalesce(
            first_no - lag(last_no) over (
                partition by index_code, moment_no, security_id
                order by first_no
            ) > 2,
            false
        ) as starts_again
    from runs
),

grouped as (
    select
        *,
        count_if(starts_again) over (
            partition by index_code, moment_no, security_id
            order by first_no
            rows between unbounded preceding and current row
        ) as stay
    from numbered
),

stays as (
    select
        index_code,
        moment_no,
        security_id,
        min(first_no) as first_no,
        max(last_no) as last_no,
        min_by(ticker, first_no) as ticker,
        min_by(name, first_no) as name
    from grouped
    group by index_code, moment_no, security_id, stay
),

observed as (
    select
        stays.index_code,
        stays.moment_no,
        stays.security_id,
        stays.ticker,
        stays.name,
        stays.first_no > 1 as is_point_in_time,
        stays.first_no = stays.last_no and stays.first_no > 1 as is_single,
        first_shown.as_of_date as first_seen,
        first_shown.session_index as first_index,
        first_shown.gap_sessions as opening_gap,
        case
            when first_shown.events_since_previous = 1 then first_shown.event_since_previous
            -- two reconstitutions since the snapshot before: nobody can tell which
            when first_shown.events_since_previous = 0 then first_shown.event_of_late_addition
        end as opening_event,
        last_shown.as_of_date as last_seen,
        last_shown.session_index as last_index,
        stays.last_no = last_shown.usable_count as is_in_newest,
        first_absent.as_of_date as first_absent,
        first_absent.gap_sessions as closing_gap,
        case
            when first_absent.events_since_previous = 1 then first_absent.event_since_previous
            when first_absent.events_since_previous = 0 then last_shown.event_of_deletion
        end as closing_event
    from stays
    inner join snapshot_events as first_shown
        on
            stays.index_code = first_shown.index_code
            and stays.moment_no = first_shown.moment_no
            and stays.first_no = first_shown.usable_no
    inner join snapshot_events as last_shown
        on
            stays.index_code = last_shown.index_code
            and stays.moment_no = last_shown.moment_no
            and stays.last_no = last_shown.usable_no
    -- the stay is over when two snapshots are without it; the first of them dates the end
    left join snapshot_events as first_absent
        on
            stays.index_code = first_absent.index_code
            and stays.moment_no = first_absent.moment_no
            and stays.last_no + 1 = first_absent.usable_no
            and first_absent.usable_no < first_absent.usable_count
),

neighbouring as (
    select
        observed.*,
        opening.first_session as opening_session,
        closing.first_session as closing_session,
        lag(observed.last_index) over by_stay as previous_last_index,
        lag(observed.first_absent) over by_stay as previous_absent,
        lead(observed.first_index) over by_stay as next_first_index
    from observed
    left join events as opening on observed.opening_event = opening.session_index
    left join events as closing on observed.closing_event = closing.session_index
    window by_stay as (
        partition by observed.index_code, observed.moment_no, observed.security_id
        order by observed.first_index
    )
),

opened as (
    select
        *,
        case
            when
                is_point_in_time
                -- a line shown by one file only was never index membership
                and not (is_single and first_absent is not null)
                and coalesce(first_absent > opening_session, true)
                -- still held around the Friday, or back within the window: the fund moved, not the index
                and coalesce(previous_last_index < opening_event - 3, true)
                and coalesce(previous_absent < opening_session, true)
                then coalesce(opening_session, first_seen)
            else first_seen
        end as valid_from
    from neighbouring
),

closed as (
    select
        *,
        case
            when
                valid_from < closing_session
                and coalesce(next_first_index > closing_event + 20, true)
                then closing_session
            else first_absent
        end as valid_to
    from opened
),

known as (
    select
        index_code,
        moment_no,
        security_id,
        valid_from,
        valid_to,
        ticker,
        name,
        first_seen,
        -- null while shown: a date that moved every day would make every row a new revision every day
        case when not is_in_newest then last_seen end as last_seen,
        is_point_in_time,
        case
            when greatest(coalesce(opening_gap, 0), coalesce(closing_gap, 0)) > 10 then 'LOW'
            when is_single and first_absent is not null then 'LOW'
            -- greatest() skips nulls; null where neither boundary was observed
            when greatest(opening_gap, closing_gap) <= 3 then 'HIGH'
            else 'MEDIUM'
        end as confidence
    from closed
),

islands as (
    select
        *,
        moment_no - row_number() over (
            partition by
                index_code, security_id, valid_from, valid_to, ticker, name,
                first_seen, last_seen, is_point_in_time, confidence
            order by moment_no
        ) as island
    from known
),

revisions as (
    select
        index_code,
        security_id,
        valid_from,
        valid_to,
        ticker,
        name,
        first_seen,
        last_seen,
        is_point_in_time,
        confidence,
        min(moment_no) as first_moment,
        max(moment_no) as last_moment
    from islands
    group by
        index_code, security_id, valid_from, valid_to, ticker, name,
        first_seen, last_seen, is_point_in_time, confidence, island
),

moments as (
    select distinct
        index_code,
        moment_no,
        known_moment
    from {{ ref('int_holding_snapshot_known') }}
)

select
    revisions.index_code,
    revisions.security_id,
    revisions.valid_from,
    revisions.valid_to,
    revisions.ticker,
    revisions.name,
    revisions.first_seen,
    revisions.last_seen,
    revisions.is_point_in_time,
    revisions.confidence,
    learnt.known_moment as known_from,
    replaced.known_moment as known_to
from revisions
inner join moments as learnt
    on
        revisions.index_code = learnt.index_code
        and revisions.first_moment = learnt.moment_no
left join moments as replaced
    on
        revisions.index_code = replaced.index_code
        and revisions.last_moment + 1 = replaced.moment_no
