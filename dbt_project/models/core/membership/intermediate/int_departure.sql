{{ config(materialized='view') }}

-- Hashes of the files before the end and of who the security is say whether their lines were read before.
with nodes as (
    select
        book_code,
        as_of_date,
        node_no,
        max(node_no) over (partition by book_code) as newest_node,
        min(as_of_date) over (
            partition by book_code
            order by as_of_date
            range between interval 1 day following and unbounded following
        ) as next_date
    from {{ ref('int_holding_file') }}
),

identities as (
    select
        security_id,
        md5(string_agg(identity_key, ' ' order by identity_key)) as identities_basis
    from {{ ref('int_security_resolution') }}
    group by security_id
)

select
    runs.book_code,
    runs.security_id,
    runs.last_node,
    runs.ticker,
    runs.name,
    nodes.as_of_date as last_date,
    nodes.next_date,
    md5(concat_ws(' ', files.window_basis, identities.identities_basis)) as basis
from {{ ref('int_presence') }} as runs
inner join nodes
    on
        runs.book_code = nodes.book_code
        and runs.last_node = nodes.node_no
left join {{ ref('int_evidence_basis') }} as files
    on
        runs.book_code = files.book_code
        and runs.last_node = files.node_no
left join identities on runs.security_id = identities.security_id
where nodes.node_no < nodes.newest_node
