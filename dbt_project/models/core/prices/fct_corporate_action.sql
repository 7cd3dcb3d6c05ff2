with newest as (
    select
        actions.symbol,
        actions.ex_date,
        actions.action_type,
        actions.value,
        actions.split_basis_date,
        actions.fetched_at
    from {{ ref('stg_yahoo_action') }} as actions
    -- a symbol taken off the reviewed list has no licence line, so nothing of it is published
    inner join {{ ref('dim_instrument') }} as instruments on actions.symbol = instruments.symbol
    where
        actions.revision_rank = 1
        -- a revision to nothing withdraws the action
        and actions.value > 0
        and actions.ex_date >= {{ start_date() }}
        and actions.ex_date <= {{ clock_date() }}
)

select
    newest.symbol,
    newest.ex_date,
    newest.action_type,
    case
        when newest.action_type = 'split' then newest.value
        -- eight decimals: what the vendor prints, carried over a split, without the last bits of the division
        else round(newest.value / coalesce(basis.new_shares_per_old, 1), 8)
    end as value,
    newest.fetched_at as known_at
from newest
left join {{ ref('int_split_basis') }} as basis
    on
        newest.symbol = basis.symbol
        and newest.split_basis_date >= basis.basis_from
        and newest.split_basis_date < basis.basis_to
