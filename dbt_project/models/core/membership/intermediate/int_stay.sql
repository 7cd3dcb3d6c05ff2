-- Runs of presence joined to stays: an absence from one file, or for a few sessions, is a fault of the files and no
-- leave and return.
with runs as (
    select
        runs.*,
        first_shown.as_of_date as first_seen,
        first_shown.session_index as first_index,
        last_shown.as_of_date as last_seen,
        last_shown.session_index as last_index
    from {{ ref('int_presence_as_known') }} as runs
    inner join {{ ref('int_holding_file') }} as first_shown
        on
            runs.book_code = first_shown.book_code
            and runs.opening_node = first_shown.node_no
    inner join {{ ref('int_holding_file') }} as last_shown
        on
            runs.book_code = last_shown.book_code
            and runs.closing_node = last_shown.node_no
),

followed as (
    select
        *,
        coalesce(
            opening_node > lag(second_absent_node) over by_run
            and first_index - lag(last_index) over by_run > {{ number_of('membership_rule', 'glitch_gap_sessions') }},
            false
        ) as starts_again
    from runs
    window by_run as (
        partition by book_code, moment_no, security_id
        order by opening_node
    )
),

grouped as (
    select
        *,
        count_if(starts_again) over (
            partition by book_code, moment_no, security_id
            order by opening_node
            rows between unbounded preceding and current row
        ) as stay_no
    from followed
)

select
    book_code,
    security_id,
    moment_no,
    min(opening_node) as opening_node,
    any_value(known_moment) as known_moment,
    min(first_node) as first_node,
    max(last_node) as last_node,
    -- these forms keep a null of the row they find
    arg_min_null(before_opening_node, opening_node) as before_opening_node,
    max(closing_node) as closing_node,
    arg_max_null(absent_node, closing_node) as absent_node,
    arg_max_null(second_absent_node, closing_node) as second_absent_node,
    min(first_seen) as first_seen,
    min(first_index) as first_index,
    max(last_seen) as last_seen,
    max(last_index) as last_index,
    min_by(ticker, (is_ticker_inferred, opening_node)) as ticker,
    min(is_ticker_inferred) as is_ticker_inferred,
    min_by(name, opening_node) as name
from grouped
group by book_code, security_id, moment_no, stay_no
