with fund_days as (
    select
        symbol,
        as_of_date,
        nav_usd,
        shares_outstanding,
        aum_usd,
        share_basis,
        split_basis_date,
        vendor,
        available_at,
        is_availability_assumed,
        fetched_at,
        ingest_seq
    from {{ ref('stg_fund_day') }}
    where
        as_of_date >= {{ start_date() }}
        and as_of_date <= {{ as_of_session() }}
)

select
    symbol,
    as_of_date,
    fetched_at as known_at,
    nav_usd,
    shares_outstanding,
    aum_usd,
    share_basis,
    split_basis_date,
    vendor,
    available_at,
    is_availability_assumed
from fund_days
-- of two answers at one clock value the one stored last stands
qualify row_number() over (partition by symbol, as_of_date, fetched_at order by ingest_seq desc) = 1
