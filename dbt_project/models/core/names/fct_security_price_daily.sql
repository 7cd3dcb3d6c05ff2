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

-- The first row stands for the time before the first action.
actions as (
    select
        security_id,
        ex_date,
        session_before,
        ratio is null as is_unresolved,
        cast(ln(ratio) as decimal(28, 15)) as log_ratio,
        known_at
    from {{ ref('fct_security_action') }}
    union all
    select distinct
        security_id,
        date '0001-01-01' as ex_date,
        cast(null as date) as session_before,
        false as is_unresolved,
        0 as log_ratio,
        cast(null as timestamp with time zone) as known_at
    from {{ ref('fct_security_action') }}
),

-- A price of a session in [basis_from, basis_to) has to be carried over every later action to the newest basis, and
-- back over every earlier one to the first, which no later action moves.
bases as (
    select
        security_id,
        ex_date as basis_from,
        lead(ex_date) over by_day as basis_to,
        lead(session_before) over by_day as last_certain_session,
        count(case when is_unresolved then 1 end) over so_far as unresolved_before,
        count(case when is_unresolved then 1 end) over whole
        - count(case when is_unresolved then 1 end) over so_far as unresolved_later,
        round(exp(cast(sum(log_ratio) over so_far as double)), 12) as new_per_first,
        round(exp(cast(sum(log_ratio) over whole - sum(log_ratio) over so_far as double)), 12) as newest_per_new,
        max(known_at) over so_far as known_at
    from actions
    window
        by_day as (partition by security_id order by ex_date),
        so_far as (partition by security_id order by ex_date rows between unbounded preceding and current row),
        whole as (partition by security_id)
),

based as (
    select
        runs.*,
        coalesce(bases.unresolved_before, 0) as series_no,
        coalesce(bases.newest_per_new, 1) as newest_per_new,
        coalesce(bases.new_per_first, 1) as new_per_first,
        coalesce(runs.session_date > bases.last_certain_session, false) as is_uncertain,
        coalesce(bases.unresolved_later > 0, false) as is_unresolved,
        bases.known_at as basis_known_at
    from runs
    left join bases
        on
            runs.security_id = bases.security_id
            and runs.session_date >= bases.basis_from
            and (runs.session_date < bases.basis_to or bases.basis_to is null)
),

judged as (
    select
        *,
        case
            when is_unresolved then 'unresolved_action'
            when is_uncertain then 'basis_uncertain'
        end as null_reason
    from based
)

select
    security_id,
    session_date,
    close_usd,
    case when null_reason is null then round(close_usd / newest_per_new, 6) end as close,
    case when null_reason is null then newest_per_new end as split_factor,
    null_reason,
    cast(series_no as integer) as series_no,
    case when not is_uncertain then round(close_usd * new_per_first, 12) end as level_usd,
    fund,
    cast(funds_agreeing as integer) as funds_agreeing,
    cast(funds_printing as integer) as funds_printing,
    round(spread_usd, 6) as spread_usd,
    cast(prints_unchanged as integer) as prints_unchanged,
    prints_unchanged >= {{ number_of('split_rule', 'stale_prints') }}
    and sessions_unchanged >= {{ number_of('split_rule', 'stale_sessions') }} as is_stale,
    available_at,
    is_availability_assumed,
    -- greatest() skips nulls
    greatest(known_at, basis_known_at) as known_at
from judged
