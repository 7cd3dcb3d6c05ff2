with sessions as (
    select
        session_date,
        {{ new_york_moment('session_date', '23:59:59') }} as knowledge_at
    from {{ ref('dim_session') }}
    where
        session_date >= {{ start_date() }}
        and session_date <= {{ as_of_session() }}
),

families as (
    {%- for family in ['price', 'position', 'support', 'rate', 'flow'] %}
    select * from {{ ref('int_signal_' ~ family) }}{{ '\n    union all' if not loop.last }}
    {%- endfor %}
),

-- A bar stored days late was not there on the day: no value then.
known as (
    select families.*
    from families
    inner join sessions
        on
            families.session_date = sessions.session_date
            and families.inputs_available_at <= sessions.knowledge_at
),

parts as (
    select
        signals.combined_into as signal_id,
        known.session_date,
        case when {{ is_triggered('known.value', 'signals') }} then 1 else 0 end as triggered,
        known.input_date,
        known.inputs_available_at
    from known
    inner join {{ ref('int_signal') }} as signals on known.signal_id = signals.signal_id
    where signals.combined_into is not null
),

part_counts as (
    select
        combined_into as signal_id,
        count(*) as parts
    from {{ ref('int_signal') }}
    where combined_into is not null
    group by combined_into
),

-- One part that is on is enough; that none is on can be said only when all have a value.
combined as (
    select
        parts.signal_id,
        parts.session_date,
        cast(sum(parts.triggered) as double) as value,
        min(parts.input_date) as input_date,
        max(parts.inputs_available_at) as inputs_available_at
    from parts
    inner join part_counts on parts.signal_id = part_counts.signal_id
    group by parts.signal_id, parts.session_date, part_counts.parts
    having
        sum(parts.triggered) > 0
        or count(*) = part_counts.parts
),

valued as (
    select * from known
    union all
    select * from combined
),

first_values as (
    select
        signal_id,
        min(session_date) as first_session
    from valued
    group by signal_id
),

states as (
    select
        signals.signal_id,
        sessions.session_date,
        valued.value,
        {{ is_triggered('valued.value', 'signals') }} as is_triggered,
        valued.input_date,
        valued.inputs_available_at
    from {{ ref('int_signal') }} as signals
    inner join first_values on signals.signal_id = first_values.signal_id
    inner join sessions on first_values.first_session <= sessions.session_date
    left join valued
        on
            signals.signal_id = valued.signal_id
            and sessions.session_date = valued.session_date
),

-- A run of triggered sessions has as many others before it throughout.
runs as (
    select
        *,
        count(case when is_triggered then null else 1 end) over (
            partition by signal_id
            order by session_date asc
            rows between unbounded preceding and current row
        ) as run
    from states
),

run_starts as (
    select
        signal_id,
        run,
        min(session_date) as triggered_since
    from runs
    where is_triggered
    group by signal_id, run
)

select
    signals.signal_id,
    runs.session_date,
    signals.definition_version,
    signals.kind,
    signals.symbol,
    signals.series_id,
    signals.window_code,
    signals.position_id,
    signals.entry_date,
    runs.value,
    signals.unit,
    signals.comparison,
    signals.threshold,
    signals.threshold_upper,
    runs.is_triggered,
    case when runs.is_triggered then run_starts.triggered_since end as triggered_since,
    runs.input_date,
    runs.inputs_available_at,
    signals.definition
from runs
inner join {{ ref('int_signal') }} as signals on runs.signal_id = signals.signal_id
left join run_starts
    on
        runs.signal_id = run_starts.signal_id
        and runs.run = run_starts.run
