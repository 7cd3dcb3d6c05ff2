{%- set log_ratio = 'coalesce(carried.log_ratio, 0) - coalesce(own.log_ratio, 0)' %}

-- Yahoo's bars by symbol, as traded on the day. A price carries the splits up to its basis date; those after its own
-- session are taken out again.
with actions as (
    select
        symbol,
        ex_date,
        action_type,
        value,
        split_basis_date,
        fetched_at
    from {{ ref('stg_member_action') }}
    where
        revision_rank = 1
        -- a revision to nothing withdraws the action
        and value > 0
),

splits as (
    select
        symbol,
        ex_date,
        -- decimals, because a running sum of doubles depends on the rows around it
        sum(cast(ln(value) as decimal(28, 18))) over so_far as log_ratio,
        max(fetched_at) over so_far as known_at
    from actions
    where action_type = 'split'
    window so_far as (
        partition by symbol
        order by ex_date
        rows between unbounded preceding and current row
    )
),

dividends as (
    select
        paid.symbol,
        paid.ex_date,
        cast(
            sum(cast(paid.value * round(exp(cast({{ log_ratio }} as double)), 12) as decimal(28, 6))) as double
        ) as dividend_usd,
        -- greatest() skips nulls
        max(greatest(paid.fetched_at, carried.known_at)) as known_at
    from actions as paid
    asof left join splits as own
        on
            paid.symbol = own.symbol
            and paid.ex_date >= own.ex_date
    asof left join splits as carried
        on
            paid.symbol = carried.symbol
            and paid.split_basis_date >= carried.ex_date
    where paid.action_type <> 'split'
    group by paid.symbol, paid.ex_date
),

bars as (
    select
        bars.*,
        round(exp(cast({{ log_ratio }} as double)), 12) as new_per_old,
        carried.known_at
    from {{ ref('stg_member_bar') }} as bars
    asof left join splits as own
        on
            bars.symbol = own.symbol
            and bars.session_date >= own.ex_date
    asof left join splits as carried
        on
            bars.symbol = carried.symbol
            and bars.split_basis_date >= carried.ex_date
    where
        bars.revision_rank = 1
        and bars.session_date >= {{ start_date() }}
        and bars.session_date <= {{ as_of_session() }}
)

select
    bars.symbol,
    bars.session_date,
    sessions.session_index,
    -- four decimals: the vendor answers in single precision, and the noise would look like a change
    round(bars.open * bars.new_per_old, 4) as open_usd,
    round(bars.high * bars.new_per_old, 4) as high_usd,
    round(bars.low * bars.new_per_old, 4) as low_usd,
    round(bars.close * bars.new_per_old, 4) as close_usd,
    cast(round(bars.volume / bars.new_per_old) as bigint) as volume,
    coalesce(dividends.dividend_usd, 0) as dividend_usd,
    bars.available_at,
    bars.is_availability_assumed,
    greatest(bars.fetched_at, bars.known_at, dividends.known_at) as known_at
from bars
inner join {{ ref('dim_session') }} as sessions on bars.session_date = sessions.session_date
left join dividends
    on
        bars.symbol = dividends.symbol
        and bars.session_date = dividends.ex_date
