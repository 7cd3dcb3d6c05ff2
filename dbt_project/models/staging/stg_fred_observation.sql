with source as (
    select
        series_id,
        observation_date,
        realtime_start,
        value,
        ingest_seq,
        fetched_at,
        available_at,
        is_availability_assumed,
        payload_sha256,
        request_id
    from {{ source('raw', 'fred_observation') }}
    where fetched_at <= {{ now_at() }}
),

ranked as (
    select
        *,
        -- 1 = newest knowledge; two fetches at one clock value are told apart by the order they were stored in
        row_number() over (
            partition by series_id, observation_date, realtime_start
            order by fetched_at desc, ingest_seq desc
        ) as revision_rank
    from source
)

select * from ranked
