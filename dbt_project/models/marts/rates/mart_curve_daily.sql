-- Of the figures of a day that come at one moment the newest vintage stands.
with figures as (
    select
        series_id,
        observation_date,
        value,
        available_at
    from {{ ref('fct_macro_observation') }}
    qualify {{ is_newest_at_once() }}
),

vintages as (
    select
        *,
        lead(available_at) over (
            partition by series_id, observation_date
            order by available_at asc
        ) as superseded_at
    from figures
),

-- Both legs of one day, as they stood together.
spreads as (
    select
        curves.curve_id,
        long_leg.observation_date,
        long_leg.value as long_pct,
        short_leg.value as short_pct,
        greatest(long_leg.available_at, short_leg.available_at) as available_at
    from {{ ref('curve') }} as curves
    inner join vintages as long_leg on curves.long_series_id = long_leg.series_id
    inner join vintages as short_leg
        on
            curves.short_series_id = short_leg.series_id
            and long_leg.observation_date = short_leg.observation_date
            and long_leg.available_at < coalesce(short_leg.superseded_at, timestamptz '9999-12-31 00:00:00+00')
            and short_leg.available_at < coalesce(long_leg.superseded_at, timestamptz '9999-12-31 00:00:00+00')
),

newest_first as (
    select
        *,
        max(observation_date) over (
            partition by curve_id
            order by available_at asc
            range between unbounded preceding and current row
        ) as newest_observation_date
    from spreads
),

news as (
    select
        curve_id,
        observation_date,
        long_pct,
        short_pct,
        available_at
    from newest_first
    where observation_date = newest_observation_date
),

curve_sessions as (
    select
        curves.curve_id,
        curves.long_series_id,
        curves.short_series_id,
        curves.published_series_id,
        sessions.session_date,
        {{ new_york_moment('sessions.session_date', '23:59:59') }} as knowledge_at
    from {{ ref('curve') }} as curves
    cross join {{ ref('dim_session') }} as sessions
    where
        sessions.session_date >= {{ start_date() }}
        and sessions.session_date <= {{ as_of_session() }}
),

known as (
    select
        curve_sessions.curve_id,
        curve_sessions.session_date,
        curve_sessions.knowledge_at,
        curve_sessions.long_series_id,
        curve_sessions.short_series_id,
        curve_sessions.published_series_id,
        news.observation_date,
        news.long_pct,
        news.short_pct,
        -- four decimals take off the last bits of the subtraction: zero is zero, and not inverted
        round(news.long_pct - news.short_pct, 4) as spread_pp,
        news.available_at
    from curve_sessions
    asof inner join news
        on
            curve_sessions.curve_id = news.curve_id
            and curve_sessions.knowledge_at >= news.available_at
),

published as (
    select
        known.*,
        vintages.value as published_spread_pp
    from known
    asof left join vintages
        on
            known.published_series_id = vintages.series_id
            and known.observation_date = vintages.observation_date
            and known.knowledge_at >= vintages.available_at
),

-- A run of inverted sessions has as many others before it throughout.
runs as (
    select
        *,
        spread_pp < 0 as is_inverted,
        count(*) filter (spread_pp >= 0 or spread_pp is null) over (
            partition by curve_id
            order by session_date asc
            rows between unbounded preceding and current row
        ) as run
    from published
)

select
    curve_id,
    session_date,
    observation_date,
    long_series_id,
    short_series_id,
    long_pct,
    short_pct,
    spread_pp,
    100 * spread_pp as spread_bp,
    published_series_id,
    published_spread_pp,
    is_inverted,
    case
        when is_inverted
            then
                min(case when is_inverted then session_date end) over (
                    partition by curve_id, run
                )
    end as inverted_since,
    case
        when is_inverted is not null
            then
                cast(count(*) filter (is_inverted) over (
                    partition by curve_id, run
                    order by session_date asc
                    rows between unbounded preceding and current row
                ) as integer)
    end as inversion_run_sessions,
    available_at
from runs
