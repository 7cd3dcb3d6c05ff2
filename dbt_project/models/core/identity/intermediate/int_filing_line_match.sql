-- Reports in force, beside the sponsor's file nearest to the session they show.
with pairs as (
    select
        reports.fund,
        reports.as_of_date as book_date,
        reports.snapshot_seq as report_seq,
        files.vendor as file_vendor,
        files.as_of_date as file_date,
        files.snapshot_seq as file_seq,
        abs(date_diff('day', reports.as_of_date, files.as_of_date)) as days_apart
    from {{ ref('int_holding_file') }} as reports
    inner join {{ ref('int_holding_file') }} as files
        on
            reports.fund = files.fund
            and files.as_of_date >= reports.as_of_date - interval '{{ var("source_agreement_reach_days") }} days'
            and files.as_of_date <= reports.as_of_date + interval '{{ var("source_agreement_reach_days") }} days'
    where
        {{ source_of('reports.book_code') }} = 'sec'
        and reports.revision_rank = 1
        and {{ source_of('files.book_code') }} = 'all'
        and not {{ is_report('files.vendor') }}
        and files.revision_rank = 1
    qualify
        row_number() over (
            partition by reports.fund, reports.as_of_date
            order by abs(date_diff('day', reports.as_of_date, files.as_of_date)), files.as_of_date
        ) = 1
),

-- Common shares of the report. A name is compared by its letters and digits.
filed as (
    select
        pairs.fund,
        pairs.book_date,
        lines.line_no,
        lines.identity_key,
        lines.isin,
        lines.cusip,
        regexp_replace(upper(lines.name), '[^A-Z0-9]', '', 'g') as name_key,
        lines.shares,
        lines.weight_pct
    from pairs
    inner join {{ ref('int_holding_line') }} as lines
        on
            pairs.fund = lines.fund
            and pairs.book_date = lines.as_of_date
            and pairs.report_seq = lines.snapshot_seq
    where
        {{ is_report('lines.vendor') }}
        and lines.asset_class = 'Equity'
        and lines.market_value_usd > 0
),

shown as (
    select
        pairs.fund,
        pairs.book_date,
        lines.line_no,
        lines.identity_key,
        lines.isin,
        lines.cusip,
        regexp_replace(upper(lines.name), '[^A-Z0-9]', '', 'g') as name_key,
        lines.shares,
        lines.weight_pct,
        lines.is_constituent
    from pairs
    inner join {{ ref('int_holding_line') }} as lines
        on
            pairs.file_vendor = lines.vendor
            and pairs.fund = lines.fund
            and pairs.file_date = lines.as_of_date
            and pairs.file_seq = lines.snapshot_seq
),

named_lines as (
    select
        'report' as side,
        fund,
        book_date,
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
        book_date,
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
        book_date,
        line_no,
        left(name_key, 1) as initial,
        {{ loop.index }} as priority,
        '{{ way }}' as way,
        cast({{ key }} as varchar) as key_text
    from named_lines
    where {{ key }} is not null and cast({{ key }} as varchar) <> ''
    qualify count(*) over (partition by side, fund, book_date, {{ key }}) = 1
    {%- if not loop.last %}
    union all
    {% endif -%}
    {%- endfor %}
),

candidates as (
    select
        reported.fund,
        reported.book_date,
        reported.line_no,
        held.line_no as file_line_no,
        reported.way,
        reported.priority
    from names as reported
    inner join names as held
        on
            reported.fund = held.fund
            and reported.book_date = held.book_date
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
        book_date,
        line_no,
        file_line_no,
        way
    from candidates
    qualify
        row_number() over (partition by fund, book_date, line_no order by priority, file_line_no) = 1
        and row_number() over (partition by fund, book_date, file_line_no order by priority, line_no) = 1
),

-- All lines of both sides: those of the report, and those of the file that no line of the report is.
sides as (
    select
        coalesce(filed.fund, shown.fund) as fund,
        coalesce(filed.book_date, shown.book_date) as book_date,
        filed.line_no,
        shown.line_no as file_line_no,
        matches.way as matched_by,
        filed.identity_key,
        shown.identity_key as file_identity_key,
        shown.is_constituent,
        filed.weight_pct as filed_weight_pct,
        shown.weight_pct as file_weight_pct
    from filed
    left join matches
        on
            filed.fund = matches.fund
            and filed.book_date = matches.book_date
            and filed.line_no = matches.line_no
    full join shown
        on
            matches.fund = shown.fund
            and matches.book_date = shown.book_date
            and matches.file_line_no = shown.line_no
)

select
    pairs.fund,
    pairs.book_date,
    pairs.file_date,
    cast(pairs.days_apart as integer) as days_apart,
    sides.line_no,
    sides.file_line_no,
    sides.matched_by,
    sides.identity_key,
    sides.file_identity_key,
    sides.is_constituent,
    sides.filed_weight_pct,
    sides.file_weight_pct
from sides
inner join pairs
    on
        sides.fund = pairs.fund
        and sides.book_date = pairs.book_date
