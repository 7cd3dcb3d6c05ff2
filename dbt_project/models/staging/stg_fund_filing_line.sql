with source as (
    select * from {{ source('raw', 'fund_filing_line') }}
    where fetched_at <= {{ now_at() }}
),

-- A report is stored whole: all lines of one ingest_seq belong together. Ranked apart, because reports are long.
reports as (
    select
        vendor,
        fund,
        report_date,
        accession,
        ingest_seq,
        row_number() over (
            partition by vendor, fund, report_date, accession
            order by max(fetched_at) desc, ingest_seq desc
        ) as revision_rank
    from source
    group by vendor, fund, report_date, accession, ingest_seq
),

ranked as (
    select
        source.vendor,
        source.fund,
        source.report_date,
        source.accession,
        source.line_no,
        source.name,
        source.title,
        source.lei,
        source.cusip,
        source.isin,
        source.ticker,
        source.other_id,
        source.balance,
        source.units,
        source.currency,
        source.value_usd,
        source.weight_pct,
        source.payoff,
        source.asset_category,
        source.asset_description,
        source.issuer_category,
        source.country,
        source.is_restricted,
        source.fair_value_level,
        source.on_loan_usd,
        source.derivative_kind,
        source.notional_usd,
        source.ingest_seq,
        source.fetched_at,
        source.available_at,
        source.is_availability_assumed,
        source.payload_sha256,
        source.request_id,
        reports.revision_rank
    from source
    inner join reports
        on
            source.vendor = reports.vendor
            and source.fund = reports.fund
            and source.report_date = reports.report_date
            and source.accession = reports.accession
            and source.ingest_seq = reports.ingest_seq
)

select * from ranked
