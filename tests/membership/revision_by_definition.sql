-- Membership recomputed at every moment a file was learnt, then equal rows of consecutive moments joined.
with russell_events as (
    select
        events.event_type,
        events.first_session,
        sessions.session_index
    from {{ ref('fct_market_event') }} as events
    inner join {{ ref('dim_session') }} as sessions on events.event_date = sessions.session_date
    where events.event_type in ('RUSSELL_RECONSTITUTION', 'RUSSELL_QUARTERLY_IPO')
),

-- In December the review of IPOs is part of the reconstitution.
events as (
    select
        session_index,
        min(first_session) as first_session,
        bool_or(event_type = 'RUSSELL_RECONSTITUTION') as is_reconstitution
    from russell_events
    group by session_index
),

-- The usable snapshots of each moment, in as-of order, with the events around them.
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
        snapshots.previous_session_index,
        snapshots.usable_count,
        snapshots.session_index - snapshots.previous_session_index as gap_sessions,
        -- after the snapshot before, up to this one: the Friday's own file usually shows the new book already
        count_if(
            events.is_reconstitution
            and snapshots.previous_session_index < events.session_index
            and events.session_index <= snapshots.session_index
        ) as events_since_previous,
        max(events.session_index) filter (
            events.is_reconstitution
            and snapshots.previous_session_index < events.session_index
            and events.session_index <= snapshots.session_index
        ) as event_since_previous,
        max(events.session_index) filter (
            events.is_reconstitution
            and snapshots.session_index between events.session_index and events.session_index + 20
        ) as event_of_late_addition,
        -- funds sell early by some days and late by weeks
        max(events.session_index) filter (
            events.is_reconstitution
            and snapshots.session_index between events.session_index - 3 and events.session_index + 20
        ) as event_of_deletion,
        -- what was first seen in this file may have joined within two sessions of such a Friday
        count_if(
            not events.is_reconstitution
            and snapshots.previous_session_index - 1 <= events.session_index
            and events.session_index <= snapshots.session_index + 2
        ) as reviews_around,
        max(events.session_index) filter (
            not events.is_reconstitution
            and snapshots.previous_session_index - 1 <= events.session_index
            and events.session_index <= snapshots.session_index + 2
        ) as review_around
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
        runs.first_node,
        runs.last_node,
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

-- A gap of one file, or of five sessions, is a glitch and no leave and return.
numbered as (
    select
        runs.*,
        coalesce(
            runs.first_no - lag(runs.last_no) over by_run > 2
            and first_shown.session_index - lag(last_shown.session_index) over by_run > 5,
            false
        ) as starts_again
    from runs
    inner join snapshots as first_shown
        on
            runs.index_code = first_shown.index_code
            and runs.moment_no = first_shown.moment_no
            and runs.first_no = first_shown.usable_no
    inner join snapshots as last_shown
        on
            runs.index_code = last_shown.index_code
            and runs.moment_no = last_shown.moment_no
            and runs.last_no = last_shown.usable_no
    window by_run as (partition by runs.index_code, runs.moment_no, runs.security_id order by runs.first_no)
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
        min(first_node) as first_node,
        max(last_node) as last_node,
        min_by(ticker, first_no) as ticker,
        min_by(name, first_no) as name
    from grouped
    group by index_code, moment_no, security_id, stay
),

-- Moments are the same for all funds, so a stay can look at the other funds as they were known then.
sightings as (
    select
        stays.index_code,
        stays.moment_no,
        stays.security_id,
        max(last_shown.as_of_date) as last_seen
    from stays
    inner join snapshots as last_shown
        on
            stays.index_code = last_shown.index_code
            and stays.moment_no = last_shown.moment_no
            and stays.last_no = last_shown.usable_no
    group by stays.index_code, stays.moment_no, stays.security_id
),

