{{ config(schema='intermediate', contract={'enforced': false}) }}

-- Uninterrupted presence of a security in a fund, on the lattice of all snapshot versions. Membership is computed from
-- these few rows, for any moment of knowledge, instead of from the lines.
with presence as (
    select
        lines.index_code,
        lines.security_id,
        snapshots.node_no,
        min_by(lines.ticker, lines.line_no) as ticker,
        min_by(lines.name, lines.line_no) as name
    from {{ ref('int_holding_line') }} as lines
    inner join {{ ref('int_holding_snapshot') }} as snapshots
        on
            lines.vendor = snapshots.vendor
            and lines.fund = snapshots.fund
            and lines.as_of_date = snapshots.as_of_date
            and lines.snapshot_seq = snapshots.snapshot_seq
    where
        lines.is_constituent
        and lines.index_code is not null
    group by lines.index_code, lines.security_id, snapshots.node_no
),

islands as (
    select
        *,
        node_no - row_number() over (partition by index_code, security_id order by node_no) as island
    from presence
)

select
    index_code,
    security_id,
    min(node_no) as first_node,
    max(node_no) as last_node,
    min_by(ticker, node_no) as ticker,
    min_by(name, node_no) as name
from islands
group by index_code, security_id, island
