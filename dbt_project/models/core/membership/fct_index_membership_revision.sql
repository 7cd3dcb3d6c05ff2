select
    {{ index_of('book_code') }} as index_code,
    * exclude (book_code)
from {{ ref('int_membership_revision') }}
where {{ source_of('book_code') }} = 'all'
