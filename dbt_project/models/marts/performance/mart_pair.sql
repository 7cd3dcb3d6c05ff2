with entries as (
    select
        entries.pair_id,
        entries.entry_date,
        legs.symbol,
        legs.benchmark_symbol
    from {{ ref('pair_entry') }} as entries
    inner join {{ ref('pair') }} as legs on entries.pair_id = legs.pair_id
),

-- Levels from the index, so that the legs held since entry need no unbroken row of daily returns.
levels as (
    select
        prices.symbol,
        prices.session_date,
        sessions.session_index,
        prices.total_return_index,
        -- whole numbers of 1e-14, so that their running sum is exact
        cast(returns.return_tr * 1e14 as decimal(19, 0)) as daily_return
    from {{ ref('fct_price_daily') }} as prices
    inner join {{ ref('dim_session') }} as sessions on prices.session_date = sessions.session_date
    inner join {{ ref('mart_return') }} as returns
        on
            prices.symbol = returns.symbol
            and prices.session_date = returns.session_date
            and returns.window_code = '1d'
),

betas as (
    select
        symbol,
        benchmark_symbol,
        session_date,
        beta
    from {{ ref('mart_risk') }}
    where window_sessions = 252
),

-- An entry before either leg has a bar cannot be taken.
opened as (
    select
        entries.*,
        long_leg.session_index as entry_index,
        long_leg.total_return_index as long_entry,
        short_leg.total_return_index as short_entry,
        betas.beta as entry_beta
    from entries
    inner join levels as long_leg
        on
            entries.symbol = long_leg.symbol
            and entries.entry_date = long_leg.session_date
    inner join levels as short_leg
        on
            entries.benchmark_symbol = short_leg.symbol
            and entries.entry_date = short_leg.session_date
    left join betas
        on
            entries.symbol = betas.symbol
            and entries.benchmark_symbol = betas.benchmark_symbol
            and entries.entry_date = betas.session_date
),

held as (
    select
        opened.pair_id,
        opened.entry_date,
        long_leg.session_date,
        opened.symbol,
        opened.benchmark_symbol,
        opened.entry_beta,
        long_leg.session_index - opened.entry_index as sessions_held,
        long_leg.total_return_index / nullif(opened.long_entry, 0) - 1 as long_return,
        short_leg.total_return_index / nullif(opened.short_entry, 0) - 1 as short_return,
        case
            when long_leg.session_date > opened.entry_date then long_leg.daily_return - short_leg.daily_return
        end as daily_difference
    from opened
    inner join levels as long_leg
        on
            opened.symbol = long_leg.symbol
            and opened.entry_date <= long_leg.session_date
    inner join levels as short_leg
        on
            opened.benchmark_symbol = short_leg.symbol
            and long_leg.session_date = short_leg.session_date
),

accumulated as (
    select
        *,
        sum(daily_difference) over since_entry as sum_of_differences,
        count(daily_difference) over since_entry as differences
    from held
    window since_entry as (
        partition by pair_id, entry_date
        order by session_date asc
        rows between unbounded preceding and current row
    )
)

select
    accumulated.pair_id,
    accumulated.entry_date,
    accumulated.session_date,
    accumulated.symbol,
    accumulated.benchmark_symbol,
    cast(accumulated.sessions_held as integer) as sessions_held,
    round(accumulated.long_return - accumulated.short_return, 12) as pnl_buy_and_hold,
    case
        when accumulated.differences = accumulated.sessions_held
            then cast(coalesce(accumulated.sum_of_differences, 0) as double) / 1e14
    end as pnl_daily_rebalanced,
    accumulated.entry_beta as beta_neutral_weight,
    round(accumulated.long_return - accumulated.entry_beta * accumulated.short_return, 12) as pnl_beta_neutral,
    betas.beta as beta_252
from accumulated
left join betas
    on
        accumulated.symbol = betas.symbol
        and accumulated.benchmark_symbol = betas.benchmark_symbol
        and accumulated.session_date = betas.session_date
