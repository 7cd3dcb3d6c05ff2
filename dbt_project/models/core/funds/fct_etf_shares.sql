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
    fund_days.symbol,
    fund_days.as_of_date,
    fund_days.fetched_at as known_at,
    fund_days.nav_usd,
    fund_days.shares_outstanding,
    fund_days.aum_usd,
    fund_days.share_basis,
    fund_days.split_basis_date,
    fund_days.vendor,
    fund_days.available_at,
    fund_days.is_availability_assumed,
    {{ new_york_moment('misprints.known_from', '08:00:00') }} as misprint_known_at
from fund_days
left join {{ ref('sponsor_print_override') }} as misprints
    on
        fund_days.symbol = misprints.symbol
        and fund_days.as_of_date = misprints.as_of_date
        -- a misprint that cannot be told yet is a print like any other
        and {{ new_york_moment('misprints.known_from', '08:00:00') }} <= {{ now_at() }}
-- of two answers at one clock value the one stored last stands
qualify
    row_number() over (
        partition by fund_days.symbol, fund_days.as_of_date, fund_days.fetched_at
        order by fund_days.ingest_seq desc
    ) = 1
