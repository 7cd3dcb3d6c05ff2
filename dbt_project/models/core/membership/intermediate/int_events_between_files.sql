-- A usable file and the usable one before it, wherever a stay can begin or end for some reader.
with steps as (
    select
        book_code,
        opening_node as node_no,
        before_opening_node as previous_node
    from {{ ref('int_holding_file_as_known') }}
    union
    select
        book_code,
        absent_node as node_no,
        closing_node as previous_node
    from {{ ref('int_holding_file_as_known') }}
),

files as (
    select
        steps.book_code,
        steps.node_no,
        steps.previous_node,
        shown.as_of_date,
        shown.session_index,
        before.session_index as previous_session_index,
        concat_ws('+', before.vendor, nullif(shown.vendor, before.vendor)) as vendors
    from steps
    inner join {{ ref('int_holding_file') }} as shown
        on
            steps.book_code = shown.book_code
            and steps.node_no = shown.node_no
    left join {{ ref('int_holding_file') }} as before
        on
            steps.book_code = before.book_code
            and steps.previous_node = before.node_no
),

-- Each event beside each file, with what the file can show of it.
related as (
    select
        files.*,
        events.session_index as event_index,
        -- after the file before, up to this one: the Friday's own file usually shows the new book already
        coalesce(
            events.is_reconstitution
            and files.previous_session_index < events.session_index
            and events.session_index <= files.session_index,
            false
        ) as is_between,
        events.is_reconstitution
        and files.session_index between events.session_index
        and events.session_index + {{ number_of('membership_rule', 'late_addition_sessions') }} as may_show_addition,
        events.is_reconstitution
        and files.previous_session_index
        between events.session_index - {{ number_of('membership_rule', 'early_deletion_sessions') }}
        and events.session_index + {{ number_of('membership_rule', 'late_deletion_sessions') }} as may_show_deletion,
        -- what was first seen in this file joined after the one before
        coalesce(
            not events.is_reconstitution
            and files.previous_session_index + 1 - {{ number_of('membership_rule', 'review_sessions') }}
            <= events.session_index
            and events.session_index <= files.session_index + {{ number_of('membership_rule', 'review_sessions') }},
            false
        ) as is_review_around
    from files
    left join {{ ref('int_russell_event') }} as events
        on {{ index_of('files.book_code') }} in ('R1000', 'R2000', 'R3000', 'RMICRO')
)

select
    book_code,
    node_no,
    previous_node,
    as_of_date,
    session_index,
    previous_session_index,
    session_index - previous_session_index as gap_sessions,
    count_if(is_between) as reconstitutions_between,
    max(event_index) filter (is_between) as reconstitution_between,
    max(event_index) filter (may_show_addition) as reconstitution_of_addition,
    max(event_index) filter (may_show_deletion) as reconstitution_of_deletion,
    count_if(is_review_around) as reviews_around,
    max(event_index) filter (is_review_around) as review_around,
    vendors
from related
group by book_code, node_no, previous_node, as_of_date, session_index, previous_session_index, vendors
