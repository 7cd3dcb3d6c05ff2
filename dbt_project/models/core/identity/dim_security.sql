with shown as (
    select
        runs.security_id,
        runs.first_seen,
        runs.last_seen,
        identities.security_ticker,
        identities.ticker,
        identities.name,
        identities.cusip,
        identities.isin,
        identities.sedol,
        identities.sector,
        -- two funds, or two descriptions, can end on one day: the order makes the newest one unique
        struct_pack(
            last_seen := runs.last_seen,
            first_seen := runs.first_seen,
            book_code := runs.book_code,
            identity_key := runs.identity_key
        ) as recency,
        -- names as the sponsor writes them, where one of its files names the security
        identities.security_ticker is not null as is_named_by_sponsor
    from {{ ref('int_identity_seen') }} as runs
    inner join {{ ref('int_security_identity') }} as identities
        on
            runs.book_code = identities.book_code
            and runs.identity_key = identities.identity_key
    where {{ source_of('runs.book_code') }} <> 'all'
),

newest as (
    select
        security_id,
        max_by(security_ticker, recency) as security_ticker,
        max_by(ticker, recency) as ticker,
        max_by(name, (is_named_by_sponsor, recency)) filter (where name is not null) as name,
        max_by(cusip, recency) filter (where cusip is not null) as cusip,
        max_by(isin, recency) filter (where isin is not null) as isin,
        max_by(sedol, recency) filter (where sedol is not null) as sedol,
        max_by(sector, recency) filter (where sector is not null) as sector,
        min(first_seen) as first_seen,
        max(last_seen) as last_seen
    from shown
    group by security_id
)

select
    newest.security_id,
    coalesce(newest.ticker, filed.ticker) as ticker,
    case when coalesce(newest.ticker, filed.ticker) is not null then newest.ticker is null end as is_ticker_inferred,
    coalesce(share_classes.yahoo_symbol, newest.security_ticker, filed.ticker) as yahoo_symbol,
    newest.name,
    newest.cusip,
    newest.isin,
    newest.sedol,
    newest.sector,
    newest.first_seen,
    newest.last_seen
from newest
left join {{ ref('int_filed_security') }} as filed on newest.security_id = filed.security_id
left join {{ ref('share_class_ticker') }} as share_classes
    on coalesce(newest.security_ticker, filed.ticker) = share_classes.fund_ticker
