{{ config(materialized='view') }}

with observed as (
    select
        stays.book_code,
        stays.security_id,
        stays.moment_no,
        stays.opening_node,
        files.previous_session_index,
        files.gap_sessions,
        files.vendors,
        case when files.reconstitutions_between = 1 then files.reconstitution_between end as event_in_gap,
        case when files.reconstitutions_between = 0 then files.reconstitution_of_addition end as event_before,
        case
            when files.reconstitutions_between = 0 and files.reviews_around = 1 then files.review_around
        end as review,
        arrivals.has_parent_by_price,
        arrivals.has_parent_by_name,
        -- too large for the fund to have missed it at the reconstitution
        coalesce(
            {{ index_of('stays.book_code') }} in ('R1000', 'R3000')
            and stays.first_seen >= date '{{ number_of("membership_rule", "fast_entry_from") }}'
            and files.reconstitutions_between = 0
            and files.reviews_around = 0
            and arrivals.weight_rank <= {{ number_of('membership_rule', 'fast_entry_rank') }}
            and coalesce(
                files.session_index
                > files.reconstitution_of_addition + {{ number_of('membership_rule', 'prompt_addition_sessions') }},
                true
            ),
            false
        ) as is_large
    from {{ ref('int_stay') }} as stays
    inner join {{ ref('int_events_between_files') }} as files
        on
            stays.book_code = files.book_code
            and stays.opening_node = files.node_no
            and stays.before_opening_node is not distinct from files.previous_node
    left join {{ ref('int_arrival_evidence') }} as arrivals
        on
            stays.book_code = arrivals.book_code
            and stays.security_id = arrivals.security_id
            and stays.first_node = arrivals.first_node
            and stays.known_moment >= arrivals.known_at
)

-- A file with a reconstitution since the one before shows its additions; between two of them only spin-offs, recent
-- listings and very large ones are added.
select
    book_code,
    security_id,
    moment_no,
    opening_node,
    previous_session_index as previous_index,
    gap_sessions as opening_gap,
    vendors as entry_source,
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
