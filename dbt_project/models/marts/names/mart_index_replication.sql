with summed as (
    select
        index_code,
        session_date,
        fund,
        previous_session_date,
        gap_sessions,
        count(*) as names,
        count(contribution_pp) as names_covered,
        -- decimals, because a sum of doubles depends on the order the rows arrive in
        cast(
            sum(cast(case when contribution_pp is not null then weight_before_pct end as decimal(28, 10))) as double
        ) as covered_weight_pct,
        cast(sum(cast(contribution_pp as decimal(28, 12))) as double) as contribution_pp,
        max(available_at) as available_at,
        max(known_at) as known_at
    from {{ ref('mart_index_contribution') }}
    group by index_code, session_date, fund, previous_session_date, gap_sessions
),

compared as (
    select
        summed.*,
        funds.benchmark_symbol as index_symbol,
        fund_after.close / nullif(fund_before.close, 0) - 1 as fund_return_px,
        fund_after.total_return_index / nullif(fund_before.total_return_index, 0) - 1 as fund_return_tr,
        index_after.close / nullif(index_before.close, 0) - 1 as index_return_px
    from summed
    inner join {{ ref('dim_instrument') }} as funds on summed.fund = funds.symbol
    left join {{ ref('fct_price_daily') }} as fund_before
        on
            summed.fund = fund_before.symbol
            and summed.previous_session_date = fund_before.session_date
    left join {{ ref('fct_price_daily') }} as fund_after
        on
            summed.fund = fund_after.symbol
            and summed.session_date = fund_after.session_date
    left join {{ ref('fct_price_daily') }} as index_before
        on
            funds.benchmark_symbol = index_before.symbol
            and summed.previous_session_date = index_before.session_date
    left join {{ ref('fct_price_daily') }} as index_after
        on
            funds.benchmark_symbol = index_after.symbol
            and summed.session_date = index_after.session_date
)

select
    index_code,
    session_date,
    fund,
    previous_session_date,
    gap_sessions,
    cast(names as integer) as names,
    cast(names_covered as integer) as names_covered,
    -- six decimals: each weight is rounded, and two thousand of them would sum to more than the whole
    round(coalesce(covered_weight_pct, 0), 6) as covered_weight_pct,
    round(contribution_pp / 100, 12) as replicated_return,
    round(fund_return_px, 12) as fund_return_px,
    round(fund_return_tr, 12) as fund_return_tr,
    index_symbol,
    round(index_return_px, 12) as index_return_px,
    round(contribution_pp - 100 * coalesce(index_return_px, fund_return_tr), 10) as error_pp,
    round(contribution_pp - 100 * fund_return_tr, 10) as error_to_fund_pp,
    case
        when contribution_pp is null or coalesce(index_return_px, fund_return_tr) is null then null
        when index_return_px is not null then 'index'
        else 'fund'
    end as error_basis,
    case
        when contribution_pp is null then 'no_returns'
        when coalesce(index_return_px, fund_return_tr) is null then 'no_return_to_compare'
    end as null_reason,
    available_at,
    known_at
from compared
