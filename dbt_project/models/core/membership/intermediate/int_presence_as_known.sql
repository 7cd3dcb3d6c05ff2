{{ config(materialized='view') }}

-- A run of presence counts all versions of all files. A reader of a moment could use some of them only: for him the run
-- begins with the first usable file in it and ends with the last.
with begun as (
    select
        readings.book_code,
        readings.security_id,
        readings.moment_no,
        readings.known_moment,
        readings.newest_node,
        runs.ticker,
        runs.is_ticker_inferred,
        runs.name,
        runs.first_node,
        runs.last_node,
        runs.last_node >= readings.newest_node as is_open
    from {{ ref('int_membership_reading') }} as readings
    inner join {{ ref('int_presence') }} as runs
        on
            readings.book_code = runs.book_code
            and readings.security_id = runs.security_id
            and readings.newest_node >= runs.first_node
),

opened as (
    select
        begun.*,
        states.opening_node,
        states.before_opening_node
    from begun
    asof inner join {{ ref('int_holding_file_as_known') }} as states
        on
            begun.book_code = states.book_code
            and begun.first_node = states.node_no
            and begun.moment_no >= states.moment_no
),

closed as (
    select
        opened.*,
        case when opened.is_open then opened.newest_node else states.closing_node end as closing_node,
        case when not opened.is_open then states.absent_node end as absent_node,
        case when not opened.is_open then states.second_absent_node end as second_absent_node
    from opened
    asof left join {{ ref('int_holding_file_as_known') }} as states
        on
            opened.book_code = states.book_code
            and opened.last_node = states.node_no
            and opened.moment_no >= states.moment_no
)

select
    book_code,
    security_id,
    moment_no,
    known_moment,
    first_node,
    last_node,
    opening_node,
    before_opening_node,
    closing_node,
    absent_node,
    second_absent_node,
    ticker,
    is_ticker_inferred,
    name
from closed
-- no usable file shows the run
where opening_node <= closing_node
