-- The whole files with prices, by the index the fund stands for.
select
    funds.index_code,
    prints.fund,
    prints.session_date,
    prints.session_index,
    max(prints.available_at) as available_at,
    max(prints.known_at) as known_at
from {{ ref('int_security_print') }} as prints
inner join {{ ref('dim_instrument') }} as funds on prints.fund = funds.symbol
where
    funds.index_code in ('R1000', 'R2000', 'R3000', 'RMICRO')
    and prints.is_whole
group by funds.index_code, prints.fund, prints.session_date, prints.session_index
