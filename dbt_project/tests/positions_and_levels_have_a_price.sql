{{ config(severity='warn') }}

-- A position without a bar of its entry, or a level without one of its reference date, has no signals: say so. Dates
-- outside the warehouse are no fault.
with wanted as (
    select
        position_id as name,
        symbol,
        entry_date as session_date
    from {{ ref('position') }}
    union all
    select
        level_id as name,
        symbol,
        reference_date as session_date
    from {{ ref('support_level') }}
)

select
    wanted.name,
    wanted.symbol,
    wanted.session_date
from wanted
left join {{ ref('fct_price_daily') }} as prices
    on
        wanted.symbol = prices.symbol
        and wanted.session_date = prices.session_date
where
    wanted.session_date >= {{ start_date() }}
    and wanted.session_date <= {{ as_of_session() }}
    and prices.symbol is null
