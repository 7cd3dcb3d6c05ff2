with events as (
    select
        events.event_id,
        events.event_date,
        events.first_session,
        sessions.previous_session,
        sessions.session_index
    from {{ ref('fct_market_event') }} as events
    inner join {{ ref('dim_session') }} as sessions on events.event_date = sessions.session_date
    where
        events.event_type = 'RUSSELL_RECONSTITUTION'
        and events.event_date <= {{ as_of_session() }}
),

brackets as (
    select
        events.event_id,
        events.event_date,
        old_files.book_code,
        old_files.before_date,
        events.session_index - old_files.session_index + old_files.before_gap_sessions as before_gap_sessions,
        old_files.is_near_before,
        new_files.after_date,
        new_files.session_index - events.session_index + new_files.after_gap_sessions as after_gap_sessions,
        new_files.is_near_after
    from events
    inner join {{ ref('int_reconstitution_evidence') }} as old_files on events.previous_session = old_files.session_date
    inner join {{ ref('int_reconstitution_evidence') }} as new_files
        on
            events.first_session = new_files.session_date
            and old_files.book_code = new_files.book_code
    where {{ index_of('old_files.book_code') }} in ('R1000', 'R2000', 'R3000', 'RMICRO')
),

-- Two reconstitutions between the same two files cannot be told apart: neither is summarised.
observed as (
    select
        *,
        before_gap_sessions + after_gap_sessions as gap_sessions
    from brackets
    where
        before_date is not null
        and after_date is not null
    qualify count(*) over (partition by book_code, before_date, after_date) = 1
),

book_dates as (
    select before_date as as_of_date from observed
    union
    select after_date as as_of_date from observed
),

-- The books of all funds on those dates: what one fund sold at once another may still price.
positions as (
    select
        holdings.book_code,
        holdings.as_of_date,
        holdings.security_id,
        sum(cast(holdings.weight_pct as decimal(18, 6))) as weight_pct,
        cast(sum(cast(holdings.shares as decimal(38, 4))) as double) as shares,
        max(holdings.price_usd) as price_usd
    from {{ ref('int_book_holding') }} as holdings
    inner join book_dates on holdings.as_of_date = book_dates.as_of_date
    where holdings.is_constituent
    group by holdings.book_code, holdings.as_of_date, holdings.security_id
),

prices as (
    select
        {{ source_of('book_code') }} as source,
        as_of_date,
        security_id,
        max(price_usd) as price_usd
    from positions
    group by source, as_of_date, security_id
),

held as (
    select
        observed.book_code,
        observed.event_id,
        observed.before_date,
        observed.after_date,
        positions.security_id,
        coalesce(any_value(positions.weight_pct) filter (positions.as_of_date = observed.before_date), 0)
            as weight_before,
        coalesce(any_value(positions.weight_pct) filter (positions.as_of_date = observed.after_date), 0)
            as weight_after,
        any_value(positions.shares) filter (positions.as_of_date = observed.after_date)
        / any_value(positions.shares) filter (positions.as_of_date = observed.before_date) as shares_ratio
    from observed
    inner join positions
        on
            observed.book_code = positions.book_code
            and (observed.before_date = positions.as_of_date or observed.after_date = positions.as_of_date)
    group by
        observed.book_code, observed.event_id, observed.before_date, observed.after_date, positions.security_id
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
            and {{ source_of('held.book_code') }} = before_price.source
    left join prices as after_price
        on
            held.security_id = after_price.security_id
            and held.after_date = after_price.as_of_date
            and {{ source_of('held.book_code') }} = after_price.source
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
        book_code,
        event_id,
        nullif(sum(weight_before), 0) as total_before,
        nullif(sum(weight_after), 0) as total_after,
        sum(weight_before) filter (growth is not null) as priced_before,
        nullif(sum(cast(cast(weight_before as double) * growth as decimal(24, 12))), 0) as priced_grown
    from grown
    group by book_code, event_id
),

