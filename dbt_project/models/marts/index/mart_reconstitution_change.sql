with events as (
    select
        event_id,
        event_date,
        first_session
    from {{ ref('fct_market_event') }}
    where event_type = 'RUSSELL_RECONSTITUTION'
),

-- A stay that began with the first file of the fund shows no addition.
boundaries as (
    select
        index_code,
        security_id,
        ticker,
        name,
        'addition' as direction,
        valid_from as change_date,
        cast(null as date) as last_seen_before,
        first_seen as first_seen_after,
        first_seen as shown_on
    from {{ ref('fct_index_membership') }}
    where is_point_in_time
    union all
    select
        index_code,
        security_id,
        ticker,
        name,
        'deletion' as direction,
        valid_to as change_date,
        last_seen as last_seen_before,
        cast(null as date) as first_seen_after,
        last_seen as shown_on
    from {{ ref('fct_index_membership') }}
    where valid_to is not null
),

changes as (
    select
        boundaries.*,
        coalesce(
            events.event_id,
            boundaries.index_code || '-' || year(boundaries.change_date)
            || 'Q' || quarter(boundaries.change_date) || '-INTRA'
        ) as event_id,
        -- books before this date are books of the old membership: funds trade at the Friday's close
        coalesce(events.event_date, boundaries.change_date) as old_book_before
    from boundaries
    left join events
        on
            boundaries.change_date = events.first_session
            and boundaries.index_code in ('R1000', 'R2000', 'R3000', 'RMICRO')
),

snapshots as (
    select
        index_code,
        fund,
        as_of_date,
        session_index,
        session_index - lag(session_index) over (partition by fund order by as_of_date) as gap_before,
        lead(session_index) over (partition by fund order by as_of_date) - session_index as gap_after
    from {{ ref('int_holding_snapshot_usable') }}
    where
        is_usable
        and index_code is not null
),

constituents as (
    select
        snapshots.index_code,
        holdings.as_of_date,
        holdings.security_id,
        cast(sum(cast(holdings.weight_pct as decimal(18, 6))) as double) as weight_pct
    from {{ ref('fct_holding') }} as holdings
    inner join snapshots
        on
            holdings.fund = snapshots.fund
            and holdings.as_of_date = snapshots.as_of_date
    where holdings.is_constituent
    group by snapshots.index_code, holdings.as_of_date, holdings.security_id
),

-- For each date of a change and each fund, its own and the others: the last file before and the first file after.
change_dates as (
    select distinct
        change_date,
        old_book_before
    from changes
),

brackets as (
    select
        change_dates.change_date,
        snapshots.index_code,
        max(snapshots.as_of_date) filter (snapshots.as_of_date < change_dates.old_book_before) as before_date,
        min(snapshots.as_of_date) filter (snapshots.as_of_date >= change_dates.change_date) as after_date
    from change_dates
    cross join snapshots
    group by change_dates.change_date, snapshots.index_code
),

-- A file of another fund says where a security was or went only if it is near; 40 days hold 25 sessions and holidays.
elsewhere as (
    select
        changes.index_code,
        changes.security_id,
        changes.change_date,
        coalesce(bool_or(before_line.security_id is not null and brackets.index_code = 'R1000'), false)
            as was_in_r1000,
        coalesce(bool_or(before_line.security_id is not null and brackets.index_code = 'R2000'), false)
            as was_in_r2000,
        coalesce(bool_or(before_line.security_id is not null and brackets.index_code = 'RMICRO'), false)
            as was_in_micro,
        coalesce(bool_or(after_line.security_id is not null and brackets.index_code = 'R1000'), false)
            as is_in_r1000,
        coalesce(bool_or(after_line.security_id is not null and brackets.index_code = 'R2000'), false)
            as is_in_r2000,
        coalesce(bool_or(after_line.security_id is not null and brackets.index_code = 'RMICRO'), false)
            as is_in_micro
    from changes
    inner join brackets
        on
            changes.change_date = brackets.change_date
            and changes.index_code <> brackets.index_code
    left join constituents as before_line
        on
            changes.security_id = before_line.security_id
            and brackets.index_code = before_line.index_code
            and brackets.before_date = before_line.as_of_date
            and before_line.as_of_date >= changes.old_book_before - 40
    left join constituents as after_line
        on
            changes.security_id = after_line.security_id
            and brackets.index_code = after_line.index_code
            and brackets.after_date = after_line.as_of_date
            and after_line.as_of_date <= changes.change_date + 40
    group by changes.index_code, changes.security_id, changes.change_date
),

