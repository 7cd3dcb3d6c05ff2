with funds as (
    select
        symbol,
        leverage,
        benchmark_symbol
    from {{ ref('dim_instrument') }}
    where
        leverage <> 1
        and benchmark_symbol is not null
),

-- The unlevered fund that follows the same index as a whole: the one its membership is read from.
index_funds as (
    select
        symbol,
        benchmark_symbol
    from {{ ref('dim_instrument') }}
    where
        leverage = 1
        and index_code is not null
        and benchmark_symbol is not null
),

first_bars as (
    select
        symbol,
        min(session_date) as first_session
    from {{ ref('fct_price_daily') }}
    group by symbol
),

-- Every session from the fund's first bar on, so that a missing bar is seen instead of skipped.
days as (
    select
        funds.symbol,
        funds.leverage,
        funds.benchmark_symbol,
        sessions.session_date,
        sessions.previous_session,
        {{ new_york_moment('sessions.session_date', '23:59:59') }} as end_of_session_date
    from funds
    inner join first_bars on funds.symbol = first_bars.symbol
    inner join {{ ref('dim_session') }} as sessions
        on
            first_bars.first_session <= sessions.session_date
            and sessions.session_date <= {{ as_of_session() }}
),

-- The assets of an evening as they were known on the next session, whatever was printed or corrected after it.
assets as (
    select
        days.symbol,
        days.session_date,
        prints.as_of_date as aum_date,
        -- ProShares rounds its shares to thousands: the assets hold the digits
        case when prints.vendor = 'proshares' then prints.aum_usd else prints.shares_outstanding * prints.nav_usd end
            as aum_usd,
        prints.available_at
    from days
    inner join {{ ref('fct_etf_shares') }} as prints
        on
            days.symbol = prints.symbol
            and days.previous_session = prints.as_of_date
            and days.end_of_session_date >= prints.available_at
    qualify
        row_number() over (partition by days.symbol, days.session_date order by prints.known_at desc) = 1
),

inputs as (
    select
        days.symbol,
        days.session_date,
        days.leverage,
        days.benchmark_symbol,
        index_funds.symbol as index_fund_symbol,
        case when assets.aum_usd > 0 then assets.aum_date end as aum_date,
        case when assets.aum_usd > 0 then assets.aum_usd end as aum_usd,
        -- twelve decimals: what a division leaves behind them is not information
        round(index_today.close / nullif(index_before.close, 0) - 1, 12) as index_return_px,
        nullif(fund_bar.close * fund_bar.volume, 0) as index_fund_volume_usd,
        greatest(
            index_today.available_at, index_before.available_at, fund_bar.available_at, assets.available_at
        ) as available_at
    from days
    left join {{ ref('fct_price_daily') }} as index_today
        on
            days.benchmark_symbol = index_today.symbol
            and days.session_date = index_today.session_date
    left join {{ ref('fct_price_daily') }} as index_before
        on
            days.benchmark_symbol = index_before.symbol
            and days.previous_session = index_before.session_date
    left join index_funds on days.benchmark_symbol = index_funds.benchmark_symbol
    left join {{ ref('fct_price_daily') }} as fund_bar
        on
            index_funds.symbol = fund_bar.symbol
            and days.session_date = fund_bar.session_date
    left join assets
        on
            days.symbol = assets.symbol
            and days.session_date = assets.session_date
),

trades as (
    select
        *,
        -- cents
        round(aum_usd * leverage * (leverage - 1) * index_return_px, 2) as rebalance_usd
    from inputs
)

select
    symbol,
    session_date,
    leverage,
    benchmark_symbol,
    index_fund_symbol,
    aum_date,
    aum_usd,
    index_return_px,
    rebalance_usd,
    index_fund_volume_usd,
    round(100 * rebalance_usd / index_fund_volume_usd, 10) as pct_of_index_fund_volume,
    case
        when index_return_px is null then 'no_index_return'
        when aum_usd is null then 'no_aum_of_previous_session'
        when index_fund_volume_usd is null then 'no_index_fund_volume'
    end as null_reason,
    available_at
from trades
