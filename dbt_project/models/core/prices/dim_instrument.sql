select
    symbol,
    name,
    instrument_type,
    sponsor,
    leverage,
    benchmark_symbol,
    role,
    inception_date,
    licence,
    may_redistribute,
    blackrock_portfolio_id,
    shares_vendor,
    index_code
from {{ ref('instrument') }}
