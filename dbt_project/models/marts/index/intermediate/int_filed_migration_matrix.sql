{{ config(materialized='view') }}

select * exclude (source)
from {{ ref('int_migration_matrix') }}
where source = 'sec'
