{{
    config(
        materialized='incremental',
        incremental_strategy='delete+insert',
        unique_key=['book_code', 'identity_key'],
        on_schema_change='fail'
    )
}}
{% set grows = is_incremental() %}

-- The only pass over all lines: what comes after works on some ten thousand rows. Of files newer than all before them
-- only the lines are read, and the identities they show are carried on.
with bases as (
    select
        book_code,
        max(node_no) as through_node,
        {{ basis_of() }} as basis
    from {{ ref('int_holding_file') }}
    group by book_code
),

files as (
    select snapshots.*
    from {{ ref('int_holding_file') }} as snapshots
    {% if grows %}
        left join (select book_code, max(through_node) as through_node from {{ this }} group by book_code) as known
            on snapshots.book_code = known.book_code
        where snapshots.node_no > coalesce(known.through_node, 0)
    {% endif %}
),

lines as (
    select
        snapshots.book_code,
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
    inner join files as snapshots
        on
            lines.vendor = snapshots.vendor
            and lines.fund = snapshots.fund
            and lines.as_of_date = snapshots.as_of_date
            and lines.snapshot_seq = snapshots.snapshot_seq
    where lines.is_constituent
),

seen as (
    select
        book_code,
        identity_key,
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
    group by book_code, identity_key
),

identities as (
    {% if grows %}
        select
            seen.book_code,
            seen.identity_key,
            seen.security_ticker,
            seen.ticker,
            coalesce(seen.name, known.name) as name,
            seen.cusip,
            seen.isin,
            seen.sedol,
            coalesce(seen.sector, known.sector) as sector,
            least(known.first_seen, seen.first_seen) as first_seen,
            greatest(known.last_seen, seen.last_seen) as last_seen,
            case
                when known.identity_key is null then seen.nodes
                else list_concat(
                    coalesce(known.nodes, cast(range(known.first_node, known.last_node + 1) as integer[])), seen.nodes
                )
            end as nodes,
            case
                when known.identity_key is null then seen.first_sighting
                else struct_pack(
                    as_of_date := known.first_seen,
                    weight_pct := known.first_weight_pct,
                    shares := cast(null as double),
                    price_usd := cast(null as double)
                )
            end as first_sighting,
            seen.last_sighting,
            case
                when known.first_priced_date is null then seen.first_priced
                else struct_pack(
                    as_of_date := known.first_priced_date,
                    weight_pct := cast(null as double),
                    shares := known.first_shares,
                    price_usd := known.first_price_usd
                )
            end as first_priced,
            coalesce(
                seen.last_priced,
                struct_pack(
                    as_of_date := known.last_priced_date,
                    weight_pct := cast(null as double),
                    shares := known.last_shares,
                    price_usd := known.last_price_usd
                )
            ) as last_priced
        from seen
        left join {{ this }} as known
            on
                seen.book_code = known.book_code
                and seen.identity_key = known.identity_key
    {% else %}
    select * from seen
    {% endif %}
)

select
    identities.book_code,
    identities.identity_key,
    identities.security_ticker,
    identities.ticker,
    identities.name,
    identities.cusip,
    identities.isin,
    identities.sedol,
    identities.sector,
    identities.first_seen,
    identities.last_seen,
    identities.nodes[1] as first_node,
    identities.nodes[-1] as last_node,
    cast(len(identities.nodes) as integer) as snapshots,
    -- most identities are in every file from their first to their last
    case when len(identities.nodes) <= identities.nodes[-1] - identities.nodes[1] then identities.nodes end as nodes,
    struct_extract(identities.first_sighting, 'weight_pct') as first_weight_pct,
    struct_extract(identities.last_sighting, 'weight_pct') as last_weight_pct,
    struct_extract(identities.first_priced, 'as_of_date') as first_priced_date,
    struct_extract(identities.first_priced, 'shares') as first_shares,
    struct_extract(identities.first_priced, 'price_usd') as first_price_usd,
    struct_extract(identities.last_priced, 'as_of_date') as last_priced_date,
    struct_extract(identities.last_priced, 'shares') as last_shares,
    struct_extract(identities.last_priced, 'price_usd') as last_price_usd,
    bases.through_node,
    bases.basis
from identities
inner join bases on identities.book_code = bases.book_code
