{{ config(schema='intermediate', materialized='view', contract={'enforced': false}) }}

-- The verdicts as known now, on the newest version of each snapshot.
select
    fund,
    index_code,
    as_of_date,
    snapshot_seq,
    session_index,
    known_at,
    lines,
    constituents,
    weight_sum_pct,
    lines_before,
    lines_after,
    is_usable,
    unusable_reason,
    usable_no
from {{ ref('int_holding_snapshot_known') }}
where is_current
qualify known_moment = max(known_moment) over (partition by fund)
