-- A signal on rates has no symbol: the index the warehouse is about stands in.
with states as (
    select
        signals.signal_id,
        coalesce(signals.symbol, '{{ var("outcome_symbol") }}') as symbol,
        signals.session_date,
        sessions.session_index,
        sessions.next_session,
        case when signals.triggered_since = signals.session_date then 1 else 0 end as is_new
    from {{ ref('mart_signal') }} as signals
    inner join {{ ref('dim_session') }} as sessions on signals.session_date = sessions.session_date
),

-- Seen from its base a return lies ahead; it is there once its last session is closed.
forward_returns as (
    select
        symbol,
        base_date,
        cast(replace(window_code, 'd', '') as integer) as horizon_sessions,
        round(return_px, 12) as forward_return
    from {{ ref('mart_return') }}
    where
        window_code in (
            {%- for n in var('outcome_horizons') %}
            '{{ n }}d'{{ ',' if not loop.last }}
            {%- endfor %}
        )
        and return_px is not null
)

select
    states.signal_id,
    returns.horizon_sessions,
    states.session_date,
    states.session_index,
    states.is_new,
    returns.forward_return,
    following.forward_return as forward_return_next_close
from states
inner join forward_returns as returns
    on
        states.symbol = returns.symbol
        and states.session_date = returns.base_date
left join forward_returns as following
    on
        states.symbol = following.symbol
        and states.next_session = following.base_date
        and returns.horizon_sessions = following.horizon_sessions
