with source as (
    select * from {{ source('raw', 'fund_day') }}
),

renamed as (
    select
        vendor,
        symbol,
        as_of_date,
        nav_usd,
        shares_outstanding,
        aum_usd,
        ex_dividend_usd,
        share_basis,
        split_basis_date,
        ingest_seq,
        fetched_at,
        available_at,
        is_availability_assumed,
        payload_sha256,
        request_id,
        -- 1 = newest knowledge; two fetches at one clock value are told apart by the order they were stored in
        row_number() over (
            partition by vendor, symbol, as_of_date
            order by fetched_at desc, ingest_seq desc
        ) as revision_rank
    from source
    where fetched_at <= {{ now_at() }}
)

select * from renamed
