with events as (
    select
        event_id,
        event_date,
        first_session
    from {{ ref('fct_market_event') }}
    where
        event_type = 'RUSSELL_RECONSTITUTION'
        and event_date <= {{ as_of_session() }}
),

snapshots as (
    select
        index_code,
        fund,
        as_of_date
    from {{ ref('int_holding_snapshot_usable') }}
    where
        is_usable
        and index_code in ('R1000', 'R2000', 'R3000', 'RMICRO')
),

brackets as (
    select
        events.event_id,
        events.event_date,
        snapshots.index_code,
        snapshots.fund,
        max(snapshots.as_of_date) filter (snapshots.as_of_date < events.event_date) as before_date,
        min(snapshots.as_of_date) filter (snapshots.as_of_date >= events.first_session) as after_date
    from events
    cross join snapshots
    group by events.event_id, events.event_date, snapshots.index_code, snapshots.fund
),

-- Two reconstitutions between the same two files cannot be told apart: neither is summarised.
observed as (
    select *
    from brackets
    where
        before_date is not null
        and after_date is not null
    qualify count(*) over (partition by index_code, before_date, after_date) = 1
),

weights as (
    select
        observed.index_code,
        observed.event_id,
        holdings.security_id,
        coalesce(
            sum(cast(holdings.weight_pct as decimal(18, 6))) filter (holdings.as_of_date = observed.before_date), 0
        ) as weight_before,
        coalesce(
            sum(cast(holdings.weight_pct as decimal(18, 6))) filter (holdings.as_of_date = observed.after_date), 0
        ) as weight_after
    from observed
    inner join {{ ref('fct_holding') }} as holdings
        on
            observed.fund = holdings.fund
            and (observed.before_date = holdings.as_of_date or observed.after_date = holdings.as_of_date)
    where holdings.is_constituent
    group by observed.index_code, observed.event_id, holdings.security_id
),

totals as (
    select
        index_code,
        event_id,
        sum(weight_before) as total_before,
        sum(weight_after) as total_after
    from weights
    group by index_code, event_id
),

distances as (
    select
        weights.index_code,
        weights.event_id,
        cast(0.5 * sum(abs(weights.weight_after - weights.weight_before)) as double) as one_way_turnover_pct,
        -- twelve decimals of DECIMAL: the same sum in any order
        0.5 * cast(
            sum(cast(abs(
                100 * cast(weights.weight_after as double) / nullif(cast(totals.total_after as double), 0)
                - 100 * cast(weights.weight_before as double) / nullif(cast(totals.total_before as double), 0)
            ) as decimal(24, 12))) as double
        ) as active_share_pct
    from weights
    inner join totals
        on
            weights.index_code = totals.index_code
            and weights.event_id = totals.event_id
    group by weights.index_code, weights.event_id
),

counts as (
    select
        index_code,
        event_id,
        count_if(direction = 'addition') as additions,
        count_if(direction = 'deletion' and change_type <> 'DELETE_ACQUIRED_OR_DELISTED') as deletions,
        count_if(change_type = 'DELETE_ACQUIRED_OR_DELISTED') as acquired_or_delisted,
        count_if(change_type like 'MIGRATE_UP%') as migrations_up,
        count_if(change_type like 'MIGRATE_DOWN%') as migrations_down
    from {{ ref('mart_reconstitution_change') }}
    group by index_code, event_id
)

select
    observed.index_code,
    observed.event_id,
    observed.event_date as effective_date,
    cast(coalesce(counts.additions, 0) as integer) as additions,
    cast(coalesce(counts.deletions, 0) as integer) as deletions,
    cast(coalesce(counts.acquired_or_delisted, 0) as integer) as acquired_or_delisted,
    cast(coalesce(counts.migrations_up, 0) as integer) as migrations_up,
    cast(coalesce(counts.migrations_down, 0) as integer) as migrations_down,
    distances.one_way_turnover_pct,
    distances.active_share_pct,
    observed.before_date,
    observed.after_date
from observed
inner join distances
    on
        observed.index_code = distances.index_code
        and observed.event_id = distances.event_id
left join counts
    on
        observed.index_code = counts.index_code
        and observed.event_id = counts.event_id
