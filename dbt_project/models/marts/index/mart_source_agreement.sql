with counted as (
    select
        fund,
        book_date,
        file_date,
        days_apart,
        count_if(is_constituent) as names_a,
        -- what the file shows and calls no constituent, a right or a private line, is none in the report either
        count_if(line_no is not null and (file_line_no is null or is_constituent)) as names_b,
        count_if(line_no is not null and is_constituent) as in_both,
        sum(case when is_constituent then cast(file_weight_pct as decimal(18, 6)) end) as weight_a_pct,
        sum(
            case when line_no is not null and is_constituent then cast(file_weight_pct as decimal(18, 6)) end
        ) as weight_in_both_pct,
        sum(
            case when line_no is not null and file_line_no is null then cast(filed_weight_pct as decimal(18, 6)) end
        ) as weight_only_b_pct,
        count_if(is_constituent and matched_by in ('isin', 'cusip')) as matched_by_identifier
    from {{ ref('int_filing_line_match') }}
    group by fund, book_date, file_date, days_apart
)

select
    funds.index_code,
    counted.book_date as as_of_date,
    'blackrock' as source_a,
    'sec' as source_b,
    counted.fund,
    filings.report_date,
    filings.accession,
    counted.file_date,
    counted.days_apart,
    cast(counted.names_a as integer) as names_a,
    cast(counted.names_b as integer) as names_b,
    cast(counted.in_both as integer) as in_both,
    cast(counted.names_a - counted.in_both as integer) as only_a,
    cast(counted.names_b - counted.in_both as integer) as only_b,
    cast(coalesce(counted.weight_in_both_pct, 0) as double) as weight_in_both_pct,
    cast(counted.weight_a_pct - coalesce(counted.weight_in_both_pct, 0) as double) as weight_only_a_pct,
    cast(coalesce(counted.weight_only_b_pct, 0) as double) as weight_only_b_pct,
    cast(counted.matched_by_identifier as integer) as matched_by_identifier,
    filings.available_at
from counted
inner join {{ ref('dim_instrument') }} as funds on counted.fund = funds.symbol
inner join {{ ref('fct_fund_filing') }} as filings
    on
        counted.fund = filings.fund
        and counted.book_date = filings.book_date
where
    funds.index_code is not null
    and filings.superseded_at is null
