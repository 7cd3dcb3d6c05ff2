{{ config(materialized='view') }}

select
    fund,
    as_of_date,
    line_no,
    security_id,
    ticker,
    name,
    sector,
    asset_class,
    weight_pct,
    market_value_usd,
    shares,
    price_usd,
    is_constituent,
    excluded_reason,
    known_at,
    vendor,
    notional_value_usd,
    location,
    exchange,
    currency,
    market_currency,
    cusip,
    isin,
    sedol,
    available_at
from {{ ref('int_book_holding') }}
where {{ source_of('book_code') }} = 'sec'
