{{ config(schema='intermediate', contract={'enforced': false}) }}

-- The only pass over all lines: what comes after works on some ten thousand rows.
with lines as (
    select
        lines.fund,
        snapshots.index_code,
        lines.identity_key,
        lines.security_ticker,
        lines.ticker,
        lines.name,
        lines.cusip,
        lines.isin,
        lines.sedol,
        lines.sector,
        lines.as_of_date,
        snapshots.node_no,
        -- files have fewer lines than a million
        snapshots.node_no * cast(1000000 as bigint) + lines.line_no as recency,
        struct_pack(
            as_of_date := lines.as_of_date,
            weight_pct := lines.weight_pct,
            shares := lines.shares,
            price_usd := lines.price_usd
        ) as sighting,
        lines.shares > 0 and lines.price_usd > 0 as is_priced
    from {{ ref('int_holding_line') }} as lines
    inner join {{ ref('int_holding_snapshot') }} as snapshots
        on
            lines.vendor = snapshots.vendor
            and lines.fund = snapshots.fund
            and lines.as_of_date = snapshots.as_of_date
            and lines.snapshot_seq = snapshots.snapshot_seq
    where lines.is_constituent
),

identities as (
    select
        fund,
        identity_key,
        any_value(index_code) as index_code,
        any_value(security_ticker) as security_ticker,
        max_by(ticker, recency) as ticker,
        max_by(name, recency) as name,
        any_value(cusip) as cusip,
        any_value(isin) as isin,
        any_value(sedol) as sedol,
        max_by(sector, recency) as sector,
        min(as_of_date) as first_seen,
        max(as_of_date) as last_seen,
        list_sort(list_distinct(list(node_no))) as nodes,
        min_by(sighting, recency) as first_sighting,
        max_by(sighting, recency) as last_sighting,
        min_by(sighting, recency) filter (where is_priced) as first_priced,
        max_by(sighting, recency) filter (where is_priced) as last_priced
    from lines
    group by fund, identity_key
)

select
    fund,
    index_code,
    identity_key,
    security_ticker,
    ticker,
    name,
    cusip,
    isin,
    sedol,
    sector,
    first_seen,
    last_seen,
    nodes[1] as first_node,
    nodes[-1] as last_node,
    cast(len(nodes) as integer) as snapshots,
    -- most identities are in every file from their first to their last
    case when len(nodes) <= nodes[-1] - nodes[1] then nodes end as nodes,
    first_sighting.weight_pct as first_weight_pct,
    last_sighting.weight_pct as last_weight_pct,
    first_priced.as_of_date as first_priced_date,
    first_priced.shares as first_shares,
    first_priced.price_usd as first_price_usd,
    last_priced.as_of_date as last_priced_date,
    last_priced.shares as last_shares,
    last_priced.price_usd as last_price_usd
from identities
