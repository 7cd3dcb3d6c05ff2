with digests as (
    select
        series_id,
        {{ new_york_date('available_at') }} as known_date,
        bit_xor(hash(observation_date, realtime_start, value, available_at)) as digest
    from {{ ref('fct_macro_observation') }}
    where series_id = 'DGS10'
    group by all
),

{{ changed_since_last_build('series_id', 'known_date') }}
