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
),

-- Cents as DECIMAL: sums come out the same whatever the order.
lines as (
    select
        fund,
        report_date,
        accession,
        count_if(asset_category = 'EC') as equity_lines,
        sum(cast(on_loan_usd as decimal(20, 2))) as on_loan_usd
    from {{ ref('stg_fund_filing_line') }}
    where revision_rank = 1
    group by fund, report_date, accession
)

select
    filings.fund,
    filings.report_date,
    filings.accession,
    filings.form,
    filings.form like '%/A' as is_amendment,
    filings.book_date,
    filings.filed_date,
    filings.accepted_at as filed_at,
    filings.cik,
    filings.series_id,
    filings.fiscal_year_end,
    filings.total_assets_usd,
    filings.total_liabilities_usd,
    filings.net_assets_usd,
    filings.cash_usd,
    cast(filings.lines as integer) as lines,
    cast(lines.equity_lines as integer) as equity_lines,
    filings.equity_weight_pct,
    cast(lines.on_loan_usd as double) as on_loan_usd,
    'https://www.sec.gov/Archives/edgar/data/' || filings.cik || '/'
    || replace(filings.accession, '-', '') || '/primary_doc.xml' as source_url,
    filings.superseded_at,
    filings.available_at,
    filings.fetched_at as known_at
from filings
-- a fund that was taken off the reviewed list is no longer shown
inner join {{ ref('fund_filer') }} as filers on filings.fund = filers.symbol
left join lines
    on
        filings.fund = lines.fund
        and filings.report_date = lines.report_date
        and filings.accession = lines.accession
