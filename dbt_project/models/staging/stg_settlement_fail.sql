with source as (
    select * from {{ source('raw', 'settlement_fail') }}
),

renamed as (
    select
        vendor,
        period_end,
        cusip,
        symbol,
        name,
        first_settlement_date,
        last_settlement_date,
        ingest_seq,
        fetched_at,
        available_at,
        is_availability_assumed,
        payload_sha256,
        request_id,
        -- a file is one answer: a newer one replaces all of it
        dense_rank() over (
            partition by vendor, period_end
            order by fetched_at desc, ingest_seq desc
        ) as revision_rank
    from source
    where fetched_at <= {{ now_at() }}
)

select * from renamed
