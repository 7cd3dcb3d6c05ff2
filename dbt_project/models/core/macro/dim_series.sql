select
    series_id,
    title,
    units,
    frequency,
    release_lag,
    release_id,
    revision_policy,
    licence,
    may_redistribute
from {{ ref('series') }}
