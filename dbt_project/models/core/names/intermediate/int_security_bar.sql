-- Yahoo's bars under the ticker that each security had on the session, as traded on the day.
with splits as (
    select
        symbol,
        ex_date,
        -- decimals, because a running sum of doubles depends on the rows around it
        sum(cast(ln(value) as decimal(28, 18))) over so_far as log_ratio,
        max(fetched_at) over so_far as known_at
    from {{ ref('stg_member_action') }}
    where
        action_type = 'split'
        and revision_rank = 1
        and value > 0
        and ex_date <= {{ clock_date() }}
    window so_far as (
        partition by symbol
        order by ex_date
        rows between unbounded preceding and current row
    )
),

-- A price carries the splits up to its basis date. Those after its own session are taken out again.
bars as (
    select
        bars.symbol,
        bars.session_date,
        sessions.session_index,
        bars.open,
        bars.high,
        bars.low,
        bars.close,
        bars.volume,
        round(exp(cast(coalesce(carried.log_ratio, 0) - coalesce(own.log_ratio, 0) as double)), 12) as new_per_old,
        bars.available_at,
        bars.is_availability_assumed,
        -- greatest() skips nulls
        greatest(bars.fetched_at, carried.known_at) as known_at
    from {{ ref('stg_member_bar') }} as bars
    inner join {{ ref('dim_session') }} as sessions on bars.session_date = sessions.session_date
    asof left join splits as own
        on
            bars.symbol = own.symbol
            and bars.session_date >= own.ex_date
    asof left join splits as carried
        on
            bars.symbol = carried.symbol
            and bars.split_basis_date >= carried.ex_date
    where
        bars.revision_rank = 1
        and bars.session_date >= {{ start_date() }}
        and bars.session_date <= {{ as_of_session() }}
),

tickers as (
    select
        identifiers.security_id,
        coalesce(classes.yahoo_symbol, replace(replace(identifiers.id_value, '.', '-'), '/', '-')) as symbol,
        identifiers.valid_from,
        identifiers.valid_to
    from {{ ref('dim_security_identifier') }} as identifiers
    left join {{ ref('share_class_ticker') }} as classes on identifiers.id_value = classes.fund_ticker
    where identifiers.id_type = 'ticker'
),

-- A ticker without an end was the security's until another one has it.
held as (
    select
        security_id,
        symbol,
        valid_from,
        least(
            valid_to,
            min(valid_from) over (
                partition by symbol
                order by valid_from
                range between interval 1 day following and unbounded following
            )
        ) as valid_until
    from tickers
),

priced as (
    select
        held.security_id,
        bars.symbol,
        bars.session_date,
        bars.session_index,
        -- four decimals: the vendor answers in single precision, and the noise would look like a change
        round(bars.open * bars.new_per_old, 4) as open_usd,
        round(bars.high * bars.new_per_old, 4) as high_usd,
        round(bars.low * bars.new_per_old, 4) as low_usd,
        round(bars.close * bars.new_per_old, 4) as close_usd,
        cast(round(bars.volume / bars.new_per_old) as bigint) as volume,
        bars.available_at,
        bars.is_availability_assumed,
        bars.known_at
    from bars
    inner join held
        on
            bars.symbol = held.symbol
            and bars.session_date >= held.valid_from
            and (held.valid_until is null or bars.session_date < held.valid_until)
),

-- A stale print says nothing of the session.
compared as (
    select
        priced.*,
        prices.close_usd as printed_usd,
        prices.fund,
        prices.known_at as print_known_at,
        round(abs(priced.close_usd - prices.close_usd), 6) <= greatest(
            {{ number_of('member_bar_rule', 'close_tolerance_usd') }},
            round({{ number_of('member_bar_rule', 'close_tolerance_pct') }} / 100.0 * prices.close_usd, 6)
        ) as agrees
    from priced
    left join {{ ref('fct_security_price_daily') }} as prices
        on
            priced.security_id = prices.security_id
            and priced.session_date = prices.session_date
            and not prices.is_stale
),

judged as (
    select
        *,
        last_value(agrees ignore nulls) over so_far as agreed_last,
        last_value(agrees ignore nulls) over before as agreed_before,
        max(case when agrees is not null then session_index end) over so_far as compared_index,
        max(case when agrees is not null then session_date end) over so_far as compared_on,
        last_value(
            case when agrees is not null then greatest(known_at, print_known_at) end ignore nulls
        ) over so_far as comparison_known_at
    from compared
    window
        so_far as (
            partition by security_id, symbol
            order by session_index
            rows between unbounded preceding and current row
        ),
        before as (
            partition by security_id, symbol
            order by session_index
            rows between unbounded preceding and 1 preceding
        )
)

select
    security_id,
    symbol,
    session_date,
    open_usd,
    high_usd,
    low_usd,
    close_usd,
    volume,
    printed_usd,
    fund,
    agrees,
    -- the first of the sessions on which they differ
    coalesce(not agrees and coalesce(agreed_before, true), false) as begins_to_differ,
    compared_on,
    coalesce(agreed_last, false)
    and session_index - compared_index <= {{ number_of('member_bar_rule', 'reach_sessions') }} as is_used,
    available_at,
    is_availability_assumed,
    greatest(known_at, comparison_known_at) as known_at
from judged
