{% set kept = kept_by('int_price_change') -%}

with returns as (
    select
        symbol,
        session_date,
        window_code,
        base_date,
        return_px,
        return_tr
    from {{ ref('mart_return') }}
    {%- if kept %}
    where session_date >= (select min(changes.session_date) from {{ kept.changes }} as changes where changes.is_changed)
    {%- endif %}
),

-- A difference of returns over two different stretches of time compares nothing, hence the equal bases.
spreads as (
    select
        legs.symbol,
        legs.benchmark_symbol,
        own.session_date,
        own.window_code,
        own.base_date,
        (own.return_px - benchmark.return_px) * 100 as spread_px_pp,
        (own.return_tr - benchmark.return_tr) * 100 as spread_tr_pp,
        (1 + own.return_px) / nullif(1 + benchmark.return_px, 0) - 1 as ratio_return_px,
        own.base_date = benchmark.base_date as has_equal_bases
    from {{ ref('pair') }} as legs
    inner join returns as own on legs.symbol = own.symbol
    inner join returns as benchmark
        on
            legs.benchmark_symbol = benchmark.symbol
            and own.session_date = benchmark.session_date
            and own.window_code = benchmark.window_code
    {%- if kept %}
    inner join {{ kept.changes }} as own_changes
        on
            legs.symbol = own_changes.symbol
            and own.session_date = own_changes.session_date
    inner join {{ kept.changes }} as benchmark_changes
        on
            legs.benchmark_symbol = benchmark_changes.symbol
            and own.session_date = benchmark_changes.session_date
    where
        own_changes.is_changed
        or benchmark_changes.is_changed
    {%- endif %}
),

comparable as (
    select
        symbol,
        benchmark_symbol,
        session_date,
        window_code,
        case when has_equal_bases then base_date end as base_date,
        case when has_equal_bases then spread_px_pp end as spread_px_pp,
        case when has_equal_bases then spread_tr_pp end as spread_tr_pp,
        case when has_equal_bases then ratio_return_px end as ratio_return_px
    from spreads
),

{% if kept -%}
kept as (
    select rows.*
    from {{ kept.rows }} as rows
    {%- for leg in ['symbol', 'benchmark_symbol'] %}
    inner join {{ kept.changes }} as {{ leg }}_changes
        on
            rows.{{ leg }} = {{ leg }}_changes.symbol
            and rows.session_date = {{ leg }}_changes.session_date
            and not {{ leg }}_changes.is_changed
    {%- endfor %}
),

{% endif -%}
{{ since_dates(
    'comparable', ['symbol', 'benchmark_symbol', 'window_code'], 'session_date', 'spread_px_pp',
    earlier='kept' if kept
) }},

dated as (
    {%- if kept %}
    select
        symbol,
        benchmark_symbol,
        session_date,
        window_code,
        base_date,
        spread_px_pp,
        spread_tr_pp,
        ratio_return_px,
        widest_since_date,
        narrowest_since_date
    from kept
    union all
    {%- endif %}
    select
        comparable.symbol,
        comparable.benchmark_symbol,
        comparable.session_date,
        comparable.window_code,
        comparable.base_date,
        comparable.spread_px_pp,
        comparable.spread_tr_pp,
        comparable.ratio_return_px,
        since.high_since as widest_since_date,
        since.low_since as narrowest_since_date
    from comparable
    left join since
        on
            comparable.symbol = since.symbol
            and comparable.benchmark_symbol = since.benchmark_symbol
            and comparable.window_code = since.window_code
            and comparable.session_date = since.day
),

history as (
    select
        symbol,
        benchmark_symbol,
        window_code,
        min(session_date) as history_start
    from dated
    where spread_px_pp is not null
    group by symbol, benchmark_symbol, window_code
)

select
    dated.symbol,
    dated.benchmark_symbol,
    dated.session_date,
    dated.window_code,
    dated.base_date,
    dated.spread_px_pp,
    dated.spread_tr_pp,
    dated.ratio_return_px,
    dated.widest_since_date,
    dated.narrowest_since_date,
    history.history_start
from dated
left join history
    on
        dated.symbol = history.symbol
        and dated.benchmark_symbol = history.benchmark_symbol
        and dated.window_code = history.window_code
