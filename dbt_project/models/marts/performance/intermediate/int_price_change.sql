-- The number of the session stands for the calendar: a session that comes in between moves all later ones.
with digests as (
    select
        prices.symbol,
        prices.session_date,
        {{ digest([
            'prices.open', 'prices.high', 'prices.low', 'prices.close', 'prices.volume', 'prices.total_return_index',
            'prices.dividend_usd', 'prices.split_ratio', 'sessions.session_index'
        ]) }} as digest
    from {{ ref('fct_price_daily') }} as prices
    inner join {{ ref('dim_session') }} as sessions on prices.session_date = sessions.session_date
),

{{ changed_since_last_build('symbol', 'session_date') }}
