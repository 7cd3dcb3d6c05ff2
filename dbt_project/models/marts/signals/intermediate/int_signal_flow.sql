-- Flows of a session are published the next morning: each session has the newest day of flows available by its end.
with flows as (
    select
        symbol,
        flow_date,
        flow_65d_percentile,
        flow_65d_percentile_expanding,
        available_at,
        max(flow_date) over (
            partition by symbol
            order by available_at asc, flow_date asc
            rows between unbounded preceding and current row
        ) as newest_flow_date,
        row_number() over (
            partition by symbol, available_at
            order by flow_date desc
        ) as rank_at_once
    from {{ ref('mart_etf_flow') }}
),

news as (
    select
        symbol,
        flow_date,
        flow_65d_percentile,
        flow_65d_percentile_expanding,
        available_at
    from flows
    where
        flow_date = newest_flow_date
        and rank_at_once = 1
),

signal_sessions as (
    select
        signals.signal_id,
        signals.kind,
        signals.symbol,
        sessions.session_date,
        {{ new_york_moment('sessions.session_date', '23:59:59') }} as knowledge_at
    from {{ ref('int_signal') }} as signals
    cross join {{ ref('dim_session') }} as sessions
    where
        signals.kind in ('outflow_percentile', 'outflow_percentile_expanding')
        and sessions.session_date >= {{ start_date() }}
        and sessions.session_date <= {{ as_of_session() }}
),

ranks as (
    select
        signal_sessions.signal_id,
        signal_sessions.session_date,
        case signal_sessions.kind
            when 'outflow_percentile' then news.flow_65d_percentile
            else news.flow_65d_percentile_expanding
        end as percentile,
        news.flow_date,
        news.available_at
    from signal_sessions
    asof inner join news
        on
            signal_sessions.symbol = news.symbol
            and signal_sessions.knowledge_at >= news.available_at
)

select
    signal_id,
    session_date,
    round(percentile, 12) as value,
    flow_date as input_date,
    available_at as inputs_available_at
from ranks
where percentile is not null
