-- A line of a file whose weights add up, and the next such file of the fund. What the line did between the two, times
-- its weight in the first, is its part of what the index did.
with lines as (
    select
        index_code,
        fund,
        session_date,
        session_index,
        security_id,
        sector,
        market_value_usd,
        available_at,
        known_at
    from {{ ref('int_security_print') }}
    where
        is_whole
        and index_code is not null
),

files as (
    select
        index_code,
        fund,
        session_date,
        session_index,
        sum(market_value_usd) as market_value_usd,
        max(available_at) as available_at,
        max(known_at) as known_at
    from lines
    group by index_code, fund, session_date, session_index
),

pairs as (
    select
        index_code,
        fund,
        session_date,
        available_at,
        lag(session_date) over by_session as previous_session_date,
        session_index - lag(session_index) over by_session as gap_sessions,
        cast(lag(market_value_usd) over by_session as double) as market_value_usd,
        greatest(known_at, lag(known_at) over by_session) as known_at
    from files
    window by_session as (partition by fund order by session_index)
),

measured as (
    select
        pairs.index_code,
        pairs.session_date,
        lines.security_id,
        pairs.fund,
        lines.sector,
        pairs.previous_session_date,
        pairs.gap_sessions,
        100 * cast(lines.market_value_usd as double) / pairs.market_value_usd as weight_before_pct,
        prices.level_usd / before.level_usd - 1 as return_px,
        case
            when prices.security_id is null then 'no_price_after'
            when prices.series_no <> before.series_no then 'unresolved_action'
            when prices.level_usd is null or before.level_usd is null then 'basis_uncertain'
        end as null_reason,
        prices.is_stale,
        pairs.available_at,
        -- greatest() skips nulls
        greatest(pairs.known_at, before.known_at, prices.known_at) as known_at
    from pairs
    inner join lines
        on
            pairs.fund = lines.fund
            and pairs.previous_session_date = lines.session_date
    inner join {{ ref('fct_security_price_daily') }} as before
        on
            lines.security_id = before.security_id
            and lines.session_date = before.session_date
    left join {{ ref('fct_security_price_daily') }} as prices
        on
            lines.security_id = prices.security_id
            and pairs.session_date = prices.session_date
)

select
    index_code,
    session_date,
    security_id,
    fund,
    sector,
    previous_session_date,
    cast(gap_sessions as integer) as gap_sessions,
    round(weight_before_pct, 10) as weight_before_pct,
    case when null_reason is null and gap_sessions = 1 then round(return_px, 12) end as return_1d,
    case when null_reason is null then round(return_px, 12) end as return_px,
    case when null_reason is null then round(weight_before_pct * return_px, 12) end as contribution_pp,
    null_reason,
    coalesce(is_stale, false) as is_stale,
    available_at,
    known_at
from measured
