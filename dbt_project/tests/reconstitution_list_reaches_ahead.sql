{{ config(severity='warn') }}

-- The Russell calendar is typed by hand: fail when less than two months of it are left.
select max(effective_date) as last_effective_date
from {{ ref('reconstitution') }}
having max(effective_date) < {{ add_days(clock_date(), 60) }}
