-- No row of a session may rest on a value the market learnt after that day.
select
    series_id,
    session_date,
    available_at
from {{ ref('mart_macro_daily') }}
where available_at > {{ new_york_moment('session_date', '23:59:59') }}
