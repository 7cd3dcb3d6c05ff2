-- Reports name neither ticker nor sector; their columns are those of a holdings file. A report that had been amended
-- when it was stored is not read.
with reports as (
    select
        filings.fund,
        filings.report_date,
        filings.accession,
        filings.book_date,
        filings.available_at,
        sessions.session_index
    from {{ ref('stg_fund_filing') }} as filings
    left join {{ ref('dim_session') }} as sessions on filings.book_date = sessions.session_date
    where
        filings.revision_rank = 1
        and filings.available_at <= {{ now_at() }}
),

appends as (
    select
        fund,
        report_date,
        accession,
        max(ingest_seq) as ingest_seq
    from {{ ref('stg_fund_filing_line') }}
    where revision_rank = 1
    group by fund, report_date, accession
),

stored as (
    select
        reports.fund,
        reports.report_date,
        reports.accession,
        reports.book_date,
        reports.available_at,
        reports.session_index,
        appends.ingest_seq
    from reports
    inner join appends
        on
            reports.fund = appends.fund
            and reports.report_date = appends.report_date
            and reports.accession = appends.accession
),

in_force as (
    select stored.*
    from stored
    where
        not exists (
            select 1
            from stored as amendments
            where
                amendments.fund = stored.fund
                and amendments.book_date = stored.book_date
                and (amendments.available_at, amendments.accession) > (stored.available_at, stored.accession)
                and amendments.ingest_seq <= stored.ingest_seq
        )
),

reconstitutions as (
    select sessions.session_index
    from {{ ref('fct_market_event') }} as events
    inner join {{ ref('dim_session') }} as sessions on events.event_date = sessions.session_date
    where events.event_type = 'RUSSELL_RECONSTITUTION'
),

-- The report before, as it was known when this one came out, where a reconstitution lies between their books and this
-- book is one in which the fund may still be selling.
followed as (
    select
        in_force.accession,
        earlier.accession as accession_before
    from in_force
    inner join in_force as earlier
        on
            in_force.fund = earlier.fund
            and in_force.book_date > earlier.book_date
            and in_force.available_at >= earlier.available_at
    inner join reconstitutions
        on
            earlier.session_index < reconstitutions.session_index
            and in_force.session_index between reconstitutions.session_index
            and reconstitutions.session_index + {{ number_of('membership_rule', 'late_deletion_sessions') }}
    qualify
        row_number() over (
            partition by in_force.accession
            order by earlier.book_date desc, earlier.available_at desc, earlier.accession desc
        ) = 1
),

lines as (
    select
        in_force.book_date,
        in_force.ingest_seq,
        lines.fund,
        lines.accession,
        lines.line_no,
        coalesce(lines.title, lines.name) as name,
        case when lines.asset_category = 'EC' then 'Equity' else lines.asset_category end as asset_class,
        lines.value_usd,
        lines.weight_pct,
        lines.notional_usd,
        lines.balance,
        lines.country,
        lines.currency,
        lines.cusip,
        lines.isin,
        lines.fetched_at,
        lines.available_at,
        lines.payload_sha256,
        coalesce(lines.isin, lines.cusip, upper(coalesce(lines.title, lines.name))) as line_key,
        lines.asset_category = 'EC' and lines.balance > 0 as is_share
    from in_force
    inner join {{ ref('stg_fund_filing_line') }} as lines
        on
            in_force.fund = lines.fund
            and in_force.report_date = lines.report_date
            and in_force.accession = lines.accession
            and lines.revision_rank = 1
),

moved as (
    select
        lines.accession,
        lines.line_no,
        lines.balance / before.balance as shares_ratio,
        lines.weight_pct / nullif(before.weight_pct, 0) as weight_ratio,
        median(lines.balance / before.balance) over (partition by lines.accession) as fund_ratio
    from followed
    inner join lines on followed.accession = lines.accession
    inner join lines as before
        on
            followed.accession_before = before.accession
            and lines.line_key = before.line_key
    where
        lines.is_share
        and before.is_share
    qualify count(*) over (partition by lines.accession, lines.line_key) = 1
),

-- Both must have shrunk: shares alone fall in a reverse split, weight alone with the price.
sold as (
    select
        accession,
        line_no
    from moved
    where
        shares_ratio / fund_ratio < {{ number_of('membership_rule', 'sold_part_kept') }}
        and weight_ratio < {{ number_of('membership_rule', 'sold_part_kept') }}
)

select
    'sec' as vendor,
    lines.fund,
    lines.book_date as as_of_date,
    lines.ingest_seq,
    lines.line_no,
    cast(null as varchar) as ticker,
    lines.name,
    cast(null as varchar) as sector,
    lines.asset_class,
    lines.value_usd as market_value_usd,
    lines.weight_pct,
    lines.notional_usd as notional_value_usd,
    lines.balance as shares,
    case when lines.is_share then lines.value_usd / lines.balance end as price_usd,
    lines.country as location,
    cast(null as varchar) as exchange,
    cast(null as varchar) as currency,
    lines.currency as market_currency,
    lines.cusip,
    lines.isin,
    cast(null as varchar) as sedol,
    sold.line_no is not null as is_sold_down,
    lines.fetched_at,
    lines.available_at,
    -- with what was decided by the report before
    md5(concat_ws(
        ' ',
        lines.payload_sha256,
        lines.accession,
        sum(cast(hash(sold.line_no) as hugeint)) over (partition by lines.accession)
    )) as payload_sha256
from lines
left join sold
    on
        lines.accession = sold.accession
        and lines.line_no = sold.line_no
