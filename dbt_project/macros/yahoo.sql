{# Yahoo's bars as known at the clock, of the funds and indices or of members: the raw tables have the same columns. #}
{% macro yahoo_bars(relation) %}
with source as (
    select
        symbol,
        session_date,
        open,
        high,
        low,
        close,
        volume,
        split_basis_date,
        ingest_seq,
        fetched_at,
        available_at,
        is_availability_assumed,
        payload_sha256,
        request_id
    from {{ relation }}
    where
        fetched_at <= {{ now_at() }}
        -- the vendor pads listings with rows before inception and outages with empty bars: no close, no bar
        and close is not null
),

ranked as (
    select
        *,
        -- 1 = newest knowledge; two fetches at one clock value are told apart by the order they were stored in
        row_number() over (
            partition by symbol, session_date
            order by fetched_at desc, ingest_seq desc
        ) as revision_rank
    from source
)

select * from ranked
{% endmacro %}

{# The same of its dividends and splits. #}
{% macro yahoo_actions(relation) %}
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
    from {{ relation }}
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
{% endmacro %}
