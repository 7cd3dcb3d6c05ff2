{% set file_reach, report_reach = var('evidence_reach_sessions'), var('report_reach_sessions') %}

-- Which usable file of each book stands at each session, or before or after it, and how far away.
with files as (
    select
        book_code,
        fund,
        vendor,
        as_of_date,
        session_index
    from {{ ref('int_holding_file_usable') }}
    where
        is_usable
        and {{ source_of('book_code') }} in ('all', 'sec')
),

funds as (
    select distinct
        book_code,
        fund
    from files
),

days as (
    select
        funds.book_code,
        funds.fund,
        sessions.session_date,
        sessions.session_index,
        files.vendor,
        files.as_of_date,
        files.session_index as file_index
    from funds
    cross join {{ ref('dim_session') }} as sessions
    left join files
        on
            funds.book_code = files.book_code
            and sessions.session_date = files.as_of_date
),

beside as (
    select
        book_code,
        fund,
        session_date,
        session_index,
        max_by(vendor, as_of_date) over up_to_it as before_vendor,
        max(as_of_date) over up_to_it as before_date,
        session_index - max(file_index) over up_to_it as before_gap_sessions,
        min_by(vendor, as_of_date) over from_it as after_vendor,
        min(as_of_date) over from_it as after_date,
        min(file_index) over from_it - session_index as after_gap_sessions
    from days
    window
        up_to_it as (
            partition by book_code
            order by session_index asc
            rows between unbounded preceding and current row
        ),
        from_it as (
            partition by book_code
            order by session_index asc
            rows between current row and unbounded following
        )
)

select
    book_code,
    fund,
    session_date,
    session_index,
    before_date,
    before_gap_sessions,
    after_date,
    after_gap_sessions,
    coalesce(
        before_gap_sessions
        <= case when {{ is_report('before_vendor') }} then {{ report_reach }} else {{ file_reach }} end,
        false
    ) as is_near_before,
    coalesce(
        after_gap_sessions
        <= case when {{ is_report('after_vendor') }} then {{ report_reach }} else {{ file_reach }} end,
        false
    ) as is_near_after
from beside
