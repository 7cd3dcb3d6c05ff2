{{ config(materialized='view') }}

-- A view: the lines are in int_holding_line once.
select
    snapshots.book_code,
    lines.fund,
    lines.as_of_date,
    lines.line_no,
    resolution.security_id,
    lines.ticker,
    lines.name,
    lines.sector,
    lines.asset_class,
    lines.weight_pct,
    lines.market_value_usd,
    lines.shares,
    lines.price_usd,
    lines.is_constituent,
    lines.excluded_reason,
    lines.known_at,
    lines.vendor,
    lines.notional_value_usd,
    lines.location,
    lines.exchange,
    lines.currency,
    lines.market_currency,
    lines.cusip,
    lines.isin,
    lines.sedol,
    lines.available_at
from {{ ref('int_holding_line') }} as lines
left join {{ ref('int_security_resolution') }} as resolution on lines.identity_key = resolution.identity_key
inner join {{ ref('int_holding_file') }} as snapshots
    on
        lines.vendor = snapshots.vendor
        and lines.fund = snapshots.fund
        and lines.as_of_date = snapshots.as_of_date
        and lines.snapshot_seq = snapshots.snapshot_seq
where snapshots.revision_rank = 1
