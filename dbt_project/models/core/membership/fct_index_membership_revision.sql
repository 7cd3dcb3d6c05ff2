-- Membership as a reader of each moment would compute it, for those securities and moments alone at which it can have
-- changed; then equal rows of consecutive readings are joined.
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

nodes as (
    select
        index_code,
        node_no,
        as_of_date,
        session_index
    from {{ ref('int_holding_file') }}
    where index_code is not null
),

states as (
    select
        index_code,
        node_no,
        moment_no,
        opening_node,
        before_opening_node,
        closing_node,
        absent_node,
        second_absent_node
    from {{ ref('int_holding_file_as_known') }}
    where index_code is not null
),

moments as (
    select
        index_code,
        moment_no,
        known_moment,
        newest_node,
        newest_date,
        earlier_newest_node,
        earlier_newest_date
    from {{ ref('int_newest_file_as_known') }}
    where index_code is not null
),

-- A usable file and the usable one before it, wherever a stay can begin or end, with the events around them.
steps as (
    select
        index_code,
        opening_node as node_no,
        before_opening_node as previous_node
    from states
    where opening_node is not null
    union
    select
        index_code,
        absent_node as node_no,
        closing_node as previous_node
    from states
    where absent_node is not null
),

snapshots as (
    select
        steps.index_code,
        steps.node_no,
        steps.previous_node,
        shown.as_of_date,
        shown.session_index,
        before.session_index as previous_session_index
    from steps
    inner join nodes as shown
        on
            steps.index_code = shown.index_code
            and steps.node_no = shown.node_no
    left join nodes as before
        on
            steps.index_code = before.index_code
            and steps.previous_node = before.node_no
),

