with source as (
    select * from {{ source('raw', 'fund_month') }}
),

renamed as (
    select
        vendor,
        fund,
        month_end,
        accession,
        report_date,
        sales_usd,
        redemptions_usd,
        reinvested_usd,
        total_return_pct,
        ingest_seq,
        fetched_at,
        available_at,
        is_availability_assumed,
        payload_sha256,
        request_id,
        row_number() over (
            partition by vendor, fund, month_end, accession
            order by fetched_at desc, ingest_seq desc
        ) as revision_rank
    from source
    where fetched_at <= {{ now_at() }}
)

select * from renamed
