{%- set band = number_of('forecast_rule', 'band_pct') -%}
{#- type, tier before, tier beyond the line, the line, and 1 where a larger company is on its own side of it -#}
{%- set kinds = [
    ('MIGRATE_UP_TO_R1000', 'R2000', 'R1000', 'upper', -1),
    ('MIGRATE_DOWN_FROM_R1000', 'R1000', 'R2000', 'lower', 1),
    ('MIGRATE_UP_FROM_MICRO', 'RMICRO', 'R2000', 'smallest', -1),
    ('MIGRATE_DOWN_TO_MICRO', 'R2000', 'RMICRO', 'smallest', 1),
] -%}

-- The lines that a member can cross, each half way, in logarithms, between the last company on one side and the first
-- on the other.
with companies as (
    select distinct
        event_id,
        as_of_date,
        company_rank,
        company_value,
        cumulative_pct
    from {{ ref('int_forecast_company') }}
),

breakpoints as (
    select
        event_id,
        as_of_date,
        count(*) as companies,
        max(
            case when company_rank = {{ number_of('forecast_rule', 'r1000_rank') }} then cumulative_pct end
        ) as r1000_pct
    from companies
    group by event_id, as_of_date
),

placed as (
    select
        companies.event_id,
        companies.as_of_date,
        breakpoints.companies,
        companies.company_value,
        companies.cumulative_pct < breakpoints.r1000_pct - {{ band }} as is_above_the_band,
        companies.cumulative_pct <= breakpoints.r1000_pct + {{ band }} as is_above_the_end_of_the_band,
        companies.company_rank <= {{ number_of('forecast_rule', 'r2000_rank') }} as is_large_enough
    from companies
    inner join breakpoints
        on
            companies.event_id = breakpoints.event_id
            and companies.as_of_date = breakpoints.as_of_date
),

sides as (
    select
        event_id,
        as_of_date,
        max(companies) as companies,
        sqrt(
            min(case when is_above_the_band then company_value end)
            * max(case when not is_above_the_band then company_value end)
        ) as upper_value,
        sqrt(
            min(case when is_above_the_end_of_the_band then company_value end)
            * max(case when not is_above_the_end_of_the_band then company_value end)
        ) as lower_value,
        sqrt(
            min(case when is_large_enough then company_value end)
            * max(case when not is_large_enough then company_value end)
        ) as smallest_value
    from placed
    group by event_id, as_of_date
),

kinds as (
    {% for kind in kinds -%}
    select
        '{{ kind[0] }}' as change_type,
        '{{ kind[1] }}' as tier_before,
        '{{ kind[2] }}' as tier_across,
        '{{ kind[3] }}' as line,
        {{ kind[4] }} as side
    {% if not loop.last %}union all{% endif %}
    {% endfor -%}
)

select
    evenings.event_id,
    evenings.as_of_date,
    kinds.change_type,
    kinds.tier_before,
    kinds.tier_across,
    kinds.side,
    cast(sides.companies as integer) as companies,
    round(
        case kinds.line
            when 'upper' then sides.upper_value
            when 'lower' then sides.lower_value
            -- without the Microcap fund nobody shows who would be the next after the 3,000th
            when 'smallest' then case when evenings.has_microcap then sides.smallest_value end
        end, 6
    ) as line_value
from {{ ref('int_forecast_evening') }} as evenings
cross join kinds
left join sides
    on
        evenings.event_id = sides.event_id
        and evenings.as_of_date = sides.as_of_date