snapshot_events as (
    select
        snapshots.index_code,
        snapshots.node_no,
        snapshots.previous_node,
        snapshots.as_of_date,
        snapshots.session_index,
        snapshots.previous_session_index,
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

-- funds sell early by some days and late by weeks
sellings as (
    select
        nodes.index_code,
        nodes.node_no,
        max(events.session_index) as event_of_deletion
    from nodes
    inner join events
        on
            events.is_reconstitution
            and nodes.session_index between events.session_index - 3 and events.session_index + 20
    where nodes.index_code in ('R1000', 'R2000', 'R3000', 'RMICRO')
    group by nodes.index_code, nodes.node_no
),

securities as (
    select distinct
        index_code,
        security_id
    from {{ ref('int_presence') }}
),

-- What is known of a security changes only when one of its runs opens or closes differently for the reader, ...
run_changes as (
    select
        runs.index_code,
        runs.security_id,
        states.moment_no
    from {{ ref('int_presence') }} as runs
    inner join states
        on
            runs.index_code = states.index_code
            and runs.first_node = states.node_no
    union
    select
        runs.index_code,
        runs.security_id,
        states.moment_no
    from {{ ref('int_presence') }} as runs
    inner join states
        on
            runs.index_code = states.index_code
            and runs.last_node = states.node_no
    inner join moments
        on
            states.index_code = moments.index_code
            and states.moment_no = moments.moment_no
    -- a run up to the newest file is open: a newer file that shows the security too changes nothing
    where runs.last_node < greatest(moments.newest_node, moments.earlier_newest_node)
),

-- ... when a fund that still shows it is seen as late as another one that does not, ...
absences as (
    select distinct
        runs.index_code,
        runs.security_id,
        absent.as_of_date as absent_date
    from {{ ref('int_presence') }} as runs
    inner join states
        on
            runs.index_code = states.index_code
            and runs.last_node = states.node_no
    inner join nodes as absent
        on
            states.index_code = absent.index_code
            and states.absent_node = absent.node_no
),

elsewhere_dates as (
    select distinct
        elsewhere.index_code,
        absences.absent_date
    from absences
    inner join securities as elsewhere
        on
            absences.security_id = elsewhere.security_id
            and absences.index_code <> elsewhere.index_code
),

elsewhere_moments as (
    select
        elsewhere_dates.index_code,
        elsewhere_dates.absent_date,
        moments.moment_no
    from elsewhere_dates
    inner join moments
        on
            elsewhere_dates.index_code = moments.index_code
            and elsewhere_dates.absent_date <= greatest(moments.newest_date, moments.earlier_newest_date)
            and elsewhere_dates.absent_date > least(
                coalesce(moments.newest_date, date '0001-01-01'),
                coalesce(moments.earlier_newest_date, date '0001-01-01')
            )
),

elsewhere_changes as (
    select
        absences.security_id,
        elsewhere_moments.moment_no
    from absences
    inner join {{ ref('int_presence') }} as elsewhere
        on
            absences.security_id = elsewhere.security_id
            and absences.index_code <> elsewhere.index_code
    inner join elsewhere_moments
        on
            elsewhere.index_code = elsewhere_moments.index_code
            and absences.absent_date = elsewhere_moments.absent_date
),

-- ... or when evidence becomes known.
evidence as (
    select
        index_code,
        security_id,
        known_at
    from {{ ref('int_departure_evidence') }}
    union
    select
        index_code,
        security_id,
        claim_known_at as known_at
    from {{ ref('int_departure_evidence') }}
    where claim_known_at is not null
    union
    select
        index_code,
        security_id,
        known_at
    from {{ ref('int_arrival_evidence') }}
),

evidence_changes as (
    select
        evidence.security_id,
        moments.moment_no
    from evidence
    asof inner join moments
        on
            evidence.index_code = moments.index_code
            and evidence.known_at <= moments.known_moment
),

-- In all funds at once, as one is evidence for another.
changes as (
    select
        security_id,
        moment_no
    from run_changes
    union
    select
        security_id,
        moment_no
    from elsewhere_changes
    union
    select
        security_id,
        moment_no
    from evidence_changes
),

readings as (
    select
        securities.index_code,
        changes.security_id,
        changes.moment_no,
        moments.known_moment,
        moments.newest_node,
        row_number() over by_moment as reading_no,
        lead(moments.known_moment) over by_moment as next_known_moment
    from changes
    inner join securities
        on changes.security_id = securities.security_id
    inner join moments
        on
            securities.index_code = moments.index_code
            and changes.moment_no = moments.moment_no
    window by_moment as (
        partition by securities.index_code, changes.security_id
        order by changes.moment_no
    )
),

visible_runs as (
    select
        readings.index_code,
        readings.security_id,
        readings.moment_no,
        readings.newest_node,
        readings.known_moment,
        runs.ticker,
        runs.name,
        runs.first_node,
        runs.last_node
    from readings
    inner join {{ ref('int_presence') }} as runs
        on
            readings.index_code = runs.index_code
            and readings.security_id = runs.security_id
    where runs.first_node <= readings.newest_node
),

opened_runs as (
    select
        visible_runs.*,
        states.opening_node,
        states.before_opening_node
    from visible_runs
    asof inner join states
        on
            visible_runs.index_code = states.index_code
            and visible_runs.first_node = states.node_no
            and visible_runs.moment_no >= states.moment_no
),

runs as (
    select
        opened_runs.index_code,
        opened_runs.security_id,
        opened_runs.moment_no,
        opened_runs.known_moment,
        opened_runs.ticker,
        opened_runs.name,
        opened_runs.first_node,
        opened_runs.last_node,
        opened_runs.opening_node,
        opened_runs.before_opening_node,
        case
            when opened_runs.last_node >= opened_runs.newest_node then opened_runs.newest_node
            else states.closing_node
        end as closing_node,
        case when opened_runs.last_node < opened_runs.newest_node then states.absent_node end as absent_node,
        case
            when opened_runs.last_node < opened_runs.newest_node then states.second_absent_node
        end as second_absent_node
    from opened_runs
    asof left join states
        on
            opened_runs.index_code = states.index_code
            and opened_runs.last_node = states.node_no
            and opened_runs.moment_no >= states.moment_no
    where
        opened_runs.opening_node <= case
            when opened_runs.last_node >= opened_runs.newest_node then opened_runs.newest_node
            else states.closing_node
        end
),

-- A gap of one file, or of five sessions, is a glitch and no leave and return.
numbered as (
    select
        runs.*,
        coalesce(
            runs.opening_node > lag(runs.second_absent_node) over by_run
            and first_shown.session_index - lag(last_shown.session_index) over by_run > 5,
            false
        ) as starts_again
    from runs
    inner join nodes as first_shown
        on
            runs.index_code = first_shown.index_code
            and runs.opening_node = first_shown.node_no
    inner join nodes as last_shown
        on
            runs.index_code = last_shown.index_code
            and runs.closing_node = last_shown.node_no
    window by_run as (partition by runs.index_code, runs.moment_no, runs.security_id order by runs.opening_node)
),

grouped as (
    select
        *,
        count_if(starts_again) over (
            partition by index_code, moment_no, security_id
            order by opening_node
            rows between unbounded preceding and current row
        ) as stay
    from numbered
),

stays as (
    select
        index_code,
        moment_no,
        security_id,
        min(opening_node) as opening_node,
        any_value(known_moment) as known_moment,
        -- these forms keep a null of the row they find
        arg_min_null(before_opening_node, opening_node) as before_opening_node,
        max(closing_node) as closing_node,
        arg_max_null(absent_node, closing_node) as absent_node,
        arg_max_null(second_absent_node, closing_node) as second_absent_node,
        min(first_node) as first_node,
        max(last_node) as last_node,
        min_by(ticker, opening_node) as ticker,
        min_by(name, opening_node) as name
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
    inner join nodes as last_shown
        on
            stays.index_code = last_shown.index_code
            and stays.closing_node = last_shown.node_no
    group by stays.index_code, stays.moment_no, stays.security_id
),

endings as (
    select
        stays.*,
        last_shown.as_of_date as last_seen,
        last_shown.session_index as last_index,
        sellings.event_of_deletion,
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
    inner join nodes as last_shown
        on
            stays.index_code = last_shown.index_code
            and stays.closing_node = last_shown.node_no
    left join sellings
        on
            stays.index_code = sellings.index_code
            and stays.closing_node = sellings.node_no
    left join snapshot_events as first_absent
        on
            stays.index_code = first_absent.index_code
            and stays.absent_node = first_absent.node_no
            and stays.closing_node = first_absent.previous_node
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
        coalesce(departures.is_priced, false) as is_priced,
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
            and endings.known_moment >= departures.known_at
),

-- The stay is over when two snapshots are without it, or one is and something else says so: the other tier's fund shows
-- it, the fund had sold down, the company was bought, or a reconstitution took place in between.
ended as (
    select
        *,
        second_absent_node is not null as is_confirmed,
        absent_node is not null
        and (
            second_absent_node is not null
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
            -- Held to the end at full size and then in no fund: bought, not deleted. Some funds sell on the session
            -- after the Friday, and then prices that moved say that nobody bought the company.
            when
                events_since_previous = 0
                and not is_gone
                and (
                    coalesce(is_sold, true)
                    or is_elsewhere
                    or (is_priced and event_of_deletion = last_index)
                )
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
        ended.before_opening_node is not null as is_point_in_time,
        ended.opening_node = ended.closing_node and ended.before_opening_node is not null as is_single,
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
        ended.absent_node is null as is_in_newest,
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
            and ended.opening_node = first_shown.node_no
            and ended.before_opening_node is not distinct from first_shown.previous_node
    left join {{ ref('int_arrival_evidence') }} as arrivals
        on
            ended.index_code = arrivals.index_code
            and ended.security_id = arrivals.security_id
            and ended.first_node = arrivals.first_node
            and ended.known_moment >= arrivals.known_at
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
        -- added at the reconstitution and gone soon after: a member it was
        coalesce(is_brief and not is_dated_by_event, false) as is_brief,
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
            when
                greatest(coalesce(opening_gap, 0), coalesce(closing_gap, 0)) > {{ var('confidence_medium_sessions') }}
                then 'LOW'
            when is_single and first_absent is not null then 'LOW'
            when is_brief and not is_dated_by_event then 'LOW'
            when first_absent is not null and not is_confirmed then 'LOW'
            -- greatest() skips nulls; null where neither boundary was observed
            when greatest(opening_gap, closing_gap) <= {{ var('confidence_high_sessions') }} then 'HIGH'
            else 'MEDIUM'
        end as confidence
    from closed
),

numbered_states as (
    select
        known.*,
        readings.reading_no
    from known
    inner join readings
        on
            known.index_code = readings.index_code
            and known.security_id = readings.security_id
            and known.moment_no = readings.moment_no
),

islands as (
    select
        *,
        reading_no - row_number() over (
            partition by
                index_code, security_id, valid_from, valid_to, ticker, name,
                first_seen, last_seen, is_point_in_time, is_brief, entry_basis, exit_basis, confidence
            order by reading_no
        ) as island
    from numbered_states
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
        min(reading_no) as first_reading,
        max(reading_no) as last_reading
    from islands
    group by
        index_code, security_id, valid_from, valid_to, ticker, name,
        first_seen, last_seen, is_point_in_time, is_brief, entry_basis, exit_basis, confidence, island
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
    replaced.next_known_moment as known_to
from revisions
inner join readings as learnt
    on
        revisions.index_code = learnt.index_code
        and revisions.security_id = learnt.security_id
        and revisions.first_reading = learnt.reading_no
inner join readings as replaced
    on
        revisions.index_code = replaced.index_code
        and revisions.security_id = replaced.security_id
        and revisions.last_reading = replaced.reading_no
