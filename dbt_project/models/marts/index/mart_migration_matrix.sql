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

files as (
    select
        index_code,
        fund,
        as_of_date
    from {{ ref('int_holding_file_usable') }}
    where
        is_usable
        and index_code in ('R1000', 'R2000', 'RMICRO')
),

-- 60 days reach from the Friday back to the day that ranks the companies
brackets as (
    select
        events.event_id,
        files.index_code,
        files.fund,
        case files.index_code when 'R1000' then 1 when 'R2000' then 2 else 3 end as tier_no,
        max(files.as_of_date) filter (
            files.as_of_date < events.event_date and files.as_of_date >= events.event_date - 60
        ) as before_date,
        min(files.as_of_date) filter (
            files.as_of_date >= events.first_session and files.as_of_date <= events.first_session + 60
        ) as after_date
    from events
    cross join files
    group by events.event_id, files.index_code, files.fund
),

-- A security that no file shows is in no tier only where all three funds show theirs.
coverage as (
    select
        event_id,
        count(before_date) = 3 as is_complete_before,
        count(after_date) = 3 as is_complete_after
    from brackets
    group by event_id
    having
        count(before_date) > 0
        and count(after_date) > 0
),

members as (
    select
        brackets.event_id,
        brackets.fund,
        brackets.tier_no,
        brackets.before_date,
        brackets.after_date,
        stays.security_id,
        coalesce(
            brackets.before_date >= stays.valid_from
            and coalesce(brackets.before_date < stays.valid_to, true)
            and coalesce(brackets.before_date <= stays.last_seen, true),
            false
        ) as was_member,
        coalesce(
            brackets.after_date >= stays.valid_from
            and coalesce(brackets.after_date < stays.valid_to, true)
            and coalesce(brackets.after_date <= stays.last_seen, true),
            false
        ) as is_member
    from brackets
    inner join {{ ref('fct_index_membership') }} as stays on brackets.index_code = stays.index_code
    where not stays.is_brief
),

-- The small end of the Russell 2000 is in the Microcap index too: the larger tier counts.
placed as (
    select
        event_id,
        security_id,
        min(tier_no) filter (was_member) as tier_before,
        min(tier_no) filter (is_member) as tier_after,
        min_by(fund, tier_no) filter (was_member) as fund_before,
        min_by(before_date, tier_no) filter (was_member) as date_before,
        min_by(fund, tier_no) filter (is_member) as fund_after,
        min_by(after_date, tier_no) filter (is_member) as date_after
    from members
    where
        was_member
        or is_member
    group by event_id, security_id
),

known as (
    select
        placed.event_id,
        placed.security_id,
        coalesce(placed.tier_before, 4) as tier_before,
        coalesce(placed.tier_after, 4) as tier_after,
        coalesce(placed.fund_before, placed.fund_after) as fund,
        coalesce(placed.date_before, placed.date_after) as as_of_date
    from placed
    inner join coverage on placed.event_id = coverage.event_id
    where
        (placed.tier_before is not null or coverage.is_complete_before)
        and (placed.tier_after is not null or coverage.is_complete_after)
),

weighed as (
    select
        known.event_id,
        known.security_id,
        known.tier_before,
        known.tier_after,
        sum(cast(holdings.weight_pct as decimal(18, 6))) as weight_pct
    from known
    left join {{ ref('fct_holding') }} as holdings
        on
            known.security_id = holdings.security_id
            and known.fund = holdings.fund
            and known.as_of_date = holdings.as_of_date
    group by known.event_id, known.security_id, known.tier_before, known.tier_after
)

select
    event_id,
    case tier_before when 1 then 'R1000' when 2 then 'R2000' when 3 then 'MICRO' else 'NONE' end as tier_before,
    case tier_after when 1 then 'R1000' when 2 then 'R2000' when 3 then 'MICRO' else 'NONE' end as tier_after,
    cast(count(*) as integer) as names,
    cast(sum(weight_pct) as double) as weight_pct
from weighed
group by event_id, tier_before, tier_after
