with newest as (
    select
        bars.symbol,
        bars.session_date,
        bars.open,
        bars.high,
        bars.low,
        bars.close,
        bars.volume,
        bars.split_basis_date,
        bars.fetched_at
    from {{ ref('stg_yahoo_bar') }} as bars
    -- a symbol taken off the reviewed list has no licence line, so nothing of it is published
    inner join {{ ref('dim_instrument') }} as instruments on bars.symbol = instruments.symbol
    inner join {{ ref('dim_session') }} as sessions on bars.session_date = sessions.session_date
    where
        bars.revision_rank = 1
        and bars.session_date >= {{ start_date() }}
        and bars.session_date <= {{ as_of_session() }}
),

-- A bar is stored again when its basis moves or its volume settles; the market knew the session from the first time on.
first_known as (
    select
        symbol,
        session_date,
        available_at,
        is_availability_assumed,
        row_number() over (
            partition by symbol, session_date
            order by available_at asc, ingest_seq asc
        ) as known_rank
    from {{ ref('stg_yahoo_bar') }}
),

rebased as (
    select
        newest.symbol,
        newest.session_date,
        -- four decimals: the vendor answers in single precision, and the noise would look like a change
        round(newest.open / coalesce(basis.new_shares_per_old, 1), 4) as open,
        round(newest.high / coalesce(basis.new_shares_per_old, 1), 4) as high,
        round(newest.low / coalesce(basis.new_shares_per_old, 1), 4) as low,
        round(newest.close / coalesce(basis.new_shares_per_old, 1), 4) as close,
        cast(round(newest.volume * coalesce(basis.new_shares_per_old, 1)) as bigint) as volume,
        newest.fetched_at as known_at
    from newest
    left join {{ ref('int_split_basis') }} as basis
        on
            newest.symbol = basis.symbol
            and newest.split_basis_date >= basis.basis_from
            and newest.split_basis_date < basis.basis_to
),

-- An action whose ex-date has no stored bar belongs to the first bar after it: the holder has it all the same.
timeline as (
    select
        symbol,
        session_date as day,
        1 as is_bar,
        'bar' as action_type,
        cast(null as double) as value
    from rebased
    union all
    select
        symbol,
        ex_date as day,
        0 as is_bar,
        action_type,
        value
    from {{ ref('fct_corporate_action') }}
),

placed_actions as (
    select
        symbol,
        day,
        is_bar,
        action_type,
        value,
        min(case when is_bar = 1 then day end) over (
            partition by symbol
            order by day asc, is_bar asc
            rows between current row and unbounded following
        ) as session_date,
        min(case when is_bar = 1 then day end) over (partition by symbol) as first_bar
    from timeline
),

session_actions as (
    select
        symbol,
        session_date,
        -- decimals, because a sum of doubles depends on the order the rows arrive in
        cast(sum(case when action_type <> 'split' then cast(value as decimal(28, 8)) end) as double) as dividend_usd,
        case
            when count(case when action_type = 'split' then 1 end) = 1
                then max(case when action_type = 'split' then value end)
            else exp(cast(sum(case when action_type = 'split' then cast(ln(value) as decimal(28, 15)) end) as double))
        end as split_ratio
    from placed_actions
    where
        is_bar = 0
        and session_date is not null
        and day >= first_bar
    group by symbol, session_date
),

with_actions as (
    select
        rebased.*,
        coalesce(session_actions.dividend_usd, 0) as dividend_usd,
        coalesce(session_actions.split_ratio, 1) as split_ratio
    from rebased
    left join session_actions
        on
            rebased.symbol = session_actions.symbol
            and rebased.session_date = session_actions.session_date
),

growth as (
    select
        *,
        case
            when lag(session_date) over (partition by symbol order by session_date asc) is null then 0
            when close > 0 and lag(close) over (partition by symbol order by session_date asc) > 0
                then ln((close + dividend_usd) / lag(close) over (partition by symbol order by session_date asc))
        end as log_growth
    from with_actions
)

select
    growth.symbol,
    growth.session_date,
    growth.open,
    growth.high,
    growth.low,
    growth.close,
    growth.volume,
    -- a yield index can close at zero or below: from there on growth is not defined
    case
        when
            sum(case when growth.log_growth is null then 1 else 0 end) over (
                partition by growth.symbol
                order by growth.session_date asc
                rows between unbounded preceding and current row
            ) = 0
            -- decimals: a running sum of doubles changes its last digit when another symbol gets a row
            then 100 * exp(
                cast(
                    sum(cast(growth.log_growth as decimal(28, 18))) over (
                        partition by growth.symbol
                        order by growth.session_date asc
                        rows between unbounded preceding and current row
                    ) as double
                )
            )
    end as total_return_index,
    growth.dividend_usd,
    growth.split_ratio,
    first_known.available_at,
    first_known.is_availability_assumed,
    growth.known_at
from growth
inner join first_known
    on
        growth.symbol = first_known.symbol
        and growth.session_date = first_known.session_date
        and first_known.known_rank = 1