endings as (
    select
        stays.*,
        last_shown.as_of_date as last_seen,
        last_shown.session_index as last_index,
        last_shown.event_of_deletion,
        last_shown.usable_count,
        last_shown.known_moment,
        first_absent.usable_no as absent_no,
        first_absent.as_of_date as absent_date,
        first_absent.session_index as absent_index,
        first_absent.gap_sessions as absent_gap,
        first_absent.events_since_previous,
        first_absent.event_since_previous,
        coalesce(bool_or(sightings.security_id is not null), false) as is_elsewhere,
        coalesce(bool_or(
            (stays.index_code = 'R2000' and sightings.index_code = 'R1000')
            or (stays.index_code = 'R1000' and sightings.index_code = 'R2000')
        ), false) as is_in_other_tier
    from stays
    inner join snapshot_events as last_shown
        on
            stays.index_code = last_shown.index_code
            and stays.moment_no = last_shown.moment_no
            and stays.last_no = last_shown.usable_no
    left join snapshot_events as first_absent
        on
            stays.index_code = first_absent.index_code
            and stays.moment_no = first_absent.moment_no
            and stays.last_no + 1 = first_absent.usable_no
    left join sightings
        on
            stays.security_id = sightings.security_id
            and stays.moment_no = sightings.moment_no
            and stays.index_code <> sightings.index_code
            and first_absent.as_of_date <= sightings.last_seen
    group by all
),

-- Why it ended, by what was known at the moment.
explained as (
    select
        endings.*,
        departures.is_sold,
        (
            coalesce(departures.claim_known_at <= endings.known_moment, false)
            or (
                coalesce(departures.is_pinned or departures.is_collapsed, false)
                and not coalesce(departures.is_sold, false)
            )
        )
        and not endings.is_elsewhere as is_gone
    from endings
    left join {{ ref('int_departure_evidence') }} as departures
        on
            endings.index_code = departures.index_code
            and endings.security_id = departures.security_id
            and endings.last_node = departures.last_node
            and departures.known_at <= endings.known_moment
),

-- The stay is over when two snapshots are without it, or one is and something else says so: the other tier's fund shows
-- it, the fund had sold down, the company was bought, or a reconstitution took place in between.
ended as (
    select
        *,
        absent_no < usable_count as is_confirmed,
        absent_no is not null
        and (
            absent_no < usable_count
            or is_in_other_tier
            or is_gone
            or coalesce(is_sold, false)
            or events_since_previous = 1
        ) as is_over,
        case
            -- two reconstitutions since the snapshot before: nobody can tell which
            when events_since_previous = 1 and not is_gone then event_since_previous
            when events_since_previous = 0 and event_of_deletion > absent_index
                -- out before the Friday: only what the fund sold or another fund took
                then case when coalesce(is_sold, false) or is_elsewhere then event_of_deletion end
            -- held to the end at full size and then in no fund: bought, not deleted
            when events_since_previous = 0 and not is_gone and (coalesce(is_sold, true) or is_elsewhere)
                then event_of_deletion
        end as event_of_ending
    from explained
),

observed as (
    select
        ended.index_code,
        ended.moment_no,
        ended.security_id,
        ended.ticker,
        ended.name,
        ended.first_no > 1 as is_point_in_time,
        ended.first_no = ended.last_no and ended.first_no > 1 as is_single,
        first_shown.as_of_date as first_seen,
        first_shown.session_index as first_index,
        first_shown.gap_sessions as opening_gap,
        case when first_shown.events_since_previous = 1 then first_shown.event_since_previous end as event_in_gap,
        case when first_shown.events_since_previous = 0 then first_shown.event_of_late_addition end as event_before,
        case
            when first_shown.events_since_previous = 0 and first_shown.reviews_around = 1 then first_shown.review_around
        end as review,
        coalesce(arrivals.has_parent_by_price, false) as has_parent_by_price,
        coalesce(arrivals.has_parent_by_name, false) as has_parent_by_name,
        -- too large for the fund to have missed it at the reconstitution
        coalesce(
            ended.index_code in ('R1000', 'R3000')
            and first_shown.as_of_date >= date '2026-05-26'
            and first_shown.events_since_previous = 0
            and first_shown.reviews_around = 0
            and arrivals.weight_rank <= 500
            and coalesce(first_shown.session_index > first_shown.event_of_late_addition + 2, true),
            false
        ) as is_large,
        ended.last_seen,
        ended.last_index,
        ended.last_no = ended.usable_count as is_in_newest,
        case when ended.is_over then ended.absent_date end as first_absent,
        case when ended.is_over then ended.absent_gap end as closing_gap,
        case when ended.is_over then ended.event_of_ending end as closing_event,
        ended.is_over and ended.is_confirmed as is_confirmed,
        ended.is_gone,
        -- absent shortly before and after: received in a takeover, or a fault, but no membership
        ended.is_over
        and ended.absent_index - first_shown.previous_session_index <= 7 as is_brief
    from ended
    inner join snapshot_events as first_shown
        on
            ended.index_code = first_shown.index_code
            and ended.moment_no = first_shown.moment_no
            and ended.first_no = first_shown.usable_no
    left join {{ ref('int_arrival_evidence') }} as arrivals
        on
            ended.index_code = arrivals.index_code
            and ended.security_id = arrivals.security_id
            and ended.first_node = arrivals.first_node
            and arrivals.known_at <= ended.known_moment
),

