select
    request_id,
    vendor,
    dataset,
    key,
    window_start,
    window_end,
    outcome,
    http_status,
    rows,
    rows_rejected,
    attempts,
    url,
    detail,
    payload_bytes,
    fetched_at
from {{ ref('stg_request') }}
where revision_rank = 1
