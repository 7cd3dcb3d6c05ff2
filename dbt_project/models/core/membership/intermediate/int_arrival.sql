{{ config(materialized='view') }}

-- Hashes of the two files and of who begins in them say whether their lines were read before.
with nodes as (
    select
        book_code,
        session_index,
        node_no,
        known_at,
        -- the newest version of the as-of date before
        max(node_no) over (
            partition by book_code
            order by as_of_date
            range between unbounded preceding and interval 1 day preceding
        ) as previous_node
    from {{ ref('int_holding_file') }}
    where session_index is not null
),

beginnings as (
    select
        runs.book_code,
        runs.security_id,
        runs.first_node,
        runs.name,
        nodes.previous_node,
        greatest(nodes.known_at, before.known_at) as known_at,
        nodes.session_index - before.session_index as gap_sessions,
        count(*) over (partition by runs.book_code, runs.first_node) as beginnings_in_file
    from {{ ref('int_presence') }} as runs
    inner join nodes
        on
            runs.book_code = nodes.book_code
            and runs.first_node = nodes.node_no
    inner join nodes as before
        on
            nodes.book_code = before.book_code
            and nodes.previous_node = before.node_no
),

bases as (
    select
        beginnings.book_code,
        beginnings.first_node,
        md5(concat_ws(
            ' ',
            any_value(this_file.lines_basis),
            any_value(file_before.lines_basis),
            string_agg(beginnings.security_id || coalesce(beginnings.name, ''), ' ' order by beginnings.security_id)
        )) as basis
    from beginnings
    left join {{ ref('int_evidence_basis') }} as this_file
        on
            beginnings.book_code = this_file.book_code
            and beginnings.first_node = this_file.node_no
    left join {{ ref('int_evidence_basis') }} as file_before
        on
            beginnings.book_code = file_before.book_code
            and beginnings.previous_node = file_before.node_no
    group by beginnings.book_code, beginnings.first_node
)

select
    beginnings.*,
    bases.basis
from beginnings
inner join bases
    on
        beginnings.book_code = bases.book_code
        and beginnings.first_node = bases.first_node
