select * exclude (source)
from {{ ref('int_migration_matrix') }}
where source = 'all'
