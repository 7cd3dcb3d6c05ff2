{{ config(materialized='view') }}

-- The verdicts as known now, on the newest version of each file.
with newest as (
    select
        book_code,
        node_no,
        is_usable,
        unusable_reason,
        lines_before,
        lines_after
    from {{ ref('int_holding_file_as_known') }}
    qualify
        row_number() over (partition by book_code, node_no order by moment_no desc) = 1
        and is_current
)

select
    snapshots.book_code,
    snapshots.fund,
    {{ index_of('snapshots.book_code') }} as index_code,
    snapshots.vendor,
    snapshots.as_of_date,
    snapshots.snapshot_seq,
    snapshots.session_index,
    snapshots.known_at,
    snapshots.lines,
    snapshots.constituents,
    snapshots.weight_sum_pct,
    newest.lines_before,
    newest.lines_after,
    newest.is_usable,
    newest.unusable_reason
from {{ ref('int_holding_file') }} as snapshots
inner join newest
    on
        snapshots.book_code = newest.book_code
        and snapshots.node_no = newest.node_no
