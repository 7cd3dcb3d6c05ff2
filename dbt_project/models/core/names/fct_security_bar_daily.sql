{%- set cent = number_of('member_bar_rule', 'close_tolerance_usd') %}
{%- set percent = number_of('member_bar_rule', 'close_tolerance_pct') %}

with tickers as (
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

-- A stale print says nothing of the session.
compared as (
    select
        held.security_id,
        bars.*,
        prices.close_usd as printed_usd,
        case
            when prices.close_usd is not null
                then
                    struct_pack(
                        session_index := bars.session_index,
                        session_date := bars.session_date,
                        agrees := round(abs(bars.close_usd - prices.close_usd), 6)
                        <= greatest({{ cent }}, round({{ percent }} / 100.0 * prices.close_usd, 6)),
                        known_at := greatest(bars.known_at, prices.known_at)
                    )
        end as comparison
    from {{ ref('int_member_bar') }} as bars
    inner join held
        on
            bars.symbol = held.symbol
            and bars.session_date >= held.valid_from
            and (held.valid_until is null or bars.session_date < held.valid_until)
    left join {{ ref('fct_security_price_daily') }} as prices
        on
            held.security_id = prices.security_id
            and bars.session_date = prices.session_date
            and not prices.is_stale
),

placed as (
    select
        *,
        last_value(comparison ignore nulls) over (
            partition by security_id, symbol
            order by session_index
            rows between unbounded preceding and current row
        ) as newest
    from compared
),

judged as (
    select
        * exclude (newest, known_at),
        struct_extract(newest, 'agrees') as agrees,
        struct_extract(newest, 'session_date') as compared_on,
        greatest(known_at, struct_extract(newest, 'known_at')) as known_at
    from placed
    where
        session_index - struct_extract(newest, 'session_index')
        <= {{ number_of('member_bar_rule', 'reach_sessions') }}
)

select
    security_id,
    session_date,
    symbol,
    case when agrees then open_usd end as open_usd,
    case when agrees then high_usd end as high_usd,
    case when agrees then low_usd end as low_usd,
    case when agrees then close_usd end as close_usd,
    case when agrees then volume end as volume,
    case when agrees then dividend_usd end as dividend_usd,
    case when not agrees then 'close_differs' end as null_reason,
    close_usd as told_close_usd,
    printed_usd,
    compared_on,
    available_at,
    is_availability_assumed,
    known_at
from judged
