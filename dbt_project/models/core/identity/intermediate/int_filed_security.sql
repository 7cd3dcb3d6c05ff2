-- Reports name neither ticker, SEDOL nor sector.
with shown as (
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
)

select
    security_id,
    cast(null as varchar) as ticker,
    cast(null as varchar) as yahoo_symbol,
    max_by(name, recency) as name,
    max_by(cusip, recency) as cusip,
    max_by(isin, recency) as isin,
    cast(null as varchar) as sedol,
    cast(null as varchar) as sector,
    min(first_seen) as first_seen,
    max(last_seen) as last_seen
from shown
group by security_id
