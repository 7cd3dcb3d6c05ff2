{{ config(materialized='view') }}

-- What is known of a security changes when evidence of why it arrived or left becomes known: at the first moment of
-- the fund that is not before it.
with evidence as (
    select
        book_code,
        security_id,
        known_at
    from {{ ref('int_departure_evidence') }}
    union
    select
        book_code,
        security_id,
        claim_known_at as known_at
    from {{ ref('int_departure_evidence') }}
    where claim_known_at is not null
    union
    select
        book_code,
        security_id,
        known_at
    from {{ ref('int_arrival_evidence') }}
)

select distinct
    evidence.security_id,
    moments.moment_no
from evidence
asof inner join {{ ref('int_newest_file_as_known') }} as moments
    on
        evidence.book_code = moments.book_code
        and evidence.known_at <= moments.known_moment
