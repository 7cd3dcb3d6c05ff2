-- Funds that saw a change between files of different dates saw one action, if the spans between these files overlap.
with marked as (
    select
        *,
        max(session_date) over (
            partition by security_id
            order by session_date, session_before, fund
            rows between unbounded preceding and 1 preceding
        ) as seen_until
    from {{ ref('int_security_step') }}
),

grouped as (
    select
        *,
        sum(case when session_before < seen_until then 0 else 1 end) over (
            partition by security_id
            order by session_date, session_before, fund
            rows between unbounded preceding and current row
        ) as action_no
    from marked
),

-- The two files that are nearest to each other date the action and tell the ratio, those with a ratio first.
nearest as (
    select
        *,
        first_value(new_per_old) over (
            partition by security_id, action_no
            order by new_per_old is null, gap_sessions, session_date, fund
        ) as nearest_ratio,
        row_number() over (
            partition by security_id, action_no
            order by new_per_old is null, gap_sessions, session_date, fund
        ) as nearness
    from grouped
),

actions as (
    select
        security_id,
        max(session_date) filter (nearness = 1) as ex_date,
        max(session_before) filter (nearness = 1) as session_before,
        max(gap_sessions) filter (nearness = 1) as gap_sessions,
        max(fund) filter (nearness = 1) as fund,
        max(nearest_ratio) as new_per_old,
        coalesce(bool_or(is_whole_ratio) filter (nearness = 1), false) as is_whole_ratio,
        max(share_ratio) filter (nearness = 1) as share_ratio,
        max(price_ratio) filter (nearness = 1) as price_ratio,
        count(distinct fund) filter (new_per_old = nearest_ratio) as funds_agreeing,
        string_agg(distinct fund, ', ' order by fund) as funds,
        bool_or(has_new_cusip) as has_new_cusip,
        bool_or(is_large) as is_large,
        max(available_at) filter (nearness = 1) as available_at,
        bool_or(is_availability_assumed) filter (nearness = 1) as is_availability_assumed,
        max(known_at) as known_at
    from nearest
    group by security_id, action_no
),

-- Files without CUSIPs leave it to other files, and to reports to the SEC, to say that there is a new one.
reissues as (
    select
        security_id,
        valid_from
    from {{ ref('dim_security_identifier') }}
    where id_type = 'cusip'
    qualify id_value <> lag(id_value) over (partition by security_id order by valid_from)
),

identified as (
    select
        * exclude (has_new_cusip),
        has_new_cusip
        or exists (
            select 1
            from reissues
            where
                reissues.security_id = actions.security_id
                and reissues.valid_from > actions.session_before
                and reissues.valid_from <= actions.ex_date
        ) as has_new_cusip
    from actions
),

judged as (
    select
        *,
        new_per_old is not null
        and (
            funds_agreeing > 1
            or has_new_cusip
            -- alone, one fund's count of shares proves a plain split between near files only
            or (is_whole_ratio and gap_sessions <= {{ number_of('split_rule', 'far_sessions') }})
        ) as is_split
    from identified
),

inferred as (
    select
        security_id,
        ex_date,
        session_before,
        gap_sessions,
        case when is_split then 'split' else 'unresolved' end as action_type,
        case when is_split then new_per_old end as ratio,
        cast(null as double) as distribution_usd,
        'shares x ' || printf('%.4g', share_ratio) || ' and price x ' || printf('%.4g', price_ratio)
        || ' between the files of ' || fund || ' of ' || session_before || ' and ' || ex_date
        || case when has_new_cusip then ', new CUSIP' else '' end
        || case when funds = fund then '' else ', seen by ' || funds end as evidence,
        case
            when not is_split then 'LOW'
            when funds_agreeing > 1 or has_new_cusip then 'HIGH'
            when gap_sessions <= {{ number_of('membership_rule', 'medium_confidence_gap_sessions') }} then 'MEDIUM'
            else 'LOW'
        end as confidence,
        cast(funds_agreeing as integer) as funds_agreeing,
        false as is_reviewed,
        available_at,
        is_availability_assumed,
        known_at
    from judged
    where is_split or is_large
),

-- What people decided. A row counts from the day on which it could be known, and once a file shows the new basis.
reviewed as (
    select
        reviews.decision,
        identifiers.security_id,
        reviews.session_before,
        reviews.ex_date,
        last_session.session_index - first_session.session_index as gap_sessions,
        reviews.ratio,
        reviews.distribution_usd,
        reviews.reason,
        prints.price_usd as price_after,
        prints.available_at,
        prints.is_availability_assumed,
        prints.known_at
    from {{ ref('security_action_review') }} as reviews
    inner join {{ ref('dim_session') }} as first_session on reviews.session_before = first_session.session_date
    inner join {{ ref('dim_session') }} as last_session on reviews.ex_date = last_session.session_date
    inner join {{ ref('dim_security_identifier') }} as identifiers
        on
            identifiers.id_type = case when reviews.cusip is null then 'ticker' else 'cusip' end
            and coalesce(reviews.cusip, reviews.ticker) = identifiers.id_value
            and reviews.ex_date >= identifiers.valid_from
            and (identifiers.valid_to is null or reviews.ex_date < identifiers.valid_to)
    inner join {{ ref('int_security_print') }} as prints
        on
            identifiers.security_id = prints.security_id
            and reviews.ex_date <= prints.session_date
    where reviews.known_from <= {{ clock_date() }}
    qualify
        row_number() over (
            partition by identifiers.security_id, reviews.ex_date order by prints.session_date, prints.fund
        ) = 1
)

select
    security_id,
    ex_date,
    session_before,
    action_type,
    ratio,
    distribution_usd,
    evidence,
    confidence,
    funds_agreeing,
    is_reviewed,
    available_at,
    is_availability_assumed,
    known_at
from inferred
where
    not exists (
        select 1
        from reviewed
        where
            reviewed.security_id = inferred.security_id
            and reviewed.session_before < inferred.ex_date
            and reviewed.ex_date > inferred.session_before
    )
union all
select
    security_id,
    ex_date,
    session_before,
    decision as action_type,
    -- the shares that the cash bought at the first price after it
    case when decision = 'distribution' then (price_after + distribution_usd) / price_after else ratio end as ratio,
    distribution_usd,
    reason as evidence,
    {{ gap_confidence('gap_sessions') }} as confidence,
    0 as funds_agreeing,
    true as is_reviewed,
    available_at,
    is_availability_assumed,
    known_at
from reviewed
where decision <> 'none'
