-- What each name that a reconstitution moved did against its index without it.
with names as (
    select
        index_code,
        event_id,
        security_id,
        change_type,
        coalesce(sector, 'unknown') as sector
    from {{ ref('mart_reconstitution_change') }}
    where
        change_type <> 'DELETE_ACQUIRED_OR_DELISTED'
        and confidence <> 'LOW'
),

prices as (
    select
        security_id,
        session_date,
        series_no,
        level_usd,
        known_at
    from {{ ref('fct_security_price_daily') }}
    where
        level_usd is not null
        and not is_stale
),

steps as (
    select
        names.index_code,
        names.event_id,
        names.change_type,
        names.security_id,
        names.sector,
        days.day_offset,
        days.gap_sessions,
        -- the price changes from the base date on, which later steps multiply up
        days.previous_session_date >= days.base_date as is_cumulated,
        days.index_return,
        prices.level_usd / before.level_usd - 1 as name_return,
        prices.level_usd / base.level_usd - 1 as name_growth,
        coalesce(members.weight_before_pct, 0) / 100 as weight,
        greatest(days.known_at, prices.known_at, before.known_at, base.known_at) as known_at
    from names
    inner join {{ ref('int_reconstitution_day') }} as days
        on
            names.index_code = days.index_code
            and names.event_id = days.event_id
    left join prices
        on
            names.security_id = prices.security_id
            and days.session_date = prices.session_date
    left join prices as before
        on
            names.security_id = before.security_id
            and days.previous_session_date = before.session_date
            and prices.series_no = before.series_no
    left join prices as base
        on
            names.security_id = base.security_id
            and days.base_date = base.session_date
            and prices.series_no = base.series_no
    left join {{ ref('mart_index_contribution') }} as members
        on
            names.index_code = members.index_code
            and days.session_date = members.session_date
            and names.security_id = members.security_id
    where days.gap_sessions is not null
),

-- A member without a return is no part of what its index is seen to have made.
benchmarked as (
    select
        *,
        case
            when name_return is null then index_return
            else (index_return - weight * name_return) / nullif(1 - weight, 0)
        end as index_without_it
    from steps
),

grown as (
    select
        *,
        count(case when is_cumulated and coalesce(index_without_it <= -1, true) then 1 end) over so_far as missing,
        -- decimals, because a running sum of doubles depends on the rows around it
        exp(cast(
            sum(
                case
                    when is_cumulated and index_without_it > -1
                        then cast(ln(1 + index_without_it) as decimal(28, 15))
                end
            ) over so_far as double
        )) - 1 as index_growth
    from benchmarked
    window so_far as (
        partition by index_code, event_id, change_type, security_id
        order by day_offset
        rows between unbounded preceding and current row
    )
),

measured as (
    select
        index_code,
        event_id,
        change_type,
        security_id,
        sector,
        day_offset,
        case when gap_sessions = 1 then round(name_return - index_without_it, 12) end as abnormal_return,
        case when is_cumulated and missing = 0 then round(name_growth - index_growth, 12) end as cumulated,
        known_at
    from grown
)

select *
from measured
where
    abnormal_return is not null
    or cumulated is not null
