-- Decided between the two parts of the build, see orchestration/securities/.
select
    identity_key,
    security_id,
    method,
    score,
    confidence,
    change,
    linked_to,
    rival_key,
    rival_reason
from {{ source('securities', 'security_resolution') }}
