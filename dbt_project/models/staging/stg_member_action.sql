with source as (
    select
        symbol,
        ex_date,
        action_type,
        value,
        split_basis_date,
        ingest_seq,
        fetched_at,
        available_at,
        is_availability_assumed,
        payload_sha256,
        request_id
    from {{ source('raw', 'member_action') }}
    where fetched_at <= {{ now_at() }}
),

ranked as (
    select
        *,
        -- 1 = newest knowledge; two fetches at one clock value are told apart by the order they were stored in
        row_number() over (
            partition by symbol, ex_date, action_type
            order by fetched_at desc, ingest_seq desc
        ) as revision_rank
    from source
)

select * from ranked
