{% set group = 'index_code, event_id, change_type, day_offset, measure' %}

-- Means over the names of a change, and how sure they are.
with observed as (
    select
        index_code,
        event_id,
        change_type,
        day_offset,
        'day' as measure,
        sector,
        abnormal_return as x,
        known_at
    from {{ ref('int_reconstitution_return') }}
    where abnormal_return is not null
    union all
    select
        index_code,
        event_id,
        change_type,
        day_offset,
        'cumulated' as measure,
        sector,
        cumulated as x,
        known_at
    from {{ ref('int_reconstitution_return') }}
    where cumulated is not null
),

centred as (
    select
        *,
        median(x) over (partition by {{ group }}) as median_x
    from observed
),

-- Decimals, because a sum of doubles depends on the order the rows arrive in.
sectors as (
    select
        {{ group }},
        sector,
        count(*) as n,
        sum(cast(x as decimal(28, 12))) as sum_x,
        sum(cast(x * x as decimal(38, 18))) as sum_xx,
        max(median_x) as median_x,
        max(known_at) as known_at
    from centred
    group by {{ group }}, sector
),

-- What the names of a sector are off together: they move together, and count as one observation.
deviations as (
    select
        *,
        cast(sum_x as double) - n * cast(sum(sum_x) over whole as double) / sum(n) over whole as off
    from sectors
    window whole as (partition by {{ group }})
),

summed as (
    select
        {{ group }},
        sum(n) as n,
        count(*) as clusters,
        sum(sum_x) as sum_x,
        sum(sum_xx) as sum_xx,
        cast(sum(cast(off * off as decimal(38, 18))) as double) as squares,
        max(median_x) as median_x,
        max(known_at) as known_at
    from deviations
    group by {{ group }}
)

select
    {{ group }},
    n,
    round(cast(sum_x as double) / n, 12) as mean_x,
    round(median_x, 12) as median_x,
    case when n > 1 then round(sqrt({{ own_moment('n', 'sum_xx', 'sum_x') }} / (n - 1)) / n, 12) end as standard_error,
    case
        when clusters > 1 then round(sqrt(squares * clusters / (clusters - 1)) / n, 12)
    end as standard_error_clustered,
    clusters,
    known_at
from summed
