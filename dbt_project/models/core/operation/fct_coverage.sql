with sessions as (
    select
        session_date,
        next_session
    from {{ ref('dim_session') }}
    where
        session_date >= {{ start_date() }}
        and session_date <= {{ as_of_session() }}
),

sessions_end as (
    select max(session_date) as last_session
    from sessions
),

prices as (
    select
        symbol as key,
        session_date
    from {{ ref('fct_price_daily') }}
),

etf_shares as (
    select distinct
        symbol as key,
        as_of_date as session_date
    from {{ ref('fct_etf_shares') }}
    where
        nav_usd is not null
        and shares_outstanding is not null
),

observations as (
    select
        series_id as key,
        observation_date as session_date,
        -- with nulls: a value taken back is none
        arg_max_null(value, (realtime_start, available_at)) as value
    from {{ ref('fct_macro_observation') }}
    group by series_id, observation_date
),

constituents as (
    select distinct
        fund as key,
        as_of_date as session_date
    from {{ ref('stg_holding_snapshot') }}
),

snapshots as (
    select distinct
        'options' as dataset,
        underlying as key,
        session_date
    from {{ ref('stg_option_quote') }}
    union all
    select distinct
        'fund_valuation' as dataset,
        symbol as key,
        session_date
    from {{ ref('stg_fund_valuation') }}
),

valued as (
    select symbol from {{ ref('valuation_pair') }}
    union
    select benchmark_symbol as symbol from {{ ref('valuation_pair') }}
),

-- What each key owes: its first day, and who prints no history.
keys as (
    select
        'prices' as dataset,
        instruments.symbol as key,
        instruments.inception_date,
        true as has_history
    from {{ ref('dim_instrument') }} as instruments
    union all
    select
        'etf_shares' as dataset,
        instruments.symbol as key,
        instruments.inception_date,
        -- Direxion shows today's numbers only: its history begins with the first fetch
        instruments.shares_vendor <> 'direxion' as has_history
    from {{ ref('dim_instrument') }} as instruments
    where instruments.shares_vendor is not null
    union all
    select
        'macro' as dataset,
        series.series_id as key,
        cast(null as date) as inception_date,
        true as has_history
    from {{ ref('dim_series') }} as series
    where series.frequency like 'daily%'
    union all
    select
        'constituents' as dataset,
        instruments.symbol as key,
        instruments.inception_date,
        true as has_history
    from {{ ref('dim_instrument') }} as instruments
    where instruments.index_code is not null
    -- Yahoo shows the chains and valuations of the day only
    union all
    select
        'options' as dataset,
        symbol as key,
        cast(null as date) as inception_date,
        false as has_history
    from {{ ref('option_underlying') }}
    union all
    select
        'fund_valuation' as dataset,
        symbol as key,
        cast(null as date) as inception_date,
        false as has_history
    from valued
),

stored as (
    select
        'prices' as dataset,
        key,
        session_date,
        true as has_value
    from prices
    union all
    select
        'etf_shares' as dataset,
        key,
        session_date,
        true as has_value
    from etf_shares
    union all
    select
        'macro' as dataset,
        key,
        session_date,
        value is not null as has_value
    from observations
    union all
    select
        'constituents' as dataset,
        key,
        session_date,
        true as has_value
    from constituents
    union all
    select
        dataset,
        key,
        session_date,
        true as has_value
    from snapshots
),

first_stored as (
    select
        dataset,
        key,
        min(session_date) as first_date
    from stored
    where has_value
    group by dataset, key
),

-- From when a session is owed. A fund is listed up to two weeks after its inception (TNA: 14 days); where no inception
-- is known, and for macro series, the first stored value is the beginning.
owed_from as (
    select
        keys.dataset,
        keys.key,
        case
            when not keys.has_history then coalesce(first_stored.first_date, sessions_end.last_session)
            when keys.inception_date is null then first_stored.first_date
            when first_stored.first_date between keys.inception_date and keys.inception_date + 14
                then first_stored.first_date
            else keys.inception_date
        end as first_owed
    from keys
    left join first_stored
        on
            keys.dataset = first_stored.dataset
            and keys.key = first_stored.key
    cross join sessions_end
),

series as (
    select
        series_id,
        cast(split_part(release_lag, ' ', 2) || ':00' as time) as release_clock
    from {{ ref('dim_series') }}
    where release_lag like 'next_business_day %'
),

grid as (
    select
        owed_from.dataset,
        owed_from.key,
        sessions.session_date,
        sessions.next_session,
        owed_from.first_owed,
        {{ is_bond_holiday('sessions.session_date') }} as is_bond_holiday,
        -- a bond holiday right after the session moves the release on
        case
            when {{ is_bond_holiday('sessions.next_session') }} then sessions.next_session + 1
            else sessions.next_session
        end as next_business_day
    from owed_from
    cross join sessions
),

judged as (
    select
        grid.dataset,
        grid.key,
        grid.session_date,
        case
            when stored.has_value then 'present'
            -- FRED answers with a dot: it has no value for that day and will have none
            when stored.session_date is not null then 'not_expected'
            when coalesce(grid.session_date < grid.first_owed, false) then 'not_expected'
            when grid.dataset = 'macro' and grid.is_bond_holiday then 'not_expected'
            when
                grid.dataset = 'macro'
                and timezone(
                    'America/New_York', grid.next_business_day + coalesce(series.release_clock, time '16:15:00')
                ) > {{ now_at() }}
                then 'not_expected'
            -- sponsors publish the next morning
            when
                grid.dataset in ('etf_shares', 'constituents')
                and {{ new_york_moment('grid.next_session', '08:00:00') }} > {{ now_at() }}
                then 'not_expected'
            when grid.dataset = 'constituents' and expected.fund is null then 'not_expected'
            else 'missing'
        end as state
    from grid
    left join stored
        on
            grid.dataset = stored.dataset
            and grid.key = stored.key
            and grid.session_date = stored.session_date
    left join series
        on
            grid.dataset = 'macro'
            and grid.key = series.series_id
    left join {{ source('reference', 'expected_holding') }} as expected
        on
            grid.dataset = 'constituents'
            and grid.key = expected.fund
            and grid.session_date = expected.session_date
)

select
    dataset,
    key,
    session_date,
    state
from judged
