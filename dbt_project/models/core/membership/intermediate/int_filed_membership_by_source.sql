{{ config(materialized='view') }}

select
    'sec' as source,
    index_code,
    security_id,
    valid_from,
    valid_to,
    ticker,
    name,
    first_seen,
    last_seen,
    is_point_in_time,
    confidence,
    is_brief,
    entry_basis,
    exit_basis,
    entry_source,
    exit_source
from {{ ref('int_filed_membership') }}
