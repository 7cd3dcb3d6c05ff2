{{ config(materialized='view') }}

select
    {{ index_of('book_code') }} as index_code,
    event_id,
    effective_date,
    additions,
    deletions,
    acquired_or_delisted,
    migrations_up,
    migrations_down,
    migrations_up_to_r1000,
    migrations_down_from_r1000,
    migrations_up_from_micro,
    migrations_down_to_micro,
    additions_of_unknown_origin,
    deletions_of_unknown_destination,
    other_changes,
    one_way_turnover_pct,
    one_way_turnover_simple_pct,
    is_drift_adjusted,
    active_share_pct,
    weight_added_pct,
    weight_deleted_pct,
    before_date,
    after_date,
    before_gap_sessions,
    after_gap_sessions,
    confidence,
    null_reason
from {{ ref('int_reconstitution_summary') }}
where {{ source_of('book_code') }} = 'sec'
