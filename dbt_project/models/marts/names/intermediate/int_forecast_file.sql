-- The whole files with prices, by the index the fund stands for.
select
    index_code,
    fund,
    session_date,
    session_index,
    max(available_at) as available_at,
    max(known_at) as known_at
from {{ ref('int_security_print') }}
where
    index_code in ('R1000', 'R2000', 'R3000', 'RMICRO')
    and is_whole
group by index_code, fund, session_date, session_index
