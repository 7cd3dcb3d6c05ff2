with source as (
    select * from {{ source('raw', 'request') }}
),

renamed as (
    select
        vendor,
        dataset,
        key,
        window_start,
        window_end,
        outcome,
        http_status,
        rows,
        rows_rejected,
        attempts,
        url,
        detail,
        payload_bytes,
        ingest_seq,
        fetched_at,
        available_at,
        is_availability_assumed,
        payload_sha256,
        request_id,
        -- 1 = newest knowledge; two fetches at one clock value are told apart by the order they were stored in
        row_number() over (
            partition by request_id
            order by fetched_at desc, ingest_seq desc
        ) as revision_rank
    from source
    where fetched_at <= {{ now_at() }}
)

select * from renamed