-- What has no price on both dates grows as the rest of the book does.
drifted as (
    select
        grown.book_code,
        grown.event_id,
        cast(grown.weight_before as double) as weight_before,
        cast(grown.weight_after as double) as weight_after,
        cast(totals.total_before as double) as total_before,
        cast(totals.total_after as double) as total_after,
        cast(totals.priced_before as double) / cast(totals.total_before as double) as priced_part,
        cast(grown.weight_before as double)
        * coalesce(
            grown.growth * cast(totals.priced_before as double) / cast(totals.priced_grown as double), 1
        ) as weight_drifted
    from grown
    inner join totals
        on
            grown.book_code = totals.book_code
            and grown.event_id = totals.event_id
),

-- Twelve decimals of DECIMAL: the same sum in any order.
distances as (
    select
        book_code,
        event_id,
        coalesce(any_value(priced_part), 0) >= 0.9 as is_drift_adjusted,
        0.5 * cast(sum(cast(abs(weight_after - weight_drifted) as decimal(24, 12))) as double) as turnover_drifted_pct,
        0.5 * cast(sum(cast(abs(weight_after - weight_before) as decimal(24, 12))) as double) as turnover_simple_pct,
        0.5 * cast(
            sum(cast(abs(
                100 * weight_after / total_after - 100 * weight_before / total_before
            ) as decimal(24, 12))) as double
        ) as active_share_pct
    from drifted
    group by book_code, event_id
),

changes as (
    select
        *,
        direction = 'deletion' and change_type <> 'DELETE_ACQUIRED_OR_DELISTED' as is_deletion
    from {{ ref('int_reconstitution_change') }}
),

counts as (
    select
        book_code,
        event_id,
        count_if(direction = 'addition') as additions,
        count_if(is_deletion) as deletions,
        count_if(change_type = 'DELETE_ACQUIRED_OR_DELISTED') as acquired_or_delisted,
        count_if(change_type = 'ADD_ORIGIN_UNKNOWN') as additions_of_unknown_origin,
        count_if(change_type = 'DELETE_DESTINATION_UNKNOWN') as deletions_of_unknown_destination,
        cast(sum(cast(weight_after_pct as decimal(18, 6))) filter (
            direction = 'addition'
        ) as double) as weight_added_pct,
        cast(sum(cast(weight_before_pct as decimal(18, 6))) filter (is_deletion) as double) as weight_deleted_pct
    from changes
    group by book_code, event_id
),

-- What changed between the two files and is dated by something else than this reconstitution.
others as (
    select
        observed.book_code,
        observed.event_id,
        count(*) as other_changes
    from observed
    inner join changes
        on
            observed.book_code = changes.book_code
            and observed.event_id <> changes.event_id
            and observed.before_date < changes.change_date
            and observed.after_date >= changes.change_date
    group by observed.book_code, observed.event_id
),

-- A migration is counted where the files that would show it are stored; without them its count is unknown.
migrations as (
    select
        observed.book_code,
        observed.event_id,
        needs.change_type,
        (not needs.needs_before or coalesce(other.is_near_before, false))
        and (not needs.needs_after or coalesce(other.is_near_after, false)) as is_known,
        case when needs.needs_before and not coalesce(other.is_near_before, false) then 'before' end as lacks_before,
        case when needs.needs_after and not coalesce(other.is_near_after, false) then 'after' end as lacks_after,
        needs.other_index,
        (
            select count(*)
            from changes
            where
                changes.book_code = observed.book_code
                and changes.event_id = observed.event_id
                and changes.change_type = needs.change_type
        ) as names
    from observed
    inner join {{ ref('migration_evidence') }} as needs on {{ index_of('observed.book_code') }} = needs.index_code
    left join brackets as other
        on
            observed.event_id = other.event_id
            and needs.other_index = {{ index_of('other.book_code') }}
            and {{ source_of('observed.book_code') }} = {{ source_of('other.book_code') }}
),

