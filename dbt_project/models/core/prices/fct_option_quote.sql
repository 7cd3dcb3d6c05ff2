select
    quotes.underlying,
    quotes.session_date,
    quotes.contract_symbol,
    quotes.expiry_date,
    cast({{ days_between('quotes.session_date', 'quotes.expiry_date') }} as integer) as days_to_expiry,
    quotes.side,
    quotes.strike,
    quotes.bid,
    quotes.ask,
    quotes.last_price,
    quotes.last_trade_at,
    -- Yahoo keeps showing the volume of the day a contract last traded on; a chain was fetched before the next open
    case
        when quotes.last_trade_at >= sessions.open_at then quotes.volume
        when quotes.last_trade_at < sessions.open_at then 0
    end as volume,
    quotes.open_interest,
    sessions.previous_session as open_interest_date,
    quotes.implied_vol,
    quotes.in_the_money,
    quotes.underlying_price,
    quotes.available_at,
    quotes.fetched_at as known_at
from {{ ref('stg_option_quote') }} as quotes
inner join {{ ref('dim_session') }} as sessions on quotes.session_date = sessions.session_date
where
    quotes.revision_rank = 1
    and quotes.session_date >= {{ start_date() }}
    and quotes.session_date <= {{ as_of_session() }}
