{{ config(materialized='view') }}

with explained as (
    select
        stays.book_code,
        stays.security_id,
        stays.moment_no,
        stays.ticker,
        stays.is_ticker_inferred,
        stays.name,
        stays.first_seen,
        stays.first_index,
        stays.last_seen,
        stays.last_index,
        stays.absent_node is null as is_in_newest,
        stays.before_opening_node is not null as is_point_in_time,
        stays.opening_node = stays.closing_node
        and stays.before_opening_node is not null
        -- one report among reports stands for a quarter
        and not coalesce(beginnings.entry_source = 'sec' and endings.exit_source = 'sec', false) as is_single,
        beginnings.beginning,
        beginnings.opening_event,
        beginnings.opening_gap,
        beginnings.entry_source,
        endings.absent_date as first_absent,
        endings.closing_event,
        endings.closing_gap,
        endings.exit_source,
        coalesce(endings.is_confirmed, false) as is_confirmed,
        coalesce(endings.is_gone, false) as is_gone,
        -- absent shortly before and after: received in a takeover, or a fault, but no membership
        coalesce(
            endings.absent_index - beginnings.previous_index
            <= {{ number_of('membership_rule', 'brief_stay_sessions') }},
            false
        ) as is_brief
    from {{ ref('int_stay') }} as stays
    inner join {{ ref('int_stay_beginning') }} as beginnings
        on
            stays.book_code = beginnings.book_code
            and stays.security_id = beginnings.security_id
            and stays.moment_no = beginnings.moment_no
            and stays.opening_node = beginnings.opening_node
    left join {{ ref('int_stay_ending') }} as endings
        on
            stays.book_code = endings.book_code
            and stays.security_id = endings.security_id
            and stays.moment_no = endings.moment_no
            and stays.opening_node = endings.opening_node
),

neighbouring as (
    select
        explained.*,
        opening.first_session as opening_session,
        closing.first_session as closing_session,
        lag(explained.last_index) over by_stay as previous_last_index,
        lag(explained.first_absent) over by_stay as previous_absent,
        lead(explained.first_index) over by_stay as next_first_index
    from explained
    left join {{ ref('int_russell_event') }} as opening on explained.opening_event = opening.session_index
    left join {{ ref('int_russell_event') }} as closing on explained.closing_event = closing.session_index
    window by_stay as (
        partition by explained.book_code, explained.moment_no, explained.security_id
        order by explained.first_index
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
            and not (
                is_brief
                and first_index > opening_event + {{ number_of('membership_rule', 'prompt_addition_sessions') }}
            )
            and coalesce(first_absent > opening_session, true)
            -- still held around the Friday, or back within the window: the fund moved, not the index
            and coalesce(
                previous_last_index < opening_event - {{ number_of('membership_rule', 'early_deletion_sessions') }},
                true
            )
            and coalesce(previous_absent < opening_session, true),
            false
        ) as begins_by_event
    from neighbouring
),

dated as (
    select
        *,
        case when begins_by_event then opening_session else first_seen end as valid_from
    from opened
),

closed as (
    select
        *,
        coalesce(
            valid_from < closing_session
            and coalesce(
                next_first_index > closing_event + {{ number_of('membership_rule', 'late_addition_sessions') }}, true
            ),
            false
        ) as ends_by_event
    from dated
)

select
    book_code,
    security_id,
    moment_no,
    valid_from,
    case when ends_by_event then closing_session else first_absent end as valid_to,
    ticker,
    is_ticker_inferred,
    name,
    first_seen,
    last_seen,
    first_absent,
    opening_gap,
    closing_gap,
    entry_source,
    exit_source,
    beginning,
    begins_by_event,
    ends_by_event,
    is_in_newest,
    is_point_in_time,
    is_single,
    -- added at the reconstitution and gone soon after: a member it was
    is_brief and not begins_by_event as is_brief,
    is_confirmed,
    is_gone
from closed
