-- Of the figures of a month that come at one moment the newest vintage stands.
with figures as (
    select
        series_id,
        observation_date as observation_month,
        value,
        available_at
    from {{ ref('fct_macro_observation') }}
    where series_id in (select indices.series_id from {{ ref('price_index') }} as indices)
    qualify {{ is_newest_at_once() }}
),

-- A month nobody published has a row too, from the moment a later month came out.
months as (
    select
        series_id,
        cast(
            unnest(generate_series(min(observation_month), max(observation_month), interval 1 month)) as date
        ) as observation_month
    from figures
    group by series_id
),

passed as (
    select
        months.series_id,
        months.observation_month,
        min(figures.available_at) as known_at
    from months
    inner join figures
        on
            months.series_id = figures.series_id
            and months.observation_month <= figures.observation_month
    group by months.series_id, months.observation_month
),

-- The moments a month's figures can change: when it is passed, and when one of the months they are made of comes out or
-- is revised.
moments as (
    select
        series_id,
        observation_month,
        known_at,
        true as is_own
    from passed
    {%- for n in [0, 1, 2, 3, 12] %}
    union all
    select
        passed.series_id,
        passed.observation_month,
        figures.available_at as known_at,
        {{ 'true' if n == 0 else 'false' }} as is_own
    from passed
    inner join figures
        on
            passed.series_id = figures.series_id
            and {{ add_months('passed.observation_month', -n) }} = figures.observation_month
    {%- endfor %}
),

distinct_moments as (
    select
        series_id,
        observation_month,
        known_at,
        max(is_own) as is_own
    from moments
    group by series_id, observation_month, known_at
),

known as (
    select
        distinct_moments.series_id,
        distinct_moments.observation_month,
        distinct_moments.known_at,
        {%- for n in [0, 1, 2, 3, 12] %}
        before_{{ n }}.value as value_{{ n }},
        {%- endfor %}
        distinct_moments.is_own,
        indices.item,
        indices.is_seasonally_adjusted,
        indices.headline_rank
    from distinct_moments
    inner join {{ ref('price_index') }} as indices on distinct_moments.series_id = indices.series_id
    {%- for n in [0, 1, 2, 3, 12] %}
    asof left join figures as before_{{ n }}
        on
            distinct_moments.series_id = before_{{ n }}.series_id
            and {{ add_months('distinct_moments.observation_month', -n) }} = before_{{ n }}.observation_month
            and distinct_moments.known_at >= before_{{ n }}.available_at
    {%- endfor %}
),

-- The best index with a figure of the month; of a month without any, the best of those that passed it.
ranked as (
    select
        known.series_id,
        known.observation_month,
        known.known_at,
        coalesce(
            min(case when figures.value is not null then others.headline_rank end),
            min(others.headline_rank)
        ) as best_headline_rank
    from known
    inner join passed
        on
            known.observation_month = passed.observation_month
            and known.known_at >= passed.known_at
    inner join {{ ref('price_index') }} as others on passed.series_id = others.series_id
    left join figures
        on
            passed.series_id = figures.series_id
            and passed.observation_month = figures.observation_month
            and known.known_at >= figures.available_at
    group by known.series_id, known.observation_month, known.known_at
)

select
    known.series_id,
    known.observation_month,
    known.known_at,
    known.item,
    known.is_seasonally_adjusted,
    coalesce(known.headline_rank = ranked.best_headline_rank, false) as is_headline,
    known.value_0 as index_value,
    100 * (known.value_0 / nullif(known.value_12, 0) - 1) as yoy_pct,
    100 * (known.value_0 / nullif(known.value_1, 0) - 1) as mom_pct,
    100 * (power(known.value_0 / nullif(known.value_3, 0), 4) - 1) as annualised_3m_pct,
    100 * (power(known.value_0 / nullif(known.value_2, 0), 6) - 1) as annualised_2m_pct
from known
inner join ranked
    on
        known.series_id = ranked.series_id
        and known.observation_month = ranked.observation_month
        and known.known_at = ranked.known_at
-- a figure of the months before says nothing about a month without one
where
    known.value_0 is not null
    or known.is_own
