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
    from {{ ref('int_holding_file_usable') }}
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

book_dates as (
    select before_date as as_of_date from observed
    union
    select after_date as as_of_date from observed
),

-- The books of all funds on those dates: what one fund sold at once another may still price.
positions as (
    select
        holdings.fund,
        holdings.as_of_date,
        holdings.security_id,
        sum(cast(holdings.weight_pct as decimal(18, 6))) as weight_pct,
        cast(sum(cast(holdings.shares as decimal(38, 4))) as double) as shares,
        max(holdings.price_usd) as price_usd
    from {{ ref('fct_holding') }} as holdings
    inner join book_dates on holdings.as_of_date = book_dates.as_of_date
    where holdings.is_constituent
    group by holdings.fund, holdings.as_of_date, holdings.security_id
),

prices as (
    select
        as_of_date,
        security_id,
        max(price_usd) as price_usd
    from positions
    group by as_of_date, security_id
),

held as (
    select
        observed.index_code,
        observed.event_id,
        observed.fund,
        observed.before_date,
        observed.after_date,
        positions.security_id,
        coalesce(max(positions.weight_pct) filter (positions.as_of_date = observed.before_date), 0) as weight_before,
        coalesce(max(positions.weight_pct) filter (positions.as_of_date = observed.after_date), 0) as weight_after,
        max(positions.shares) filter (positions.as_of_date = observed.after_date)
        / nullif(max(positions.shares) filter (positions.as_of_date = observed.before_date), 0) as shares_ratio
    from observed
    inner join positions
        on
            observed.fund = positions.fund
            and (observed.before_date = positions.as_of_date or observed.after_date = positions.as_of_date)
    group by
        observed.index_code, observed.event_id, observed.fund, observed.before_date, observed.after_date,
        positions.security_id
),

moved as (
    select
        held.*,
        after_price.price_usd / nullif(before_price.price_usd, 0) as price_ratio
    from held
    left join prices as before_price
        on
            held.security_id = before_price.security_id
            and held.before_date = before_price.as_of_date
    left join prices as after_price
        on
            held.security_id = after_price.security_id
            and held.after_date = after_price.as_of_date
),

-- A split moves price and shares against each other: their product is the return.
grown as (
    select
        *,
        case
            when
                (price_ratio > 1.6 and shares_ratio < 0.7 or price_ratio < 0.6 and shares_ratio > 1.4)
                and price_ratio * shares_ratio between 0.7 and 1.4
                then price_ratio * shares_ratio
            else price_ratio
        end as growth
    from moved
),

totals as (
    select
        index_code,
        event_id,
        sum(weight_before) as total_before,
        sum(weight_after) as total_after,
        sum(weight_before) filter (growth is not null) as priced_before,
        sum(cast(cast(weight_before as double) * growth as decimal(24, 12))) as priced_grown
    from grown
    group by index_code, event_id
),

-- What has no price on both dates grows as the rest of the book does.
drifted as (
    select
        grown.index_code,
        grown.event_id,
        cast(grown.weight_before as double) as weight_before,
        cast(grown.weight_after as double) as weight_after,
        cast(totals.total_before as double) as total_before,
        cast(totals.total_after as double) as total_after,
        cast(totals.priced_before as double) / nullif(cast(totals.total_before as double), 0) as priced_part,
        cast(grown.weight_before as double)
        * coalesce(
            grown.growth * cast(totals.priced_before as double) / nullif(cast(totals.priced_grown as double), 0), 1
        ) as weight_drifted
    from grown
    inner join totals
        on
            grown.index_code = totals.index_code
            and grown.event_id = totals.event_id
),

-- Twelve decimals of DECIMAL: the same sum in any order.
distances as (
    select
        index_code,
        event_id,
        coalesce(max(priced_part), 0) >= 0.9 as is_drift_adjusted,
        0.5 * cast(sum(cast(abs(weight_after - weight_drifted) as decimal(24, 12))) as double) as turnover_drifted_pct,
        0.5 * cast(sum(cast(abs(weight_after - weight_before) as decimal(24, 12))) as double) as turnover_simple_pct,
        0.5 * cast(
            sum(cast(abs(
                100 * weight_after / nullif(total_after, 0) - 100 * weight_before / nullif(total_before, 0)
            ) as decimal(24, 12))) as double
        ) as active_share_pct
    from drifted
    group by index_code, event_id
),

counts as (
    select
        index_code,
        event_id,
        count_if(direction = 'addition') as additions,
        count_if(direction = 'deletion' and change_type <> 'DELETE_ACQUIRED_OR_DELISTED') as deletions,
        count_if(change_type = 'DELETE_ACQUIRED_OR_DELISTED') as acquired_or_delisted,
        count_if(change_type like 'MIGRATE_UP%') as migrations_up,
        count_if(change_type like 'MIGRATE_DOWN%') as migrations_down,
        cast(sum(cast(weight_after_pct as decimal(18, 6))) filter (
            direction = 'addition'
        ) as double) as weight_added_pct,
        cast(sum(cast(weight_before_pct as decimal(18, 6))) filter (
            direction = 'deletion' and change_type <> 'DELETE_ACQUIRED_OR_DELISTED'
        ) as double) as weight_deleted_pct
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
    case
        when distances.is_drift_adjusted then distances.turnover_drifted_pct
        else distances.turnover_simple_pct
    end as one_way_turnover_pct,
    distances.turnover_simple_pct as one_way_turnover_simple_pct,
    distances.is_drift_adjusted,
    distances.active_share_pct,
    counts.weight_added_pct,
    counts.weight_deleted_pct,
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
