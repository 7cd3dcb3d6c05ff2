with returns as (
    select
        symbol,
        session_date,
        window_code,
        base_date,
        return_px,
        return_tr
    from {{ ref('mart_return') }}
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

history as (
    select
        symbol,
        benchmark_symbol,
        window_code,
        min(session_date) as history_start
    from comparable
    where spread_px_pp is not null
    group by symbol, benchmark_symbol, window_code
),

{{ since_dates('comparable', ['symbol', 'benchmark_symbol', 'window_code'], 'session_date', 'spread_px_pp') }}

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
    since.low_since as narrowest_since_date,
    history.history_start
from comparable
left join since
    on
        comparable.symbol = since.symbol
        and comparable.benchmark_symbol = since.benchmark_symbol
        and comparable.window_code = since.window_code
        and comparable.session_date = since.day
left join history
    on
        comparable.symbol = history.symbol
        and comparable.benchmark_symbol = history.benchmark_symbol
        and comparable.window_code = history.window_code
