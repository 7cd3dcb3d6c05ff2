with quotes as (
    select
        *,
        -- a put up to the close and a call above it are out of the money, where the quotes are
        case when side = 'put' then strike <= underlying_price else strike > underlying_price end as is_out,
        bid > 0
        and implied_vol between {{ var('implied_vol_lowest') }} and {{ var('implied_vol_highest') }} as is_believed
    from {{ ref('fct_option_quote') }}
),

-- Two contracts of one side and strike are rare: the first by name gives the volatility.
strikes as (
    select
        underlying,
        session_date,
        expiry_date,
        strike,
        min(days_to_expiry) as days_to_expiry,
        min(underlying_price) as underlying_price,
        min(open_interest_date) as open_interest_date,
        cast(sum(case when side = 'call' then open_interest end) as bigint) as open_interest_call,
        cast(sum(case when side = 'put' then open_interest end) as bigint) as open_interest_put,
        cast(sum(case when side = 'call' then volume end) as bigint) as volume_call,
        cast(sum(case when side = 'put' then volume end) as bigint) as volume_put,
        count(*) = count(open_interest) as is_open_interest_whole,
        cast(sum(open_interest) as bigint) as open_interest,
        min_by(implied_vol, contract_symbol) filter (where is_believed and is_out) as vol_out,
        min_by(implied_vol, contract_symbol) filter (where is_believed and not is_out) as vol_in,
        max(available_at) as available_at
    from quotes
    group by underlying, session_date, expiry_date, strike
),

-- By put-call parity both sides of a strike have one volatility, and the side out of the money shows it better.
vols as (
    select
        *,
        coalesce(vol_out, vol_in) as implied_vol,
        days_to_expiry / 365.0 as years
    from strikes
),

spreads as (
    select
        *,
        nullif(implied_vol * sqrt(years), 0) as deviation
    from vols
),

-- Black and Scholes without interest and dividends. Puts and calls have the same gamma.
gammas as (
    select
        *,
        exp(-0.5 * power(ln(underlying_price / strike) / deviation + deviation / 2, 2))
        / (sqrt(2 * pi()) * underlying_price * deviation) as gamma
    from spreads
),

reasons as (
    select
        *,
        case
            when days_to_expiry = 0 then 'expires_today'
            when not is_open_interest_whole then 'no_open_interest'
            when open_interest > 0 and implied_vol is null then 'no_believable_volatility'
        end as null_reason,
        -- 100 shares a contract; 1 percent of the price is the move
        100 * underlying_price * underlying_price * 0.01 * coalesce(gamma, 0) as usd_per_pct_and_contract
    from gammas
)

select
    underlying,
    session_date,
    expiry_date,
    strike,
    days_to_expiry,
    underlying_price,
    open_interest_date,
    open_interest_call,
    open_interest_put,
    volume_call,
    volume_put,
    implied_vol,
    round(gamma, 10) as gamma,
    -- cents
    case when null_reason is null then round(coalesce(open_interest_call, 0) * usd_per_pct_and_contract, 2) end
        as gamma_call_usd_per_pct,
    case when null_reason is null then round(coalesce(open_interest_put, 0) * usd_per_pct_and_contract, 2) end
        as gamma_put_usd_per_pct,
    case when null_reason is null then round(open_interest * usd_per_pct_and_contract, 2) end as gamma_usd_per_pct,
    null_reason,
    available_at
from reasons
