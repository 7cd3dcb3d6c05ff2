with source as (
    select * from {{ source('raw', 'option_quote') }}
    where fetched_at <= {{ now_at() }}
),

-- A chain is stored whole: all quotes of one ingest_seq belong together. Ranked apart, because chains are long.
chains as (
    select
        underlying,
        session_date,
        ingest_seq,
        row_number() over (
            partition by underlying, session_date
            order by max(fetched_at) desc, ingest_seq desc
        ) as revision_rank
    from source
    group by underlying, session_date, ingest_seq
),

ranked as (
    select
        source.underlying,
        source.session_date,
        source.contract_symbol,
        source.expiry_date,
        source.side,
        source.strike,
        source.bid,
        source.ask,
        source.last_price,
        source.volume,
        source.open_interest,
        source.implied_vol,
        source.last_trade_at,
        source.in_the_money,
        source.underlying_price,
        source.underlying_at,
        source.ingest_seq,
        source.fetched_at,
        source.available_at,
        source.is_availability_assumed,
        source.payload_sha256,
        source.request_id,
        chains.revision_rank
    from source
    inner join chains
        on
            source.underlying = chains.underlying
            and source.session_date = chains.session_date
            and source.ingest_seq = chains.ingest_seq
)

select * from ranked
