{{ config(schema='intermediate', contract={'enforced': false}) }}

-- Each node as it stood at each moment something was learnt: known or not, newest version or not, fit to be compared
-- or not. The verdict looks at neighbours in as-of order, so it does not depend on the order files arrived in.
with moments as (
    select
        funds.book_code,
        moments.known_moment
    from (select distinct book_code from {{ ref('int_holding_file') }}) as funds
    cross join (select distinct known_moment from {{ ref('int_holding_file') }}) as moments
),

nodes as (
    select
        moments.known_moment,
        snapshots.book_code,
        snapshots.node_no,
        snapshots.as_of_date,
        snapshots.snapshot_seq,
        snapshots.session_index,
        snapshots.known_at,
        snapshots.lines,
        snapshots.constituents,
        snapshots.weight_sum_pct,
        snapshots.zero_weight_lines,
        snapshots.lines_sha256,
        snapshots.known_at <= moments.known_moment
        and row_number() over (
            partition by moments.book_code, moments.known_moment, snapshots.as_of_date
            order by
                snapshots.known_at <= moments.known_moment desc,
                snapshots.known_at desc,
                snapshots.snapshot_seq desc
        ) = 1 as is_current
    from moments
    inner join {{ ref('int_holding_file') }} as snapshots on moments.book_code = snapshots.book_code
),

neighbours as (
    select
        known_moment,
        book_code,
        node_no,
        as_of_date,
        session_index,
        lines,
        weight_sum_pct,
        zero_weight_lines,
        lines_sha256,
        lag(lines_sha256) over by_as_of as previous_sha256,
        -- snapshots more than a quarter away say nothing about the size of this one
        case
            when as_of_date - lag(as_of_date) over by_as_of <= 100
                then median(lines) over (
                    partition by book_code, known_moment
                    order by as_of_date
                    rows between 3 preceding and 1 preceding
                )
        end as lines_before,
        case
            when lead(as_of_date) over by_as_of - as_of_date <= 100
                then median(lines) over (
                    partition by book_code, known_moment
                    order by as_of_date
                    rows between 1 following and 3 following
                )
        end as lines_after
    from nodes
    where is_current
    window by_as_of as (partition by book_code, known_moment order by as_of_date)
),

verdicts as (
    select
        known_moment,
        book_code,
        node_no,
        lines_before,
        lines_after,
        case
            when session_index is null then 'not_a_session'
            when lines_sha256 = previous_sha256 then 'stale_copy'
            -- Weights of two decimals lose what is below half a basis point: on real files up to 0.0012 points for
            -- each line printed as 0.00.
            when
                weight_sum_pct > 101
                or weight_sum_pct < 99 - 0.002 * zero_weight_lines
                then 'weight_sum'
            -- Both sides, so that a reconstitution is no truncation; at either end of the history the one there is.
            when
                coalesce(lines_before, lines_after) is not null
                and lines < 0.9 * coalesce(lines_before, lines_after)
                and lines < 0.9 * coalesce(lines_after, lines_before)
                then 'truncated'
        end as unusable_reason
    from neighbours
),

usable as (
    select
        nodes.*,
        verdicts.lines_before,
        verdicts.lines_after,
        verdicts.unusable_reason,
        nodes.is_current and verdicts.unusable_reason is null as is_usable,
        case
            when nodes.is_current and verdicts.unusable_reason is null
                then
                    count_if(nodes.is_current and verdicts.unusable_reason is null) over (
                        partition by nodes.book_code, nodes.known_moment
                        order by nodes.node_no
                        rows between unbounded preceding and current row
                    )
        end as usable_no
    from nodes
    left join verdicts
        on
            nodes.book_code = verdicts.book_code
            and nodes.known_moment = verdicts.known_moment
            and nodes.node_no = verdicts.node_no
)

select
    book_code,
    known_moment,
    cast(dense_rank() over (partition by book_code order by known_moment) as integer) as moment_no,
    node_no,
    as_of_date,
    snapshot_seq,
    session_index,
    known_at,
    lines,
    constituents,
    weight_sum_pct,
    zero_weight_lines,
    lines_before,
    lines_after,
    is_current,
    is_usable,
    unusable_reason,
    cast(usable_no as integer) as usable_no,
    -- the usable snapshots around a node, the node itself included: where a run of nodes begins and ends for a reader
    -- of this moment
    cast(min(usable_no) over (
        partition by book_code, known_moment
        order by node_no
        rows between current row and unbounded following
    ) as integer) as next_usable_no,
    cast(max(usable_no) over (
        partition by book_code, known_moment
        order by node_no
        rows between unbounded preceding and current row
    ) as integer) as previous_usable_no
from usable
