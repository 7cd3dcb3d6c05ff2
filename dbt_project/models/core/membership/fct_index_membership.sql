select * exclude (known_from, known_to)
from {{ ref('fct_index_membership_revision') }}
where known_to is null
