with source as (
    select * from {{ source('raw', 'holding_snapshot') }}
),

renamed as (
    select
        vendor,
        fund,
        as_of_date,
        file_format,
        lines,
        weight_sum_pct,
        shares_outstanding,
        lines_sha256,
        file_path,
        ingest_seq,
        fetched_at,
        available_at,
        is_availability_assumed,
        payload_sha256,
        request_id,
        -- 1 = newest knowledge; two fetches at one clock value are told apart by the order they were stored in
        row_number() over (
            partition by vendor, fund, as_of_date
            order by fetched_at desc, ingest_seq desc
        ) as revision_rank
    from source
    where fetched_at <= {{ now_at() }}
)

select * from renamed
