-- The price that most funds print decides; of prices that as many print, the one stored first, then the one of the fund
-- that comes first in the alphabet. Files print two to four decimals: what is the same in cents is the same.
with candidates as (
    select
        security_id,
        session_date,
        session_index,
        round(price_usd, 2) as cents,
        count(*) as funds_agreeing,
        min(price_usd) as lowest,
        max(price_usd) as highest,
        min_by(fund, struct_pack(known_at := known_at, fund := fund)) as fund,
        min_by(price_usd, struct_pack(known_at := known_at, fund := fund)) as price_usd,
        min(known_at) as first_known_at,
        max(known_at) as known_at,
        min(available_at) as available_at,
        bool_and(is_availability_assumed) as is_availability_assumed
    from {{ ref('int_security_print') }}
    group by security_id, session_date, session_index, round(price_usd, 2)
),

ranked as (
    select
        *,
        struct_pack(others := -funds_agreeing, known_at := first_known_at, fund := fund) as precedence
    from candidates
),

chosen as (
    select
        security_id,
        session_date,
        session_index,
        min_by(price_usd, precedence) as close_usd,
        min_by(fund, precedence) as fund,
        max(funds_agreeing) as funds_agreeing,
        sum(funds_agreeing) as funds_printing,
        max(highest) - min(lowest) as spread_usd,
        min_by(available_at, precedence) as available_at,
        min_by(is_availability_assumed, precedence) as is_availability_assumed,
        max(known_at) as known_at
    from ranked
    group by security_id, session_date, session_index
),

prints as (
    select
        *,
        row_number() over by_session as print_no,
        coalesce(close_usd <> lag(close_usd) over by_session, true) as is_new_price
    from chosen
    window by_session as (partition by security_id order by session_index)
),

runs as (
    select
        *,
        print_no - max(case when is_new_price then print_no end) over so_far + 1 as prints_unchanged,
        session_index - max(case when is_new_price then session_index end) over so_far as sessions_unchanged
    from prints
    window so_far as (
        partition by security_id order by session_index rows between unbounded preceding and current row
    )
),

-- A price of a session in [basis_from, basis_to) has to be carried over every later action.
bases as (
    select
        security_id,
        lag(ex_date, 1, date '0001-01-01') over (partition by security_id order by ex_date) as basis_from,
        ex_date as basis_to,
        session_before,
        count(case when ratio is null then 1 end) over later as unresolved,
        round(exp(cast(sum(cast(ln(ratio) as decimal(28, 15))) over later as double)), 12) as new_per_old
    from {{ ref('fct_security_action') }}
    window later as (
        partition by security_id order by ex_date desc rows between unbounded preceding and current row
    )
),

based as (
    select
        runs.*,
        coalesce(bases.new_per_old, 1) as new_per_old,
        case
            when bases.unresolved > 0 then 'unresolved_action'
            when runs.session_date > bases.session_before then 'basis_uncertain'
        end as null_reason
    from runs
    left join bases
        on
            runs.security_id = bases.security_id
            and runs.session_date >= bases.basis_from
            and runs.session_date < bases.basis_to
)

select
    security_id,
    session_date,
    close_usd,
    case when null_reason is null then round(close_usd / new_per_old, 6) end as close,
    case when null_reason is null then new_per_old end as split_factor,
    null_reason,
    fund,
    cast(funds_agreeing as integer) as funds_agreeing,
    cast(funds_printing as integer) as funds_printing,
    round(spread_usd, 6) as spread_usd,
    cast(prints_unchanged as integer) as prints_unchanged,
    prints_unchanged >= {{ split_rule('stale_prints') }}
    and sessions_unchanged >= {{ split_rule('stale_sessions') }} as is_stale,
    available_at,
    is_availability_assumed,
    known_at
from based
