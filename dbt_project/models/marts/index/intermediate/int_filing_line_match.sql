-- Reports that are in force, beside the sponsor's file nearest to the session they show.
with reports as (
    select
        filings.fund,
        filings.report_date,
        filings.accession,
        filings.book_date,
        filings.available_at
    from {{ ref('fct_fund_filing') }} as filings
    where
        filings.superseded_at is null
        and filings.equity_lines is not null
),

files as (
    select
        fund,
        as_of_date
    from {{ ref('int_holding_file') }}
    where revision_rank = 1
),

pairs as (
    select
        reports.fund,
        reports.report_date,
        reports.accession,
        reports.book_date,
        reports.available_at,
        files.as_of_date as file_date,
        abs(date_diff('day', reports.book_date, files.as_of_date)) as days_apart
    from reports
    inner join files
        on
            reports.fund = files.fund
            and files.as_of_date >= reports.book_date - interval '{{ var("source_agreement_reach_days") }} days'
            and files.as_of_date <= reports.book_date + interval '{{ var("source_agreement_reach_days") }} days'
    qualify
        row_number() over (
            partition by reports.fund, reports.report_date, reports.accession
            order by abs(date_diff('day', reports.book_date, files.as_of_date)), files.as_of_date
        ) = 1
),

-- Common shares of the report. A name is compared by its letters and digits.
filed as (
    select
        pairs.fund,
        pairs.accession,
        lines.line_no,
        lines.isin,
        lines.cusip,
        regexp_replace(upper(coalesce(lines.title, lines.name)), '[^A-Z0-9]', '', 'g') as name_key,
        lines.balance as shares,
        lines.weight_pct
    from pairs
    inner join {{ ref('stg_fund_filing_line') }} as lines
        on
            pairs.fund = lines.fund
            and pairs.report_date = lines.report_date
            and pairs.accession = lines.accession
    where
        lines.revision_rank = 1
        and lines.asset_category = 'EC'
        and lines.value_usd > 0
),

shown as (
    select
        pairs.fund,
        pairs.accession,
        lines.line_no,
        lines.security_id,
        lines.isin,
        lines.cusip,
        regexp_replace(upper(lines.name), '[^A-Z0-9]', '', 'g') as name_key,
        lines.shares,
        lines.weight_pct,
        lines.is_constituent
    from pairs
    inner join {{ ref('fct_holding') }} as lines
        on
            pairs.fund = lines.fund
            and pairs.file_date = lines.as_of_date
),

named_lines as (
    select
        'report' as side,
        fund,
        accession,
        line_no,
        isin,
        cusip,
        name_key,
        shares
    from filed
    union all
    select
        'file' as side,
        fund,
        accession,
        line_no,
        isin,
        cusip,
        name_key,
        shares
    from shown
),

-- What names a line, the surest first. It counts only where it is on one line of each side.
names as (
    {% for way, key in [('isin', 'isin'), ('cusip', 'cusip'), ('name', 'name_key'), ('shares', 'shares')] -%}
    select
        side,
        fund,
        accession,
        line_no,
        left(name_key, 1) as initial,
        {{ loop.index }} as priority,
        '{{ way }}' as way,
        cast({{ key }} as varchar) as key_text
    from named_lines
    where {{ key }} is not null and cast({{ key }} as varchar) <> ''
    qualify count(*) over (partition by side, fund, accession, {{ key }}) = 1
    {%- if not loop.last %}
    union all
    {% endif -%}
    {%- endfor %}
),

candidates as (
    select
        reported.fund,
        reported.accession,
        reported.line_no,
        held.line_no as file_line_no,
        reported.way,
        reported.priority
    from names as reported
    inner join names as held
        on
            reported.fund = held.fund
            and reported.accession = held.accession
            and reported.way = held.way
            and reported.key_text = held.key_text
    where
        reported.side = 'report'
        and held.side = 'file'
        -- an equal number of shares may be chance: the names begin alike too
        and (reported.way <> 'shares' or reported.initial = held.initial)
),

matches as (
    select
        fund,
        accession,
        line_no,
        file_line_no,
        way
    from candidates
    qualify
        row_number() over (partition by fund, accession, line_no order by priority, file_line_no) = 1
        and row_number() over (partition by fund, accession, file_line_no order by priority, line_no) = 1
),

-- All lines of both sides: those of the report, and those of the file that no line of the report is.
sides as (
    select
        coalesce(filed.fund, shown.fund) as fund,
        coalesce(filed.accession, shown.accession) as accession,
        filed.line_no,
        shown.line_no as file_line_no,
        matches.way as matched_by,
        shown.security_id,
        shown.is_constituent,
        filed.weight_pct as filed_weight_pct,
        shown.weight_pct as file_weight_pct
    from filed
    left join matches
        on
            filed.fund = matches.fund
            and filed.accession = matches.accession
            and filed.line_no = matches.line_no
    full join shown
        on
            matches.fund = shown.fund
            and matches.accession = shown.accession
            and matches.file_line_no = shown.line_no
)

select
    pairs.fund,
    pairs.report_date,
    pairs.accession,
    pairs.book_date,
    pairs.file_date,
    cast(pairs.days_apart as integer) as days_apart,
    pairs.available_at,
    sides.line_no,
    sides.file_line_no,
    sides.matched_by,
    sides.security_id,
    sides.is_constituent,
    sides.filed_weight_pct,
    sides.file_weight_pct
from sides
inner join pairs
    on
        sides.fund = pairs.fund
        and sides.accession = pairs.accession
