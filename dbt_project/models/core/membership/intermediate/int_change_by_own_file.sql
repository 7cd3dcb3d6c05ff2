{{ config(materialized='view') }}

-- What is known of a security changes when one of its runs of presence opens or closes differently for the reader.
select
    runs.security_id,
    states.moment_no
from {{ ref('int_presence') }} as runs
inner join {{ ref('int_holding_file_as_known') }} as states
    on
        runs.book_code = states.book_code
        and runs.first_node = states.node_no
union
select
    runs.security_id,
    states.moment_no
from {{ ref('int_presence') }} as runs
inner join {{ ref('int_holding_file_as_known') }} as states
    on
        runs.book_code = states.book_code
        and runs.last_node = states.node_no
inner join {{ ref('int_newest_file_as_known') }} as moments
    on
        states.book_code = moments.book_code
        and states.moment_no = moments.moment_no
-- a run up to the newest file is open: a newer file that shows the security too changes nothing
where runs.last_node < greatest(moments.newest_node, moments.earlier_newest_node)
