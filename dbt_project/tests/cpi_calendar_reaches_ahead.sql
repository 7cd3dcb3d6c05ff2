{{ config(severity='warn') }}

-- The Bureau of Labor Statistics schedules by the year, so the end of a year may come near before the next one is out.
select max(release_date) as last_release_date
from {{ ref('stg_fred_release_date') }}
where
    release_id = 10
    and revision_rank = 1
having max(release_date) < {{ add_days(clock_date(), 60) }}
