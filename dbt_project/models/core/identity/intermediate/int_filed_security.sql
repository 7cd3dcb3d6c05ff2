-- Reports name neither ticker, SEDOL nor sector: the ticker is inferred.
with inferred as (
    select
        resolution.security_id,
        max_by(tickers.ticker, (tickers.last_date, tickers.first_date, tickers.ticker)) as ticker
    from {{ ref('int_reported_ticker') }} as tickers
    inner join {{ ref('int_security_resolution') }} as resolution on tickers.identity_key = resolution.identity_key
    group by resolution.security_id
),

shown as (
    select
        runs.security_id,
        runs.first_seen,
        runs.last_seen,
        identities.name,
        identities.cusip,
        identities.isin,
        struct_pack(
            last_seen := runs.last_seen,
            first_seen := runs.first_seen,
            book_code := runs.book_code,
            identity_key := runs.identity_key
        ) as recency
    from {{ ref('int_identity_seen') }} as runs
    inner join {{ ref('int_security_identity') }} as identities
        on
            runs.book_code = identities.book_code
            and runs.identity_key = identities.identity_key
    where {{ source_of('runs.book_code') }} = 'sec'
),

newest as (
    select
        security_id,
        max_by(name, recency) as name,
        max_by(cusip, recency) as cusip,
        max_by(isin, recency) as isin,
        min(first_seen) as first_seen,
        max(last_seen) as last_seen
    from shown
    group by security_id
)

select
    newest.security_id,
    inferred.ticker,
    case when inferred.ticker is not null then true end as is_ticker_inferred,
    coalesce(share_classes.yahoo_symbol, inferred.ticker) as yahoo_symbol,
    newest.name,
    newest.cusip,
    newest.isin,
    cast(null as varchar) as sedol,
    cast(null as varchar) as sector,
    newest.first_seen,
    newest.last_seen
from newest
left join inferred on newest.security_id = inferred.security_id
left join {{ ref('share_class_ticker') }} as share_classes on inferred.ticker = share_classes.fund_ticker
