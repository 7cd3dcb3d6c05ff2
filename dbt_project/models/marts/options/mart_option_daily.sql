{%- set ratios = [
    'put_call_volume', 'put_call_open_interest', 'put_call_volume_60d', 'put_call_open_interest_60d'
] -%}

with quotes as (
    select
        quotes.underlying,
        quotes.session_date,
        quotes.contract_symbol,
        quotes.expiry_date,
        quotes.side,
        quotes.strike,
        quotes.bid,
        quotes.volume,
        quotes.open_interest,
        quotes.implied_vol,
        quotes.underlying_price,
        quotes.available_at,
        quotes.days_to_expiry as days,
        sessions.session_index
    from {{ ref('fct_option_quote') }} as quotes
    inner join {{ ref('dim_session') }} as sessions on quotes.session_date = sessions.session_date
),

totals as (
    select
        underlying,
        session_date,
        session_index,
        min(underlying_price) as underlying_price,
        count(*) as contracts,
        count(distinct expiry_date) as expiries,
        max(expiry_date) as last_expiry_date,
        sum(case when side = 'put' then volume end) as put_volume,
        sum(case when side = 'call' then volume end) as call_volume,
        sum(case when side = 'put' then open_interest end) as put_open_interest,
        sum(case when side = 'call' then open_interest end) as call_open_interest,
        sum(case when side = 'put' and days <= 60 then volume end) as put_volume_60d,
        sum(case when side = 'call' and days <= 60 then volume end) as call_volume_60d,
        sum(case when side = 'put' and days <= 60 then open_interest end) as put_open_interest_60d,
        sum(case when side = 'call' and days <= 60 then open_interest end) as call_open_interest_60d,
        max(available_at) as available_at
    from quotes
    group by underlying, session_date, session_index
),

ratios as (
    select
        *,
        cast(put_volume as double) / nullif(cast(call_volume as double), 0) as put_call_volume,
        cast(put_open_interest as double) / nullif(cast(call_open_interest as double), 0) as put_call_open_interest,
        cast(put_volume_60d as double) / nullif(cast(call_volume_60d as double), 0) as put_call_volume_60d,
        cast(put_open_interest_60d as double) / nullif(cast(call_open_interest_60d as double), 0)
            as put_call_open_interest_60d
    from totals
),

means as (
    select
        {% for ratio in ratios %}
        -- a sum of DECIMAL comes out the same whatever the order
        case
            when count({{ ratio }}) over last_10 = 10
                then cast(sum(cast({{ ratio }} as decimal(38, 12))) over last_10 as double) / 10
        end as {{ ratio }}_10_session_mean,
        {% endfor %}
        underlying,
        session_date
    from ratios
    window last_10 as (partition by underlying order by session_index range between 9 preceding and current row)
),

-- Out of the money, with a bid and more than Yahoo's placeholder.
wings as (
    select *
    from quotes
    where
        bid > 0
        and implied_vol > {{ var('implied_vol_lowest') }}
        and days > 0
        and (
            (side = 'put' and strike <= underlying_price)
            or (side = 'call' and strike > underlying_price)
        )
),

-- Two contracts of one side and strike are rare: the first by name stands.
curve as (
    select
        underlying,
        session_date,
        expiry_date,
        days,
        strike,
        min(underlying_price) as underlying_price,
        min_by(implied_vol, contract_symbol) as implied_vol
    from wings
    group by underlying, session_date, expiry_date, days, strike
),

wanted as (
    select
        curve.*,
        targets.percent,
        curve.underlying_price * targets.percent / 100 as wanted
    from curve
    cross join (values (90), (100), (110)) as targets (percent)
),

-- The neighbours of each wanted strike within an expiry. Without one of them there is no volatility.
neighbours as (
    select
        underlying,
        session_date,
        expiry_date,
        days,
        percent,
        wanted,
        max(case when strike <= wanted then strike end) as strike_below,
        max_by(implied_vol, case when strike <= wanted then strike end) as vol_below,
        min(case when strike >= wanted then strike end) as strike_above,
        min_by(implied_vol, case when strike >= wanted then strike end) as vol_above
    from wanted
    group by underlying, session_date, expiry_date, days, percent, wanted
),

smiles as (
    select
        underlying,
        session_date,
        days,
        percent,
        case
            when strike_below = strike_above then vol_below
            else vol_below + (vol_above - vol_below) * (wanted - strike_below) / (strike_above - strike_below)
        end as implied_vol
    from neighbours
),

expiries as (
    select
        underlying,
        session_date,
        days,
        any_value(implied_vol) filter (percent = 90) as vol_90,
        any_value(implied_vol) filter (percent = 100) as vol_100,
        any_value(implied_vol) filter (percent = 110) as vol_110
    from smiles
    group by underlying, session_date, days
),

-- The last expiry up to 30 days ahead and the first from there on; both sides of the skew come from the same two.
brackets as (
    select
        underlying,
        session_date,
        max(case when days <= 30 and vol_90 is not null and vol_110 is not null then days end) as skew_near,
        min(case when days >= 30 and vol_90 is not null and vol_110 is not null then days end) as skew_far,
        max(case when days <= 30 and vol_100 is not null then days end) as atm_near,
        min(case when days >= 30 and vol_100 is not null then days end) as atm_far
    from expiries
    group by underlying, session_date
),

thirty_days as (
    select
        brackets.underlying,
        brackets.session_date,
        {{ constant_maturity_vol('skew_near.vol_90', 'skew_near.days', 'skew_far.vol_90', 'skew_far.days', 30) }}
            as vol_90,
        {{ constant_maturity_vol('skew_near.vol_110', 'skew_near.days', 'skew_far.vol_110', 'skew_far.days', 30) }}
            as vol_110,
        {{ constant_maturity_vol('atm_near.vol_100', 'atm_near.days', 'atm_far.vol_100', 'atm_far.days', 30) }}
            as vol_100
    from brackets
    {% for bracket in ['skew_near', 'skew_far', 'atm_near', 'atm_far'] %}
    left join expiries as {{ bracket }}
        on
            brackets.underlying = {{ bracket }}.underlying
            and brackets.session_date = {{ bracket }}.session_date
            and brackets.{{ bracket }} = {{ bracket }}.days
    {% endfor %}
)

select
    ratios.underlying,
    ratios.session_date,
    ratios.underlying_price,
    ratios.put_call_volume,
    ratios.put_call_open_interest,
    ratios.put_call_volume_60d,
    ratios.put_call_open_interest_60d,
    {% for ratio in ratios %}
    means.{{ ratio }}_10_session_mean,
    {% endfor %}
    round(100 * (thirty_days.vol_90 - thirty_days.vol_110), 10) as skew_90_110_30d_pp,
    round(100 * thirty_days.vol_100, 10) as implied_vol_atm_30d_pct,
    cast(ratios.put_volume as bigint) as put_volume,
    cast(ratios.call_volume as bigint) as call_volume,
    cast(ratios.put_open_interest as bigint) as put_open_interest,
    cast(ratios.call_open_interest as bigint) as call_open_interest,
    ratios.contracts,
    ratios.expiries,
    ratios.last_expiry_date,
    ratios.available_at
from ratios
inner join means
    on
        ratios.underlying = means.underlying
        and ratios.session_date = means.session_date
left join thirty_days
    on
        ratios.underlying = thirty_days.underlying
        and ratios.session_date = thirty_days.session_date
