select
    {{ index_of('book_code') }} as index_code,
    * exclude (book_code)
from {{ ref('int_reconstitution_change') }}
where {{ source_of('book_code') }} = 'all'
