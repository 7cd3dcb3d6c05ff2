{{ config(materialized='view', contract={'enforced': true}) }}

-- A value whose split basis lies in [basis_from, basis_to) has to be carried over every later split the clock knows of.
-- Splits count up to the clock's date, not to the last closed session: on the morning of an ex-date the vendor's whole
-- history is already on the new basis, and the bars stored the day before must follow.
with splits as (
    select
        symbol,
        ex_date,
        value
    from {{ ref('stg_yahoo_action') }}
    where
        action_type = 'split'
        and revision_rank = 1
        and value > 0
        and ex_date <= {{ clock_date() }}
)

select
    symbol,
    lag(ex_date, 1, date '0001-01-01') over (partition by symbol order by ex_date asc) as basis_from,
    ex_date as basis_to,
    exp(
        cast(
            sum(cast(ln(value) as decimal(28, 18))) over (
                partition by symbol
                order by ex_date desc
                rows between unbounded preceding and current row
            ) as double
        )
    ) as new_shares_per_old
from splits
