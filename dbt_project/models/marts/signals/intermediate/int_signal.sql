with definitions as (
    select * from {{ ref('signal_definition') }}
)

select
    signal_id,
    definition_version,
    kind,
    symbol,
    series_id,
    window_code,
    comparison,
    threshold,
    threshold_upper,
    unit,
    combined_into,
    cast(null as varchar) as position_id,
    cast(null as date) as entry_date,
    cast(null as varchar) as level_id,
    cast(null as date) as reference_date,
    cast(null as varchar) as measure,
    definition
from definitions
where
    kind not in ('stop_close', 'stop_trailing', 'stop_intraday', 'target_low', 'target_high')
    and kind not in ('support_break', 'support_break_sustained')
union all
select
    definitions.signal_id || '_' || positions.position_id as signal_id,
    definitions.definition_version,
    definitions.kind,
    positions.symbol,
    definitions.series_id,
    definitions.window_code,
    definitions.comparison,
    round(
        case definitions.kind
            when 'target_low' then positions.target_low_pct
            when 'target_high' then positions.target_high_pct
            else positions.stop_pct
        end / 100, 12
    ) as threshold,
    definitions.threshold_upper,
    definitions.unit,
    definitions.combined_into,
    positions.position_id,
    positions.entry_date,
    cast(null as varchar) as level_id,
    cast(null as date) as reference_date,
    cast(null as varchar) as measure,
    definitions.definition || ' Position: ' || positions.symbol || ' entered at the close of '
    || cast(positions.entry_date as varchar) || '.' as definition
from definitions
cross join {{ ref('position') }} as positions
where definitions.kind in ('stop_close', 'stop_trailing', 'stop_intraday', 'target_low', 'target_high')
union all
select
    definitions.signal_id || '_' || levels.level_id as signal_id,
    definitions.definition_version,
    definitions.kind,
    levels.symbol,
    definitions.series_id,
    definitions.window_code,
    definitions.comparison,
    definitions.threshold,
    definitions.threshold_upper,
    definitions.unit,
    definitions.combined_into,
    cast(null as varchar) as position_id,
    cast(null as date) as entry_date,
    levels.level_id,
    levels.reference_date,
    levels.measure,
    definitions.definition || ' Level: ' || levels.measure || ' of ' || levels.symbol || ' on '
    || cast(levels.reference_date as varchar) || '.' as definition
from definitions
cross join {{ ref('support_level') }} as levels
where definitions.kind in ('support_break', 'support_break_sustained')