migration_counts as (
    select
        book_code,
        event_id,
        any_value(names) filter (is_known and change_type = 'MIGRATE_UP_TO_R1000') as migrations_up_to_r1000,
        any_value(names) filter (is_known and change_type = 'MIGRATE_DOWN_FROM_R1000') as migrations_down_from_r1000,
        any_value(names) filter (is_known and change_type = 'MIGRATE_UP_FROM_MICRO') as migrations_up_from_micro,
        any_value(names) filter (is_known and change_type = 'MIGRATE_DOWN_TO_MICRO') as migrations_down_to_micro,
        case
            when bool_and(is_known) filter (change_type like 'MIGRATE_UP%')
                then sum(names) filter (change_type like 'MIGRATE_UP%')
        end as migrations_up,
        case
            when bool_and(is_known) filter (change_type like 'MIGRATE_DOWN%')
                then sum(names) filter (change_type like 'MIGRATE_DOWN%')
        end as migrations_down,
        string_agg(
            lower(replace(change_type, 'MIGRATE', 'migrations')) || ': no near ' || other_index || ' file '
            || concat_ws(' and ', lacks_before, lacks_after),
            '; ' order by change_type desc
        ) filter (not is_known) as null_reason
    from migrations
    group by book_code, event_id
),

reasons as (
    select
        observed.book_code,
        observed.event_id,
        observed.gap_sessions > {{ number_of('membership_rule', 'medium_confidence_gap_sessions') }} as is_far,
        nullif(concat_ws(
            '; ',
            case
                when migration_counts.event_id is null
                    then 'migrations: ' || {{ index_of('observed.book_code') }} || ' is no size tier'
                else migration_counts.null_reason
            end,
            case
                when observed.gap_sessions > {{ number_of('membership_rule', 'medium_confidence_gap_sessions') }}
                    then 'acquired_or_delisted: files ' || observed.gap_sessions || ' sessions apart'
            end
        ), '') as null_reason
    from observed
    left join migration_counts
        on
            observed.book_code = migration_counts.book_code
            and observed.event_id = migration_counts.event_id
)

select
    observed.book_code,
    observed.event_id,
    observed.event_date as effective_date,
    cast(coalesce(counts.additions, 0) as integer) as additions,
    cast(coalesce(counts.deletions, 0) as integer) as deletions,
    cast(case when not reasons.is_far then coalesce(counts.acquired_or_delisted, 0) end as integer)
        as acquired_or_delisted,
    cast(migration_counts.migrations_up as integer) as migrations_up,
    cast(migration_counts.migrations_down as integer) as migrations_down,
    cast(migration_counts.migrations_up_to_r1000 as integer) as migrations_up_to_r1000,
    cast(migration_counts.migrations_down_from_r1000 as integer) as migrations_down_from_r1000,
    cast(migration_counts.migrations_up_from_micro as integer) as migrations_up_from_micro,
    cast(migration_counts.migrations_down_to_micro as integer) as migrations_down_to_micro,
    cast(coalesce(counts.additions_of_unknown_origin, 0) as integer) as additions_of_unknown_origin,
    cast(coalesce(counts.deletions_of_unknown_destination, 0) as integer) as deletions_of_unknown_destination,
    cast(coalesce(others.other_changes, 0) as integer) as other_changes,
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
    observed.after_date,
    cast(observed.before_gap_sessions as integer) as before_gap_sessions,
    cast(observed.after_gap_sessions as integer) as after_gap_sessions,
    case
        -- what the changes were is part of what is counted
        when
            observed.gap_sessions <= {{ number_of('membership_rule', 'high_confidence_gap_sessions') }}
            and migration_counts.null_reason is not null
            then 'MEDIUM'
        else {{ gap_confidence('observed.gap_sessions') }}
    end as confidence,
    reasons.null_reason
from observed
inner join reasons
    on
        observed.book_code = reasons.book_code
        and observed.event_id = reasons.event_id
inner join distances
    on
        observed.book_code = distances.book_code
        and observed.event_id = distances.event_id
left join counts
    on
        observed.book_code = counts.book_code
        and observed.event_id = counts.event_id
left join migration_counts
    on
        observed.book_code = migration_counts.book_code
        and observed.event_id = migration_counts.event_id
left join others
    on
        observed.book_code = others.book_code
        and observed.event_id = others.event_id
