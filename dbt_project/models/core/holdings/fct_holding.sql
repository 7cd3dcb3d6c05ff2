{{ config(materialized='view') }}

-- A view: the lines are in int_holding_line once, and publish copies them. A report to the SEC fills the dates of which
-- no file of the sponsor is stored.
select * exclude (book_code)
from {{ ref('int_book_holding') }}
where {{ source_of('book_code') }} = 'all'
