with levels as (
    select
        levels.level_id,
        levels.symbol,
        levels.reference_date,
        levels.announced_on,
        case levels.measure when 'low' then prices.low else prices.close end as level,
        prices.available_at as level_available_at
    from {{ ref('support_level') }} as levels
    inner join {{ ref('fct_price_daily') }} as prices
        on
            levels.symbol = prices.symbol
            and levels.reference_date = prices.session_date
),

closes as (
    select
        levels.level_id,
        levels.announced_on,
        prices.session_date,
        round(prices.close / nullif(levels.level, 0) - 1, 12) as distance,
        greatest(prices.available_at, levels.level_available_at) as available_at,
        -- how long a run is rests on the close before it too
        greatest(
            prices.available_at,
            levels.level_available_at,
            coalesce(lag(prices.available_at) over by_session, prices.available_at)
        ) as available_with_previous
    from levels
    inner join {{ ref('fct_price_daily') }} as prices
        on
            levels.symbol = prices.symbol
            and levels.reference_date < prices.session_date
    window by_session as (
        partition by levels.level_id
        order by prices.session_date asc
    )
),

-- A run of closes below has as many others before it throughout.
runs as (
    select
        *,
        count(case when distance < 0 then null else 1 end) over (
            partition by level_id
            order by session_date asc
            rows between unbounded preceding and current row
        ) as run
    from closes
),

counted as (
    select
        level_id,
        announced_on,
        session_date,
        distance,
        available_at,
        count(case when distance < 0 then 1 end) over in_run as closes_below,
        max(available_with_previous) over in_run as run_available_at
    from runs
    window in_run as (
        partition by level_id, run
        order by session_date asc
        rows between unbounded preceding and current row
    )
)

select
    signals.signal_id,
    counted.session_date,
    case
        when signals.kind = 'support_break' then counted.distance
        else cast(counted.closes_below as double)
    end as value,
    counted.session_date as input_date,
    case
        when signals.kind = 'support_break' then counted.available_at
        else counted.run_available_at
    end as inputs_available_at
from {{ ref('int_signal') }} as signals
inner join counted on signals.level_id = counted.level_id
where
    counted.distance is not null
    -- any past low can be called support afterwards
    and counted.session_date >= counted.announced_on
