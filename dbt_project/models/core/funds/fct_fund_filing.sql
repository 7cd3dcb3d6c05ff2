with filings as (
    select
        *,
        -- an amendment replaces the report of its period from its own acceptance on, and not before
        lead(available_at) over (
            partition by fund, report_date
            order by available_at, accession
        ) as superseded_at
    from {{ ref('stg_fund_filing') }}
    where
        revision_rank = 1
        and available_at <= {{ now_at() }}
)

select
    fund,
    report_date,
    accession,
    form,
    form like '%/A' as is_amendment,
    book_date,
    filed_date,
    accepted_at as filed_at,
    cik,
    series_id,
    fiscal_year_end,
    total_assets_usd,
    total_liabilities_usd,
    net_assets_usd,
    cash_usd,
    cast(lines as integer) as lines,
    equity_weight_pct,
    'https://www.sec.gov/Archives/edgar/data/' || cik || '/' || replace(accession, '-', '') || '/primary_doc.xml'
        as source_url,
    superseded_at,
    available_at,
    fetched_at as known_at
from filings
