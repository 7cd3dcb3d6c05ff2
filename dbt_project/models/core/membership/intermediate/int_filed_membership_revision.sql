{{ config(materialized='view') }}

select
    {{ index_of('book_code') }} as index_code,
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
    exit_source,
    known_from,
    known_to
from {{ ref('int_membership_revision') }}
where {{ source_of('book_code') }} = 'sec'
