-- What happened, by the files of the fund of the Russell 2000, which every kind begins or ends in.
with changes as (
    select
        event_id,
        security_id,
        change_type,
        missing_evidence
    from {{ ref('mart_reconstitution_change') }}
    where
        index_code = 'R2000'
        and event_id like 'RUSSELL-%'
    qualify row_number() over (partition by event_id, security_id order by change_date, change_type) = 1
),

seen_events as (
    select distinct event_id
    from changes
),

-- An addition or a deletion whose file of the other tier is missing may be a migration.
unclear as (
    select
        changes.event_id,
        kinds.change_type,
        count(*) as changes
    from changes
    inner join {{ ref('migration_evidence') }} as kinds
        on
            kinds.index_code = 'R2000'
            and case changes.change_type
                when 'ADD_ORIGIN_UNKNOWN' then 'addition'
                when 'DELETE_DESTINATION_UNKNOWN' then 'deletion'
            end = kinds.direction
            and (
                contains(changes.missing_evidence, kinds.other_index)
                or contains(changes.missing_evidence, 'sessions apart')
            )
    group by changes.event_id, kinds.change_type
),

actual as (
    select
        changes.event_id,
        lines.as_of_date,
        lines.change_type,
        count(*) as actual,
        count(case when companies.security_id is null then 1 end) as missed_not_in_files
    from changes
    inner join {{ ref('int_forecast_line') }} as lines
        on
            changes.event_id = lines.event_id
            and changes.change_type = lines.change_type
    left join {{ ref('int_forecast_company') }} as companies
        on
            lines.event_id = companies.event_id
            and lines.as_of_date = companies.as_of_date
            and changes.security_id = companies.security_id
    group by changes.event_id, lines.as_of_date, lines.change_type
),

followed as (
    select
        forecasts.event_id,
        forecasts.as_of_date,
        forecasts.change_type,
        forecasts.probability,
        forecasts.tier_forecast <> forecasts.tier_before as is_forecast,
        changes.security_id is not null as is_changed,
        coalesce(changes.change_type = forecasts.change_type, false) as is_right
    from {{ ref('mart_reconstitution_forecast') }} as forecasts
    left join changes
        on
            forecasts.event_id = changes.event_id
            and forecasts.security_id = changes.security_id
),

forecast as (
    select
        event_id,
        as_of_date,
        change_type,
        count(*) as listed,
        count(case when is_forecast then 1 end) as forecast,
        count(case when is_forecast and is_right then 1 end) as hits,
        count(case when is_forecast and is_changed and not is_right then 1 end) as changed_otherwise,
        -- decimals: a sum of doubles depends on the order of the rows
        sum(cast(power(probability - case when is_right then 1 else 0 end, 2) as decimal(18, 12))) as squares
    from followed
    group by event_id, as_of_date, change_type
),

judged as (
    select
        lines.event_id,
        lines.as_of_date,
        lines.change_type,
        evenings.moment,
        evenings.file_date,
        evenings.known_at,
        lines.line_value is not null as is_forecast,
        case
            when evenings.file_date is null then 'no_files_known'
            when lines.line_value is null then 'line_unknown'
            when evenings.effective_date >= {{ as_of_session() }} then 'not_yet_effective'
            when seen_events.event_id is null or unclear.changes > 0 then 'changes_unknown'
        end as null_reason,
        evenings.effective_date < {{ as_of_session() }}
        and seen_events.event_id is not null
        and unclear.changes is null as is_known,
        coalesce(forecast.listed, 0) as listed,
        coalesce(forecast.forecast, 0) as forecast,
        coalesce(forecast.hits, 0) as hits,
        coalesce(forecast.changed_otherwise, 0) as changed_otherwise,
        forecast.squares,
        coalesce(actual.actual, 0) as actual,
        coalesce(actual.missed_not_in_files, 0) as missed_not_in_files
    from {{ ref('int_forecast_line') }} as lines
    inner join {{ ref('int_forecast_evening') }} as evenings
        on
            lines.event_id = evenings.event_id
            and lines.as_of_date = evenings.as_of_date
    left join seen_events on lines.event_id = seen_events.event_id
    left join unclear
        on
            lines.event_id = unclear.event_id
            and lines.change_type = unclear.change_type
    left join actual
        on
            lines.event_id = actual.event_id
            and lines.as_of_date = actual.as_of_date
            and lines.change_type = actual.change_type
    left join forecast
        on
            lines.event_id = forecast.event_id
            and lines.as_of_date = forecast.as_of_date
            and lines.change_type = forecast.change_type
)

select
    event_id,
    as_of_date,
    change_type,
    moment,
    file_date,
    case when is_forecast then cast(listed as integer) end as listed,
    case when is_forecast then cast(forecast as integer) end as forecast,
    case when is_known then cast(actual as integer) end as actual,
    case when null_reason is null then cast(hits as integer) end as hits,
    case when null_reason is null then cast(changed_otherwise as integer) end as changed_otherwise,
    case when null_reason is null then cast(missed_not_in_files as integer) end as missed_not_in_files,
    case when null_reason is null then cast(actual - hits - missed_not_in_files as integer) end as missed_in_files,
    case when null_reason is null then round(hits / nullif(cast(forecast as double), 0), 6) end as precision,
    case when null_reason is null then round(hits / nullif(cast(actual as double), 0), 6) end as recall,
    case when null_reason is null then round(cast(squares as double) / listed, 6) end as brier,
    null_reason,
    known_at
from judged
