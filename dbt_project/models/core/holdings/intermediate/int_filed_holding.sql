{{ config(materialized='view') }}

select * exclude (book_code)
from {{ ref('int_book_holding') }}
where {{ source_of('book_code') }} = 'sec'
