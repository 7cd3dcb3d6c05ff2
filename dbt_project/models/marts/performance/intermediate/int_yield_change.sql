-- One row for each session, so that what is gone leaves a row that changed.
with digests as (
    select
        'DGS10' as series_id,
        sessions.session_date,
        coalesce(
            bit_xor({{ digest([
                'observations.observation_date', 'observations.realtime_start', 'observations.value',
                'observations.available_at'
            ]) }}),
            0
        ) as digest
    from {{ ref('dim_session') }} as sessions
    left join {{ ref('fct_macro_observation') }} as observations
        on
            observations.series_id = 'DGS10'
            and {{ new_york_date('observations.available_at') }} <= sessions.session_date
            and {{ new_york_date('observations.available_at') }} > coalesce(
                sessions.previous_session, date '0001-01-01'
            )
    where sessions.session_date <= {{ as_of_session() }}
    group by sessions.session_date
),

{{ changed_since_last_build('series_id', 'session_date') }}