classified as (
    select
        changes.*,
        case
            when changes.direction = 'addition' and changes.index_code = 'R2000'
                then
                    case
                        when elsewhere.was_in_r1000 then 'MIGRATE_DOWN_FROM_R1000'
                        when elsewhere.was_in_micro then 'MIGRATE_UP_FROM_MICRO'
                    end
            when changes.direction = 'addition' and changes.index_code = 'R1000' and elsewhere.was_in_r2000
                then 'MIGRATE_UP_TO_R1000'
            -- the small end of the Russell 2000 is in the Microcap index too: only a name that left is a migration
            when
                changes.direction = 'addition' and changes.index_code = 'RMICRO'
                and elsewhere.was_in_r2000 and not elsewhere.is_in_r2000
                then 'MIGRATE_DOWN_TO_MICRO'
            when changes.direction = 'deletion' and changes.index_code = 'R2000'
                then
                    case
                        when elsewhere.is_in_r1000 then 'MIGRATE_UP_TO_R1000'
                        when elsewhere.is_in_micro then 'MIGRATE_DOWN_TO_MICRO'
                    end
            when changes.direction = 'deletion' and changes.index_code = 'R1000' and elsewhere.is_in_r2000
                then 'MIGRATE_DOWN_FROM_R1000'
            when
                changes.direction = 'deletion' and changes.index_code = 'RMICRO'
                and elsewhere.is_in_r2000 and not elsewhere.was_in_r2000
                then 'MIGRATE_UP_FROM_MICRO'
        end as migration
    from changes
    left join elsewhere
        on
            changes.index_code = elsewhere.index_code
            and changes.security_id = elsewhere.security_id
            and changes.change_date = elsewhere.change_date
)

select
    classified.index_code,
    classified.event_id,
    classified.security_id,
    classified.change_date,
    coalesce(
        classified.migration,
        case classified.direction when 'addition' then 'ADD_NEW' else 'DELETE' end
    ) as change_type,
    classified.direction,
    classified.ticker,
    classified.name,
    securities.sector,
    case when classified.direction = 'deletion' then before_line.weight_pct end as weight_before_pct,
    -- a name bought late has its first weight in the file that shows it first
    case when classified.direction = 'addition' then after_line.weight_pct end as weight_after_pct,
    classified.last_seen_before,
    classified.first_seen_after,
    case
        when case classified.direction when 'addition' then shown.gap_before else shown.gap_after end > 10 then 'LOW'
        when case classified.direction when 'addition' then shown.gap_before else shown.gap_after end > 3 then 'MEDIUM'
        else 'HIGH'
    end as confidence
from classified
inner join {{ ref('dim_security') }} as securities on classified.security_id = securities.security_id
inner join brackets
    on
        classified.change_date = brackets.change_date
        and classified.index_code = brackets.index_code
inner join snapshots as shown
    on
        classified.index_code = shown.index_code
        and classified.shown_on = shown.as_of_date
left join constituents as before_line
    on
        classified.index_code = before_line.index_code
        and classified.security_id = before_line.security_id
        and brackets.before_date = before_line.as_of_date
left join constituents as after_line
    on
        classified.index_code = after_line.index_code
        and classified.security_id = after_line.security_id
        and after_line.as_of_date = greatest(brackets.after_date, classified.first_seen_after)
