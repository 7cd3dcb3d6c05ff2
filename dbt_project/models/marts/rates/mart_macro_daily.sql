-- Of the figures of a period that come at one moment the newest vintage stands.
with vintages as (
    select
        series_id,
        observation_date,
        value,
        available_at
    from {{ ref('fct_macro_observation') }}
    qualify {{ is_newest_at_once() }}
),

observations as (
    select
        *,
        max(observation_date) over (
            partition by series_id
            order by available_at asc, observation_date asc
            rows between unbounded preceding and current row
        ) as newest_observation_date,
        row_number() over (
            partition by series_id, available_at
            order by observation_date desc
        ) as rank_at_once
    from vintages
),

-- What stood as the newest figure at some moment, the figures that came out at once in the order of their periods. A
-- revision of an older period, or an older period that comes late, is news about that period and changes nothing here.
in_order as (
    select
        series_id,
        observation_date,
        value,
        available_at,
        rank_at_once,
        row_number() over (
            partition by series_id
            order by available_at asc, observation_date asc
        ) as step
    from observations
    where observation_date = newest_observation_date
),

periods as (
    select
        series_id,
        {%- for n in [1, 5, 21, 63] %}
        lag(observation_date, {{ n }}) over (
            partition by series_id
            order by observation_date asc
        ) as observation_date_{{ n }},
        {%- endfor %}
        observation_date
    from in_order
    group by series_id, observation_date
),

-- The earlier figure is taken as it was known when the newer one came out.
observation_changes as (
    select
        in_order.series_id,
        in_order.observation_date,
        in_order.available_at,
        in_order.rank_at_once,
        in_order.step,
        in_order.value,
        {%- for n in [1, 5, 21, 63] %}
        case
            when series.units = 'percent' then round(100 * (in_order.value - before_{{ n }}.value), 6)
        end as change_obs_bp_{{ n }},
        {%- endfor %}
        lead(in_order.observation_date) over (
            partition by in_order.series_id
            order by in_order.step asc
        ) as next_observation_date
    from in_order
    inner join {{ ref('dim_series') }} as series on in_order.series_id = series.series_id
    inner join periods
        on
            in_order.series_id = periods.series_id
            and in_order.observation_date = periods.observation_date
    {%- for n in [1, 5, 21, 63] %}
    asof left join vintages as before_{{ n }}
        on
            in_order.series_id = before_{{ n }}.series_id
            and periods.observation_date_{{ n }} = before_{{ n }}.observation_date
            and in_order.available_at >= before_{{ n }}.available_at
    {%- endfor %}
),

-- Of the figures before, a change counts as it stood when the next period came out.
last_changes as (
    select
        *,
        max_by(observation_date, step) filter (
            where next_observation_date > observation_date and change_obs_bp_1 <> 0
        ) over so_far as earlier_change_date,
        max_by(change_obs_bp_1, step) filter (
            where next_observation_date > observation_date and change_obs_bp_1 <> 0
        ) over so_far as earlier_change_bp
    from observation_changes
    window
        so_far as (
            partition by series_id
            order by step asc
            rows between unbounded preceding and current row
        )
),

-- What a reader holds as the newest figure: of the figures that came out at one moment that of the newest period.
news as (
    select
        *,
        case when change_obs_bp_1 <> 0 then observation_date else earlier_change_date end as last_change_date,
        case when change_obs_bp_1 <> 0 then change_obs_bp_1 else earlier_change_bp end as last_change_bp
    from last_changes
    where rank_at_once = 1
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
        series_sessions.units,
        series_sessions.session_date,
        news.*
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
    {%- for n in [1, 5, 21, 63] %}
    change_obs_bp_{{ n }},
    {%- endfor %}
    case
        when units = 'percent' and count(value) over last_63_sessions = 63
            then round(100 * (value - min(value) over last_63_sessions), 6)
    end as above_low_63_bp,
    case
        when units = 'percent' and count(value) over last_252_sessions = 252
            then round(100 * (value - min(value) over last_252_sessions), 6)
    end as above_low_252_bp,
    last_change_date,
    last_change_bp
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
    ),
    last_252_sessions as (
        partition by series_id
        order by session_date asc
        rows between 251 preceding and current row
    )
