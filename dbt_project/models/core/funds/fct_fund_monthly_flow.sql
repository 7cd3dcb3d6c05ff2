select
    months.fund,
    months.month_end,
    months.accession,
    months.report_date,
    filings.is_amendment,
    months.sales_usd,
    months.redemptions_usd,
    months.reinvested_usd,
    months.sales_usd + months.reinvested_usd - months.redemptions_usd as net_flow_usd,
    months.total_return_pct,
    filings.superseded_at,
    filings.available_at,
    filings.known_at
from {{ ref('stg_fund_month') }} as months
inner join {{ ref('fct_fund_filing') }} as filings
    on
        months.fund = filings.fund
        and months.report_date = filings.report_date
        and months.accession = filings.accession
where months.revision_rank = 1
