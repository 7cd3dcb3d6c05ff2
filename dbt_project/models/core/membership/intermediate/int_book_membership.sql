{{ config(materialized='view') }}

select * exclude (known_from, known_to)
from {{ ref('int_membership_revision') }}
where known_to is null
