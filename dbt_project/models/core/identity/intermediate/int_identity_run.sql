with nodes as (
    select
        book_code,
        identity_key,
        unnest(nodes) as node_no
    from {{ ref('int_security_identity') }}
    where nodes is not null
),

islands as (
    select
        book_code,
        identity_key,
        node_no,
        node_no - row_number() over (partition by book_code, identity_key order by node_no) as island
    from nodes
)

select
    book_code,
    identity_key,
    min(node_no) as first_node,
    max(node_no) as last_node
from islands
group by book_code, identity_key, island
union all
select
    book_code,
    identity_key,
    first_node,
    last_node
from {{ ref('int_security_identity') }}
where nodes is null
