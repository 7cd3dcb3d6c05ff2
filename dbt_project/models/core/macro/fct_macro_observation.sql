with newest as (
    select
        observations.series_id,
        observations.observation_date,
        observations.realtime_start,
        observations.value,
        observations.available_at,
        observations.is_availability_assumed,
        observations.fetched_at,
        count(observations.value) over (
            partition by observations.series_id, observations.observation_date
            order by observations.realtime_start asc
            rows between unbounded preceding and current row
        ) as values_so_far,
        lead(observations.realtime_start) over (
            partition by observations.series_id, observations.observation_date
            order by observations.realtime_start asc
        ) as next_start
    from {{ ref('stg_fred_observation') }} as observations
    inner join {{ ref('dim_series') }} as series on observations.series_id = series.series_id
    where observations.revision_rank = 1
)

select
    series_id,
    observation_date,
    realtime_start,
    coalesce({{ add_days('next_start', -1) }}, date '9999-12-31') as realtime_end,
    value,
    available_at,
    is_availability_assumed,
    fetched_at as known_at
from newest
-- a hole stays a hole; a value taken back stays as a row without a value
where values_so_far > 0
