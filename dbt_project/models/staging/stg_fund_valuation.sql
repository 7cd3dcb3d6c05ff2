with source as (
    select * from {{ source('raw', 'fund_valuation') }}
),

renamed as (
    select
        symbol,
        session_date,
        price_to_earnings,
        price_to_book,
        price_to_sales,
        price_to_cashflow,
        ingest_seq,
        fetched_at,
        available_at,
        is_availability_assumed,
        payload_sha256,
        request_id,
        -- 1 = newest knowledge; two fetches at one clock value are told apart by the order they were stored in
        row_number() over (
            partition by symbol, session_date
            order by fetched_at desc, ingest_seq desc
        ) as revision_rank
    from source
    where fetched_at <= {{ now_at() }}
)

select * from renamed
