{% set rule_pairs = [
    ('close', 'stop_close'),
    ('intraday', 'stop_intraday'),
    ('trailing', 'stop_trailing'),
] -%}

with horizons as (
    {%- for n in var('outcome_horizons') %}
    select {{ n }} as horizon_sessions{{ '\n    union all' if not loop.last }}
    {%- endfor %}
),

entries as (
    select
        positions.position_id,
        positions.symbol,
        positions.entry_date,
        nullif(prices.close, 0) as entry_close,
        sessions.session_index as entry_index,
        round(positions.stop_pct / 100, 12) as stop,
        round(positions.target_low_pct / 100, 12) as target_low,
        round(positions.target_high_pct / 100, 12) as target_high
    from {{ ref('position') }} as positions
    inner join {{ ref('fct_price_daily') }} as prices
        on
            positions.symbol = prices.symbol
            and positions.entry_date = prices.session_date
    inner join {{ ref('dim_session') }} as sessions on positions.entry_date = sessions.session_date
),

trades as (
    {%- for basis, stop_rule in rule_pairs %}
    {%- for target in ['target_low', 'target_high'] %}
    select
        position_id,
        '{{ stop_rule }}_{{ target }}' as rule_pair,
        '{{ basis }}' as basis,
        symbol,
        entry_date,
        entry_index,
        stop,
        {{ target }} as target
    from entries
    {{- '\n    union all' if not loop.last }}
    {%- endfor %}
    {{- '\n    union all' if not loop.last }}
    {%- endfor %}
),

-- The entry is at the close: what its session did before is no part of the trade.
moves as (
    select
        entries.position_id,
        sessions.session_date,
        sessions.session_index,
        round(prices.open / entries.entry_close - 1, 12) as open_return,
        round(prices.high / entries.entry_close - 1, 12) as high_return,
        round(prices.low / entries.entry_close - 1, 12) as low_return,
        round(prices.close / entries.entry_close - 1, 12) as close_return,
        round(
            prices.close / nullif(
                greatest(
                    entries.entry_close,
                    max(prices.close) over (
                        partition by entries.position_id
                        order by sessions.session_index asc
                        rows between unbounded preceding and current row
                    )
                ), 0
            ) - 1, 12
        ) as fall_from_highest_close
    from entries
    inner join {{ ref('fct_price_daily') }} as prices
        on
            entries.symbol = prices.symbol
            and entries.entry_date < prices.session_date
    inner join {{ ref('dim_session') }} as sessions on prices.session_date = sessions.session_date
),

touches as (
    select
        trades.position_id,
        trades.rule_pair,
        trades.basis,
        trades.stop,
        trades.target,
        moves.session_date,
        moves.session_index,
        moves.open_return,
        moves.close_return,
        case trades.basis
            when 'intraday' then moves.low_return <= trades.stop
            when 'trailing' then moves.fall_from_highest_close <= trades.stop
            else moves.close_return <= trades.stop
        end as is_stop,
        case trades.basis
            when 'intraday' then moves.high_return >= trades.target
            else moves.close_return >= trades.target
        end as is_target
    from trades
    inner join moves on trades.position_id = moves.position_id
),

first_touches as (
    select
        position_id,
        rule_pair,
        min(session_index) as session_index
    from touches
    where is_stop or is_target
    group by position_id, rule_pair
),

-- Where a session went to both, its open tells which came first if it lay beyond one of them. Otherwise nothing does.
exits as (
    select
        touches.position_id,
        touches.rule_pair,
        touches.session_date,
        touches.session_index,
        case
            when touches.is_stop and touches.is_target and touches.open_return <= touches.stop then 'stop'
            when touches.is_stop and touches.is_target and touches.open_return >= touches.target then 'target'
            when touches.is_stop and touches.is_target then 'both'
            when touches.is_stop then 'stop'
            else 'target'
        end as touched,
        -- an order in the market is filled at its level, or at the open where that lay beyond
        case when touches.basis = 'intraday' then least(touches.open_return, touches.stop) else touches.close_return end
            as return_at_stop,
        case
            when touches.basis = 'intraday' then greatest(touches.open_return, touches.target)
            else touches.close_return
        end as return_at_target
    from touches
    inner join first_touches
        on
            touches.position_id = first_touches.position_id
            and touches.rule_pair = first_touches.rule_pair
            and touches.session_index = first_touches.session_index
),

ends as (
    select
        trades.position_id,
        trades.rule_pair,
        horizons.horizon_sessions,
        sessions.session_date as horizon_end_date,
        sessions.session_date <= {{ as_of_session() }} as is_over,
        moves.close_return as return_at_horizon
    from trades
    cross join horizons
    inner join {{ ref('dim_session') }} as sessions
        on trades.entry_index + horizons.horizon_sessions = sessions.session_index
    left join moves
        on
            trades.position_id = moves.position_id
            and sessions.session_index = moves.session_index
),

outcomes as (
    select
        trades.position_id,
        trades.rule_pair,
        ends.horizon_sessions,
        trades.symbol,
        trades.entry_date,
        trades.basis,
        trades.stop,
        trades.target,
        ends.horizon_end_date,
        case
            when exits.touched is not null then exits.touched
            when ends.is_over then 'neither'
        end as first_touched,
        exits.session_date as touched_date,
        exits.return_at_stop,
        exits.return_at_target,
        ends.return_at_horizon
    from trades
    inner join ends
        on
            trades.position_id = ends.position_id
            and trades.rule_pair = ends.rule_pair
    left join exits
        on
            trades.position_id = exits.position_id
            and trades.rule_pair = exits.rule_pair
            and ends.horizon_end_date >= exits.session_date
)

select
    position_id,
    rule_pair,
    horizon_sessions,
    symbol,
    entry_date,
    basis,
    stop,
    target,
    horizon_end_date,
    first_touched,
    touched_date,
    case first_touched
        when 'stop' then return_at_stop
        when 'target' then return_at_target
        when 'neither' then return_at_horizon
    end as return_at_exit,
    return_at_horizon,
    case
        when first_touched is null then 'horizon not over'
        when first_touched = 'both' then 'order within the session unknown'
        when first_touched = 'neither' and return_at_horizon is null then 'no close at the end of the horizon'
    end as null_reason,
    'one trade' as evidence
from outcomes
