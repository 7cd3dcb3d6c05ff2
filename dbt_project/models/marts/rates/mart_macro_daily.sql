with observations as (
    select
        series_id,
        observation_date,
        realtime_start,
        value,
        available_at,
        max(observation_date) over (
            partition by series_id
            order by available_at asc, observation_date asc, realtime_start asc
            rows between unbounded preceding and current row
        ) as newest_observation_date,
        row_number() over (
            partition by series_id, available_at
            order by observation_date desc, realtime_start desc
        ) as rank_at_once
    from {{ ref('fct_macro_observation') }}
),

-- What a reader holds as the newest figure, each time it changes. A revision of an older period is news about that
-- period and changes nothing here; of the figures that came out at one moment the newest period counts.
news as (
    select
        series_id,
        observation_date,
        value,
        available_at
    from observations
    where
        observation_date = newest_observation_date
        and rank_at_once = 1
),

sessions as (
    select
        session_date,
        {{ new_york_moment('session_date', '23:59:59') }} as knowledge_at
    from {{ ref('dim_session') }}
    where
        session_date >= {{ start_date() }}
        and session_date <= {{ as_of_session() }}
),

series_sessions as (
    select
        series.series_id,
        series.units,
        sessions.session_date,
        sessions.knowledge_at
    from {{ ref('dim_series') }} as series
    cross join sessions
),

levels as (
    select
        series_sessions.series_id,
        series_sessions.units,
        series_sessions.session_date,
        news.value,
        news.observation_date,
        news.available_at
    from series_sessions
    asof inner join news
        on
            series_sessions.series_id = news.series_id
            and series_sessions.knowledge_at >= news.available_at
)

select
    series_id,
    session_date,
    value,
    observation_date,
    available_at,
    {{ days_between('observation_date', 'session_date') }} as staleness_days,
    -- six decimals take off the last bits of the subtraction, so that 100 bp is 100 and a threshold can be compared
    {%- for n in [1, 5, 21, 63] %}
    case
        when units = 'percent' then round(100 * (value - lag(value, {{ n }}) over by_session), 6)
    end as change_bp_{{ n }},
    {%- endfor %}
    case
        when units = 'percent' and count(value) over last_63_sessions = 63
            then round(100 * (value - min(value) over last_63_sessions), 6)
    end as above_low_63_bp
from levels
window
    by_session as (
        partition by series_id
        order by session_date asc
    ),
    last_63_sessions as (
        partition by series_id
        order by session_date asc
        rows between 62 preceding and current row
    )