-- Why it began. A file with a reconstitution since the one before shows its additions; between two of them only
-- spin-offs, recent listings and very large ones are added.
begun as (
    select
        *,
        case
            when event_in_gap is not null then 'reconstitution'
            when has_parent_by_price then 'spin_off'
            when is_large then 'fast_entry'
            when event_before is not null then 'reconstitution'
            when review is not null then 'ipo_review'
            when has_parent_by_name then 'spin_off'
            else 'observed'
        end as beginning,
        case
            when event_in_gap is not null then event_in_gap
            when has_parent_by_price or is_large then null
            else coalesce(event_before, review)
        end as opening_event
    from observed
),

neighbouring as (
    select
        begun.*,
        opening.first_session as opening_session,
        closing.first_session as closing_session,
        lag(begun.last_index) over by_stay as previous_last_index,
        lag(begun.first_absent) over by_stay as previous_absent,
        lead(begun.first_index) over by_stay as next_first_index
    from begun
    left join events as opening on begun.opening_event = opening.session_index
    left join events as closing on begun.closing_event = closing.session_index
    window by_stay as (
        partition by begun.index_code, begun.moment_no, begun.security_id
        order by begun.first_index
    )
),

opened as (
    select
        *,
        coalesce(
            is_point_in_time
            and opening_session is not null
            -- a line shown by one file, or for some days late in the window, was never index membership
            and not (is_single and first_absent is not null)
            and not (is_brief and first_index > opening_event + 2)
            and coalesce(first_absent > opening_session, true)
            -- still held around the Friday, or back within the window: the fund moved, not the index
            and coalesce(previous_last_index < opening_event - 3, true)
            and coalesce(previous_absent < opening_session, true),
            false
        ) as is_dated_by_event
    from neighbouring
),

dated as (
    select
        *,
        case when is_dated_by_event then opening_session else first_seen end as valid_from
    from opened
),

closed as (
    select
        *,
        coalesce(
            valid_from < closing_session
            and coalesce(next_first_index > closing_event + 20, true),
            false
        ) as ends_by_event
    from dated
),

known as (
    select
        index_code,
        moment_no,
        security_id,
        valid_from,
        case when ends_by_event then closing_session else first_absent end as valid_to,
        ticker,
        name,
        first_seen,
        -- null while shown: a date that moved every day would make every row a new revision every day
        case when not is_in_newest then last_seen end as last_seen,
        is_point_in_time,
        coalesce(is_brief, false) as is_brief,
        case
            when not is_point_in_time then 'first_file'
            when is_dated_by_event or beginning in ('spin_off', 'fast_entry') then beginning
            else 'observed'
        end as entry_basis,
        case
            when ends_by_event then 'reconstitution'
            when first_absent is not null and is_gone then 'ceased'
            when first_absent is not null then 'observed'
        end as exit_basis,
        case
            when greatest(coalesce(opening_gap, 0), coalesce(closing_gap, 0)) > 10 then 'LOW'
            when is_single and first_absent is not null then 'LOW'
            when is_brief then 'LOW'
            when first_absent is not null and not is_confirmed then 'LOW'
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
                first_seen, last_seen, is_point_in_time, is_brief, entry_basis, exit_basis, confidence
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
        is_brief,
        entry_basis,
        exit_basis,
        confidence,
        min(moment_no) as first_moment,
        max(moment_no) as last_moment
    from islands
    group by
        index_code, security_id, valid_from, valid_to, ticker, name,
        first_seen, last_seen, is_point_in_time, is_brief, entry_basis, exit_basis, confidence, island
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
    revisions.is_brief,
    revisions.entry_basis,
    revisions.exit_basis,
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
