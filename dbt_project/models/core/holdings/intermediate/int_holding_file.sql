-- Every version of every snapshot, in one order for each book: a node of the lattice that runs of membership are
-- counted on.
with measured as (
    select
        vendor,
        fund,
        as_of_date,
        snapshot_seq,
        known_at,
        -- a report lists what its collateral was lent for; the sponsor's files do not
        count_if(not {{ is_report('vendor') }} or asset_class = 'Equity') as lines,
        count_if(is_constituent) as constituents,
        -- that of a report is checked when it is read: lent shares are in it beside what was received for them
        cast(
            sum(cast(case when not {{ is_report('vendor') }} then weight_pct end as decimal(18, 6))) as double
        ) as weight_sum_pct,
        -- a weight printed as 0.00 is up to 0.005
        count_if(weight_pct = 0 and is_constituent) as zero_weight_lines,
        max(payload_sha256) as payload_sha256
    from {{ ref('int_holding_line') }}
    group by vendor, fund, as_of_date, snapshot_seq, known_at
),

-- The file's hash is stored beside the lines, by an append of its own: the same answer has the same clock value.
fingerprints as (
    select
        vendor,
        fund,
        as_of_date,
        fetched_at,
        max_by(lines_sha256, ingest_seq) as lines_sha256
    from {{ ref('stg_holding_snapshot') }}
    group by vendor, fund, as_of_date, fetched_at
),

-- A file is in the book of all sources, and in that of its own.
books as (
    select
        measured.*,
        sources.source,
        {{ book_code('instruments.index_code', 'sources.source') }} as book_code
    from measured
    inner join {{ ref('dim_instrument') }} as instruments on measured.fund = instruments.symbol
    cross join unnest(['all', measured.vendor]) as sources (source)
    where instruments.index_code is not null
),

nodes as (
    select
        measured.vendor,
        measured.fund,
        measured.book_code,
        measured.source,
        measured.as_of_date,
        measured.snapshot_seq,
        measured.known_at,
        -- What was learnt on one New York day counts as learnt at the day's last fetch: a build stays affordable, and
        -- nothing is shown before it was known. The moment is that of all funds, as one is evidence for another.
        max(measured.known_at) over (partition by {{ new_york_date('measured.known_at') }}) as known_moment,
        measured.lines,
        measured.constituents,
        measured.weight_sum_pct,
        measured.zero_weight_lines,
        fingerprints.lines_sha256,
        measured.payload_sha256,
        sessions.session_index,
        -- 1 for the newest version of the date; a file of the sponsor stands before a report to the SEC
        row_number() over (
            partition by measured.book_code, measured.as_of_date
            order by {{ is_report('measured.vendor') }}, measured.known_at desc, measured.snapshot_seq desc
        ) as revision_rank,
        cast(row_number() over (
            partition by measured.book_code
            order by measured.as_of_date, not {{ is_report('measured.vendor') }}, measured.snapshot_seq
        ) as integer) as node_no
    from books as measured
    left join fingerprints
        on
            measured.vendor = fingerprints.vendor
            and measured.fund = fingerprints.fund
            and measured.as_of_date = fingerprints.as_of_date
            and measured.known_at = fingerprints.fetched_at
    left join {{ ref('dim_session') }} as sessions on measured.as_of_date = sessions.session_date
)

select
    *,
    cast(dense_rank() over (order by known_moment) as integer) as moment_no
from nodes
