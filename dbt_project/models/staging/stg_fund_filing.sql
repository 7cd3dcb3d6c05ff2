with source as (
    select * from {{ source('raw', 'fund_filing') }}
),

renamed as (
    select
        vendor,
        fund,
        report_date,
        accession,
        cik,
        series_id,
        book_date,
        form,
        filed_date,
        accepted_at,
        fiscal_year_end,
        total_assets_usd,
        total_liabilities_usd,
        net_assets_usd,
        cash_usd,
        lines,
        equity_weight_pct,
        lines_sha256,
        file_path,
        ingest_seq,
        fetched_at,
        available_at,
        is_availability_assumed,
        payload_sha256,
        request_id,
        row_number() over (
            partition by vendor, fund, report_date, accession
            order by fetched_at desc, ingest_seq desc
        ) as revision_rank
    from source
    where fetched_at <= {{ now_at() }}
)

select * from renamed
