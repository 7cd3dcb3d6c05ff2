-- Runs of identities in the files as known now, those that are fit for use only.
with states as (
    select
        book_code,
        node_no,
        opening_node,
        closing_node,
        absent_node
    from {{ ref('int_holding_file_as_known') }}
    qualify row_number() over (partition by book_code, node_no order by moment_no desc) = 1
),

newest as (
    select
        book_code,
        newest_node
    from {{ ref('int_newest_file_as_known') }}
    qualify row_number() over (partition by book_code order by moment_no desc) = 1
),

shown as (
    select
        runs.book_code,
        runs.identity_key,
        opening.opening_node as first_node,
        case
            when runs.last_node >= newest.newest_node then newest.newest_node
            else closing.closing_node
        end as last_node,
        case when runs.last_node < newest.newest_node then closing.absent_node end as absent_node
    from {{ ref('int_identity_run') }} as runs
    inner join newest on runs.book_code = newest.book_code
    inner join states as opening
        on
            runs.book_code = opening.book_code
            and runs.first_node = opening.node_no
    left join states as closing
        on
            runs.book_code = closing.book_code
            and runs.last_node = closing.node_no
)

select
    resolution.security_id,
    shown.identity_key,
    shown.book_code,
    first_shown.as_of_date as first_seen,
    last_shown.as_of_date as last_seen,
    first_absent.as_of_date as first_absent
from shown
inner join {{ ref('int_security_resolution') }} as resolution on shown.identity_key = resolution.identity_key
inner join {{ ref('int_holding_file') }} as first_shown
    on
        shown.book_code = first_shown.book_code
        and shown.first_node = first_shown.node_no
inner join {{ ref('int_holding_file') }} as last_shown
    on
        shown.book_code = last_shown.book_code
        and shown.last_node = last_shown.node_no
left join {{ ref('int_holding_file') }} as first_absent
    on
        shown.book_code = first_absent.book_code
        and shown.absent_node = first_absent.node_no
where shown.first_node <= shown.last_node
