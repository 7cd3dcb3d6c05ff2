with events as (
    select
        events.event_id,
        events.first_session,
        sessions.previous_session
    from {{ ref('fct_market_event') }} as events
    inner join {{ ref('dim_session') }} as sessions on events.event_date = sessions.session_date
    where
        events.event_type = 'RUSSELL_RECONSTITUTION'
        and events.event_date <= {{ as_of_session() }}
),

brackets as (
    select
        events.event_id,
        {{ source_of('old_files.book_code') }} as source,
        old_files.book_code,
        case {{ index_of('old_files.book_code') }} when 'R1000' then 1 when 'R2000' then 2 else 3 end as tier_no,
        case when old_files.is_near_before then old_files.before_date end as before_date,
        case when old_files.is_near_before then old_files.before_gap_sessions end as before_gap_sessions,
        case when new_files.is_near_after then new_files.after_date end as after_date,
        case when new_files.is_near_after then new_files.after_gap_sessions end as after_gap_sessions
    from events
    inner join {{ ref('int_reconstitution_evidence') }} as old_files on events.previous_session = old_files.session_date
    inner join {{ ref('int_reconstitution_evidence') }} as new_files
        on
            events.first_session = new_files.session_date
            and old_files.book_code = new_files.book_code
    where {{ index_of('old_files.book_code') }} in ('R1000', 'R2000', 'RMICRO')
),

-- A security that no file shows is in no tier where all three funds show theirs, else nobody knows where it is.
coverage as (
    select
        source,
        event_id,
        count(before_date) = 3 as is_complete_before,
        count(after_date) = 3 as is_complete_after,
        max(greatest(before_gap_sessions, after_gap_sessions)) as gap_sessions
    from brackets
    group by source, event_id
    having
        count(before_date) > 0
        and count(after_date) > 0
),

members as (
    select
        brackets.source,
        brackets.event_id,
        brackets.book_code,
        brackets.tier_no,
        brackets.before_date,
        brackets.after_date,
        stays.security_id,
        brackets.before_date >= stays.valid_from
        and coalesce(brackets.before_date < stays.valid_to, true)
        and coalesce(brackets.before_date <= stays.last_seen, true) as was_member,
        brackets.after_date >= stays.valid_from
        and coalesce(brackets.after_date < stays.valid_to, true)
        and coalesce(brackets.after_date <= stays.last_seen, true) as is_member
    from brackets
    inner join {{ ref('int_book_membership') }} as stays on brackets.book_code = stays.book_code
    where not stays.is_brief
),

-- The small end of the Russell 2000 is in the Microcap index too: the larger tier counts.
placed as (
    select
        source,
        event_id,
        security_id,
        min(tier_no) filter (was_member) as tier_before,
        min(tier_no) filter (is_member) as tier_after,
        min_by(book_code, tier_no) filter (was_member) as book_before,
        min_by(before_date, tier_no) filter (was_member) as date_before,
        min_by(book_code, tier_no) filter (is_member) as book_after,
        min_by(after_date, tier_no) filter (is_member) as date_after
    from members
    where
        was_member
        or is_member
    group by source, event_id, security_id
),

known as (
    select
        placed.source,
        placed.event_id,
        placed.security_id,
        coalesce(placed.tier_before, case when coverage.is_complete_before then 4 else 5 end) as tier_before,
        coalesce(placed.tier_after, case when coverage.is_complete_after then 4 else 5 end) as tier_after,
        coalesce(placed.book_before, placed.book_after) as book_code,
        coalesce(placed.date_before, placed.date_after) as as_of_date,
        coverage.gap_sessions
    from placed
    inner join coverage
        on
            placed.source = coverage.source
            and placed.event_id = coverage.event_id
),

weighed as (
    select
        known.source,
        known.event_id,
        known.security_id,
        known.tier_before,
        known.tier_after,
        known.gap_sessions,
        sum(cast(holdings.weight_pct as decimal(18, 6))) as weight_pct
    from known
    left join {{ ref('int_book_holding') }} as holdings
        on
            known.security_id = holdings.security_id
            and known.book_code = holdings.book_code
            and known.as_of_date = holdings.as_of_date
    group by known.source, known.event_id, known.security_id, known.tier_before, known.tier_after, known.gap_sessions
)

select
    source,
    event_id,
    case tier_before
        when 1 then 'R1000' when 2 then 'R2000' when 3 then 'MICRO' when 4 then 'NONE' else 'UNKNOWN'
    end as tier_before,
    case tier_after
        when 1 then 'R1000' when 2 then 'R2000' when 3 then 'MICRO' when 4 then 'NONE' else 'UNKNOWN'
    end as tier_after,
    cast(count(*) as integer) as names,
    cast(sum(weight_pct) as double) as weight_pct,
    case
        -- the Microcap fund holds a sample: that no file shows a name does not prove that it is in no tier
        when
            greatest(tier_before, tier_after) >= 4
            and gap_sessions <= {{ number_of('membership_rule', 'high_confidence_gap_sessions') }}
            then 'MEDIUM'
        else {{ gap_confidence('gap_sessions') }}
    end as confidence
from weighed
group by source, event_id, tier_before, tier_after, gap_sessions
