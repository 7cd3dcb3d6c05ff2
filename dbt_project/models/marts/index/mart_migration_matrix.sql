select
    event_id,
    tier_before,
    tier_after,
    names,
    weight_pct,
    confidence
from {{ ref('int_migration_matrix') }}
where source = 'all'
