with splits as (
    select
        symbol,
        ex_date,
        value
    from {{ ref('stg_member_action') }}
    where
        action_type = 'split'
        and revision_rank = 1
        and value > 0
        and ex_date <= {{ clock_date() }}
),

paid as (
    select
        symbol,
        ex_date,
        action_type,
        value,
        split_basis_date,
        fetched_at
    from {{ ref('stg_member_action') }}
    where
        action_type <> 'split'
        and revision_rank = 1
        -- a revision to nothing withdraws the action
        and value > 0
),

-- As paid on the day: without the splits that the dollars carry.
as_paid as (
    select
        paid.symbol,
        paid.ex_date,
        paid.action_type,
        max(paid.value) * coalesce(
            exp(cast(sum(cast(ln(splits.value) as decimal(28, 18))) as double)), 1
        ) as value,
        max(paid.fetched_at) as known_at
    from paid
    left join splits
        on
            paid.symbol = splits.symbol
            and paid.ex_date < splits.ex_date
            and paid.split_basis_date >= splits.ex_date
    group by paid.symbol, paid.ex_date, paid.action_type
),

dividends as (
    select
        symbol,
        ex_date,
        -- decimals, because a sum of doubles depends on the order the rows arrive in
        cast(sum(cast(value as decimal(28, 6))) as double) as dividend_usd,
        max(known_at) as known_at
    from as_paid
    group by symbol, ex_date
)

select
    bars.security_id,
    bars.session_date,
    bars.symbol,
    bars.open_usd,
    bars.high_usd,
    bars.low_usd,
    bars.close_usd,
    bars.volume,
    coalesce(dividends.dividend_usd, 0) as dividend_usd,
    bars.compared_on,
    bars.available_at,
    bars.is_availability_assumed,
    -- greatest() skips nulls
    greatest(bars.known_at, dividends.known_at) as known_at
from {{ ref('int_security_bar') }} as bars
left join dividends
    on
        bars.symbol = dividends.symbol
        and bars.session_date = dividends.ex_date
where bars.is_used
