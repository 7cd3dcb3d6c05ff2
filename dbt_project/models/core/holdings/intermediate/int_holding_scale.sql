-- Creations and redemptions multiply all lines alike. A sixteenth of the lines, by hash, shows by how much.
with lines as (
    select
        snapshots.book_code,
        lines.identity_key,
        lines.as_of_date,
        lines.shares
    from {{ ref('int_holding_line') }} as lines
    inner join {{ ref('int_holding_file') }} as snapshots
        on
            lines.vendor = snapshots.vendor
            and lines.fund = snapshots.fund
            and lines.as_of_date = snapshots.as_of_date
            and lines.snapshot_seq = snapshots.snapshot_seq
    where
        snapshots.revision_rank = 1
        and {{ source_of('snapshots.book_code') }} <> 'all'
        and lines.identity_key like '0%'
        and lines.shares > 0
        and lines.price_usd > 0
    qualify count(*) over (partition by snapshots.book_code, lines.identity_key, lines.as_of_date) = 1
),

files as (
    select
        book_code,
        as_of_date,
        row_number() over (partition by book_code order by as_of_date) as file_no
    from lines
    group by book_code, as_of_date
),

changes as (
    select
        lines.book_code,
        lines.as_of_date,
        files.file_no - lag(files.file_no) over by_identity as files_since,
        lines.shares / lag(lines.shares) over by_identity as ratio
    from lines
    inner join files
        on
            lines.book_code = files.book_code
            and lines.as_of_date = files.as_of_date
    window by_identity as (partition by lines.book_code, lines.identity_key order by lines.as_of_date)
)

select
    book_code,
    as_of_date,
    median(ratio) as scale,
    count(*) as sampled
from changes
where files_since = 1
group by book_code, as_of_date
having count(*) >= 5
