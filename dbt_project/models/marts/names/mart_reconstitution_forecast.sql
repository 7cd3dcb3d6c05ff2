with distances as (
    select
        companies.event_id,
        companies.as_of_date,
        companies.security_id,
        companies.tier_before,
        companies.company_rank,
        companies.company_value,
        companies.known_at,
        lines.change_type,
        lines.tier_across,
        lines.line_value,
        lines.companies,
        round(lines.side * ln(companies.company_value / lines.line_value), 9) as distance_to_line
    from {{ ref('int_forecast_company') }} as companies
    inner join {{ ref('int_forecast_line') }} as lines
        on
            companies.event_id = lines.event_id
            and companies.as_of_date = lines.as_of_date
            and companies.tier_before = lines.tier_before
    where
        lines.line_value is not null
        and companies.is_still_held
),

-- A member of the Russell 2000 has a line above and one below: the nearer one counts.
nearest as (
    select *
    from distances
    qualify
        row_number() over (
            partition by event_id, as_of_date, security_id
            order by distance_to_line asc, change_type asc
        ) = 1
),

judged as (
    select
        nearest.*,
        evenings.moment,
        evenings.file_date,
        evenings.available_at,
        sqrt(
            power({{ number_of('forecast_rule', 'proxy_error') }}, 2)
            + power({{ number_of('forecast_rule', 'session_move') }}, 2) * evenings.sessions_to_rank
        ) as spread
    from nearest
    inner join {{ ref('int_forecast_evening') }} as evenings
        on
            nearest.event_id = evenings.event_id
            and nearest.as_of_date = evenings.as_of_date
),

sure as (
    select
        *,
        -- the engine has no normal distribution
        round(
            1 / (1 + exp({{ number_of('forecast_rule', 'logistic_slope') }} * distance_to_line / spread)), 6
        ) as probability
    from judged
)

select
    event_id,
    as_of_date,
    security_id,
    moment,
    change_type,
    tier_before,
    -- who is just on the line stays
    case when distance_to_line < 0 then tier_across else tier_before end as tier_forecast,
    probability,
    distance_to_line,
    round(spread, 6) as spread,
    company_rank,
    companies,
    round(100 * (company_value / line_value - 1), 6) as above_line_pct,
    file_date,
    available_at,
    known_at
from sure
where probability >= {{ number_of('forecast_rule', 'least_probability') }}
