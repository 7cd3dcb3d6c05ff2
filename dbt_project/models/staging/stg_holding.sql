with source as (
    select * from {{ source('raw', 'holding') }}
),

renamed as (
    select
        vendor,
        fund,
        as_of_date,
        line_no,
        ticker,
        name,
        sector,
        asset_class,
        market_value_usd,
        weight_pct,
        notional_value_usd,
        shares,
        price_usd,
        location,
        exchange,
        currency,
        market_currency,
        cusip,
        isin,
        sedol,
        ingest_seq,
        fetched_at,
        available_at,
        is_availability_assumed,
        payload_sha256,
        request_id
    from source
    where fetched_at <= {{ now_at() }}
)

select * from renamed
