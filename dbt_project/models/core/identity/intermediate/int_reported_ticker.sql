-- A foreign share is told by its ISIN, which holds the CUSIP or CINS where there is one.
with reported as (
    select
        identity_key,
        coalesce(any_value(cusip), substr(any_value(isin), 3, 9)) as code,
        last_day(min(first_seen)) as first_period,
        last_day(max(last_seen)) as last_period
    from {{ ref('int_security_identity') }}
    where {{ source_of('book_code') }} = 'sec'
    group by identity_key
),

-- Of two symbols in half a month the later one.
named as (
    select
        cusip,
        symbol,
        period_end,
        first_settlement_date,
        last_settlement_date
    from {{ ref('stg_settlement_fail') }}
    where
        revision_rank = 1
        and available_at <= {{ now_at() }}
    qualify
        row_number() over (
            partition by cusip, period_end
            order by last_settlement_date desc, first_settlement_date desc, symbol asc
        ) = 1
)

select
    reported.identity_key,
    named.symbol as ticker,
    min(named.first_settlement_date) as first_date,
    max(named.last_settlement_date) as last_date
from reported
inner join named
    on
        reported.code = named.cusip
        and reported.first_period <= named.period_end
        and reported.last_period >= named.period_end
group by reported.identity_key, named.symbol
