with source as (
    select * from {{ source('raw', 'option_quote') }}
),

renamed as (
    select
        underlying,
        session_date,
        contract_symbol,
        expiry_date,
        side,
        strike,
        bid,
        ask,
        last_price,
        volume,
        open_interest,
        implied_vol,
        last_trade_at,
        in_the_money,
        underlying_price,
        underlying_at,
        ingest_seq,
        fetched_at,
        available_at,
        is_availability_assumed,
        payload_sha256,
        request_id,
        -- a chain is stored whole: all quotes of one ingest_seq belong together
        dense_rank() over (
            partition by underlying, session_date
            order by fetched_at desc, ingest_seq desc
        ) as revision_rank
    from source
    where fetched_at <= {{ now_at() }}
)

select * from renamed
