{{ config(severity='warn') }}

-- The list of FOMC meetings is typed by hand: fail when less than two months of it are left, and when it was not
-- checked again by its own date.
select max(decision_date) as last_decision_date
from {{ ref('fomc_decision') }}
having
    max(decision_date) < {{ add_days(clock_date(), 60) }}
    or max(expires_on) < {{ clock_date() }}
