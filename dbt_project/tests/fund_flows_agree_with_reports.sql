{{ config(severity='warn') }}

-- A month whose flow by shares outstanding differs from the reported one by more than pricing each creation a session
-- earlier or later can explain. An amended report is compared by its amendment.
select
    agreement.symbol,
    agreement.month_end,
    agreement.filed_net_flow_usd,
    agreement.flow_usd,
    agreement.difference_pct_aum
from {{ ref('mart_fund_flow_agreement') }} as agreement
inner join {{ ref('fct_fund_monthly_flow') }} as reports
    on
        agreement.symbol = reports.fund
        and agreement.month_end = reports.month_end
        and agreement.accession = reports.accession
where
    reports.superseded_at is null
    and abs(agreement.difference_pct_aum) > {{ var('fund_flow_difference_pct_aum') }}
