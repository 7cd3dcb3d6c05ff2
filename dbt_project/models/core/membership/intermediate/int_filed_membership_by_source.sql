{{ config(materialized='view') }}

select
    {{ source_of('book_code') }} as source,
    {{ index_of('book_code') }} as index_code,
    * exclude (book_code)
from {{ ref('int_book_membership') }}
where {{ source_of('book_code') }} = 'sec'
