select
    {{ index_of('book_code') }} as index_code,
    event_id,
    security_id,
    change_date,
    change_type,
    direction,
    ticker,
    name,
    sector,
    weight_before_pct,
    weight_after_pct,
    last_seen_before,
    first_seen_after,
    confidence,
    missing_evidence
from {{ ref('int_reconstitution_change') }}
where {{ source_of('book_code') }} = 'all'
