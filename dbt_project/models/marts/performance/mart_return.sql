{% set codes = ['1d', '5d', '21d', '63d', '126d', '252d', 'mtd', 'qtd', 'ytd', '1m', '3m', '6m', '12m'] -%}
{% set kept = kept_by('int_price_change') -%}

with sessions as (
    select
        session_date,
        previous_session,
        session_index
    from {{ ref('dim_session') }}
    where session_date <= {{ as_of_session() }}
),

-- The last session on or before the same day of an earlier month: days asked for and sessions in one order.
month_days as (
    {%- for n in [1, 3, 6, 12] %}
    select
        session_date,
        '{{ n }}m' as window_code,
        {{ add_months('session_date', -n) }} as day,
        cast(null as date) as base_session
    from sessions
    union all
    {%- endfor %}
    select
        session_date,
        cast(null as varchar) as window_code,
        session_date as day,
        session_date as base_session
    from sessions
),

month_bases as (
    select
        session_date,
        window_code,
        max(base_session) over (
            order by day asc
            range between unbounded preceding and current row
        ) as base_session
    from month_days
),

-- The base session of every window, the same for all symbols. Calendar months fall back to the symbol's last bar on or
-- before their base session; the other windows want the bar of that very session, and nothing is filled forward.
session_windows as (
    {%- for n in [1, 5, 21, 63, 126, 252] %}
    select
        ends.session_date,
        '{{ n }}d' as window_code,
        bases.session_date as base_session,
        0 as may_fall_back
    from sessions as ends
    inner join sessions as bases on ends.session_index - {{ n }} = bases.session_index
    union all
    {%- endfor %}
    {%- for code, period in [('mtd', 'month'), ('qtd', 'quarter'), ('ytd', 'year')] %}
    select
        session_date,
        '{{ code }}' as window_code,
        min(previous_session) over (partition by {{ period_start(period, 'session_date') }}) as base_session,
        0 as may_fall_back
    from sessions
    union all
    {%- endfor %}
    select
        session_date,
        window_code,
        base_session,
        1 as may_fall_back
    from month_bases
    where window_code is not null
),

window_codes as (
    {%- for code in codes %}
    select '{{ code }}' as window_code{{ '\n    union all' if not loop.last }}
    {%- endfor %}
),

bars as (
    select
        symbol,
        session_date,
        close,
        total_return_index
    from {{ ref('fct_price_daily') }}
),

first_bars as (
    select
        symbol,
        min(session_date) as first_session
    from bars
    group by symbol
),

-- Every session from a symbol's first bar on, with the last bar stored by then.
spine as (
    select
        first_bars.symbol,
        sessions.session_date,
        max(bars.session_date) over (
            partition by first_bars.symbol
            order by sessions.session_date asc
            rows between unbounded preceding and current row
        ) as last_bar_date
    from first_bars
    inner join sessions on first_bars.first_session <= sessions.session_date
    left join bars
        on
            first_bars.symbol = bars.symbol
            and sessions.session_date = bars.session_date
),

based as (
    select
        bars.symbol,
        bars.session_date,
        window_codes.window_code,
        bars.close,
        bars.total_return_index,
        case when session_windows.may_fall_back = 1 then spine.last_bar_date else spine.session_date end as base_date
    from bars
    cross join window_codes
    {%- if kept %}
    inner join {{ kept.changes }} as changes
        on
            bars.symbol = changes.symbol
            and bars.session_date = changes.session_date
            and changes.is_changed
    {%- endif %}
    left join session_windows
        on
            bars.session_date = session_windows.session_date
            and window_codes.window_code = session_windows.window_code
    left join spine
        on
            bars.symbol = spine.symbol
            and session_windows.base_session = spine.session_date
),

returns as (
    select
        based.symbol,
        based.session_date,
        based.window_code,
        based.base_date,
        -- a ratio over a base at or below zero, as a bill yield can have, says nothing
        case when bases.close > 0 then based.close / bases.close - 1 end as return_px,
        case
            when bases.close > 0 then based.total_return_index / nullif(bases.total_return_index, 0) - 1
        end as return_tr
    from based
    left join bars as bases
        on
            based.symbol = bases.symbol
            and based.base_date = bases.session_date
),

{% if kept -%}
kept as (
    select rows.*
    from {{ kept.rows }} as rows
    inner join {{ kept.changes }} as changes
        on
            rows.symbol = changes.symbol
            and rows.session_date = changes.session_date
            and not changes.is_changed
),

{% endif -%}
{{ since_dates('returns', ['symbol', 'window_code'], 'session_date', 'return_px', earlier='kept' if kept) }},

dated as (
    {%- if kept %}
    select
        symbol,
        session_date,
        window_code,
        base_date,
        return_px,
        return_tr,
        best_since_date,
        worst_since_date
    from kept
    union all
    {%- endif %}
    select
        returns.symbol,
        returns.session_date,
        returns.window_code,
        returns.base_date,
        returns.return_px,
        returns.return_tr,
        since.high_since as best_since_date,
        since.low_since as worst_since_date
    from returns
    left join since
        on
            returns.symbol = since.symbol
            and returns.window_code = since.window_code
            and returns.session_date = since.day
),

history as (
    select
        symbol,
        window_code,
        min(session_date) as history_start
    from dated
    where return_px is not null
    group by symbol, window_code
)

select
    dated.symbol,
    dated.session_date,
    dated.window_code,
    dated.base_date,
    dated.return_px,
    dated.return_tr,
    dated.best_since_date,
    dated.worst_since_date,
    history.history_start
from dated
left join history
    on
        dated.symbol = history.symbol
        and dated.window_code = history.window_code
