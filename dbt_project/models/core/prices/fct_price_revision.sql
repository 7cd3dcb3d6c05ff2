with ranked as (
    select
        bars.symbol,
        bars.session_date,
        bars.fetched_at as known_at,
        bars.open,
        bars.high,
        bars.low,
        bars.close,
        bars.volume,
        bars.split_basis_date,
        row_number() over (
            partition by bars.symbol, bars.session_date, bars.fetched_at
            order by bars.ingest_seq desc
        ) as answer_rank
    from {{ ref('stg_yahoo_bar') }} as bars
    inner join {{ ref('dim_instrument') }} as instruments on bars.symbol = instruments.symbol
    where
        bars.session_date >= {{ start_date() }}
        and bars.session_date <= {{ as_of_session() }}
)

select
    symbol,
    session_date,
    known_at,
    open,
    high,
    low,
    close,
    volume,
    split_basis_date
from ranked
where answer_rank = 1
