-- Which usable file of each fund stands at each session, or before or after it, and how far away.
with files as (
    select
        index_code,
        fund,
        as_of_date,
        session_index
    from {{ ref('int_holding_file_usable') }}
    where
        is_usable
        and index_code is not null
),

funds as (
    select distinct
        index_code,
        fund
    from files
),

days as (
    select
        funds.index_code,
        funds.fund,
        sessions.session_date,
        sessions.session_index,
        files.as_of_date,
        files.session_index as file_index
    from funds
    cross join {{ ref('dim_session') }} as sessions
    left join files
        on
            funds.fund = files.fund
            and sessions.session_date = files.as_of_date
),

beside as (
    select
        index_code,
        fund,
        session_date,
        session_index,
        max(as_of_date) over up_to_it as before_date,
        session_index - max(file_index) over up_to_it as before_gap_sessions,
        min(as_of_date) over from_it as after_date,
        min(file_index) over from_it - session_index as after_gap_sessions
    from days
    window
        up_to_it as (
            partition by fund
            order by session_index asc
            rows between unbounded preceding and current row
        ),
        from_it as (
            partition by fund
            order by session_index asc
            rows between current row and unbounded following
        )
)

select
    index_code,
    fund,
    session_date,
    session_index,
    before_date,
    before_gap_sessions,
    after_date,
    after_gap_sessions,
    coalesce(before_gap_sessions <= {{ var('evidence_reach_sessions') }}, false) as is_near_before,
    coalesce(after_gap_sessions <= {{ var('evidence_reach_sessions') }}, false) as is_near_after
from beside
