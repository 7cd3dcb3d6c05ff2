with events as (
    select
        events.event_id,
        events.event_date,
        events.first_session,
        sessions.previous_session,
        sessions.session_index
    from {{ ref('fct_market_event') }} as events
    inner join {{ ref('dim_session') }} as sessions on events.event_date = sessions.session_date
    where events.event_type = 'RUSSELL_RECONSTITUTION'
),

files as (
    select
        book_code,
        as_of_date,
        session_index,
        lag(as_of_date) over by_date as previous_date,
        session_index - lag(session_index) over by_date as gap_before,
        lead(as_of_date) over by_date as next_date,
        lead(session_index) over by_date as next_index,
        lead(session_index) over by_date - session_index as gap_after,
        row_number() over (partition by book_code order by as_of_date desc) as files_from_end
    from {{ ref('int_holding_file_usable') }}
    where
        is_usable
        and {{ source_of('book_code') }} in ('all', 'sec')
    window by_date as (partition by book_code order by as_of_date)
),

-- A stay that began with the first file of the fund shows no addition; a brief one is no membership.
boundaries as (
    select
        book_code,
        security_id,
        ticker,
        is_ticker_inferred,
        name,
        'addition' as direction,
        valid_from as change_date,
        entry_basis as basis,
        cast(null as date) as last_seen_before,
        first_seen as first_seen_after,
        first_seen as shown_on
    from {{ ref('int_book_membership') }}
    where
        is_point_in_time
        and not is_brief
    union all
    select
        book_code,
        security_id,
        ticker,
        is_ticker_inferred,
        name,
        'deletion' as direction,
        valid_to as change_date,
        exit_basis as basis,
        last_seen as last_seen_before,
        cast(null as date) as first_seen_after,
        last_seen as shown_on
    from {{ ref('int_book_membership') }}
    where
        valid_to is not null
        and not is_brief
),

-- The two files around each boundary, and the reconstitution it belongs to. What ended by itself within 20 sessions
-- after the Friday is told apart from the deletions but belongs to the same window.
located as (
    select
        boundaries.*,
        {{ index_of('boundaries.book_code') }} as index_code,
        case boundaries.direction when 'addition' then shown.previous_date else boundaries.shown_on end as before_date,
        case boundaries.direction when 'addition' then boundaries.shown_on else shown.next_date end as after_date,
        case boundaries.direction when 'addition' then shown.gap_before else shown.gap_after end as gap_sessions,
        boundaries.direction = 'deletion' and shown.files_from_end = 2 as is_unconfirmed,
        events.event_id,
        events.previous_session
    from boundaries
    inner join files as shown
        on
            boundaries.book_code = shown.book_code
            and boundaries.shown_on = shown.as_of_date
    left join events
        on
            {{ index_of('boundaries.book_code') }} in ('R1000', 'R2000', 'R3000', 'RMICRO')
            and (
                (boundaries.basis = 'reconstitution' and boundaries.change_date = events.first_session)
                or (
                    boundaries.basis in ('observed', 'ceased')
                    and boundaries.direction = 'deletion'
                    and shown.next_index between events.session_index and events.session_index + 20
                )
            )
),

placed as (
    select
        *,
        case when basis = 'reconstitution' then previous_session else before_date end as old_book,
        case when basis = 'reconstitution' then change_date else after_date end as new_book
    from located
),

-- Several reconstitutions between two files: what changed in between is not known to be of one kind or another.
crowded as (
    select
        placed.book_code,
        placed.security_id,
        placed.change_date,
        count(*) as events_in_gap
    from placed
    inner join events
        on
            placed.before_date < events.event_date
            and placed.after_date >= events.event_date
    where placed.index_code in ('R1000', 'R2000', 'R3000', 'RMICRO')
    group by placed.book_code, placed.security_id, placed.change_date
    having count(*) > 1
),

stays as (
    select
        book_code,
        security_id,
        valid_from,
        -- plain comparisons, which joins can hash
        coalesce(valid_to, date '9999-12-31') as valid_to,
        coalesce(last_seen, date '9999-12-31') as last_seen
    from {{ ref('int_book_membership') }}
),

-- For each boundary and each index, its own included: the last file of the old book and the first of the new one.
bracketed as (
    select
        placed.book_code,
        placed.security_id,
        placed.change_date,
        placed.direction,
        placed.first_seen_after,
        old_files.book_code as other_book,
        {{ index_of('old_files.book_code') }} as other_index,
        old_files.before_date,
        old_files.before_gap_sessions,
        old_files.is_near_before,
        new_files.after_date,
        new_files.after_gap_sessions,
        new_files.is_near_after
    from placed
    inner join {{ ref('int_reconstitution_evidence') }} as old_files
        on
            placed.old_book = old_files.session_date
            and {{ source_of('placed.book_code') }} = {{ source_of('old_files.book_code') }}
    inner join {{ ref('int_reconstitution_evidence') }} as new_files
        on
            placed.new_book = new_files.session_date
            and old_files.book_code = new_files.book_code
),

-- Membership, not holdings, says where a security was and went: funds hold for weeks what their index deleted. A file
-- that is not near has no date here: DuckDB would compare all pairs if the condition stood for itself.
elsewhere as (
    select
        bracketed.book_code,
        bracketed.security_id,
        bracketed.change_date,
        bool_or(bracketed.other_index = 'R1000' and before_stay.security_id is not null) as was_in_r1000,
        bool_or(bracketed.other_index = 'R2000' and before_stay.security_id is not null) as was_in_r2000,
        bool_or(bracketed.other_index = 'RMICRO' and before_stay.security_id is not null) as was_in_micro,
        bool_or(bracketed.other_index = 'R1000' and after_stay.security_id is not null) as is_in_r1000,
        bool_or(bracketed.other_index = 'R2000' and after_stay.security_id is not null) as is_in_r2000,
        bool_or(bracketed.other_index = 'RMICRO' and after_stay.security_id is not null) as is_in_micro,
        bool_or(after_stay.security_id is not null) as is_anywhere,
        bool_or(bracketed.is_near_after) as is_looked_for
    from bracketed
    left join stays as before_stay
        on
            bracketed.security_id = before_stay.security_id
            and bracketed.other_book = before_stay.book_code
            and case when bracketed.is_near_before then bracketed.before_date end >= before_stay.valid_from
            and bracketed.before_date < before_stay.valid_to
            and bracketed.before_date <= before_stay.last_seen
    left join stays as after_stay
        on
            bracketed.security_id = after_stay.security_id
            and bracketed.other_book = after_stay.book_code
            and case when bracketed.is_near_after then bracketed.after_date end >= after_stay.valid_from
            and bracketed.after_date < after_stay.valid_to
            and bracketed.after_date <= after_stay.last_seen
    where bracketed.book_code <> bracketed.other_book
    group by bracketed.book_code, bracketed.security_id, bracketed.change_date
),

-- The files that would show each migration this boundary may be. Between two reconstitutions rank moves nobody.
needed as (
    select
        placed.book_code,
        placed.security_id,
        placed.change_date,
        needs.change_type,
        needs.other_index,
        needs.needs_before and not coalesce(bracketed.is_near_before, false) as lacks_before,
        needs.needs_after and not coalesce(bracketed.is_near_after, false) as lacks_after,
        greatest(
            case when needs.needs_before then bracketed.before_gap_sessions end,
            case when needs.needs_after then bracketed.after_gap_sessions end
        ) as gap_sessions
    from placed
    inner join {{ ref('migration_evidence') }} as needs
        on
            placed.index_code = needs.index_code
            and placed.direction = needs.direction
    left join bracketed
        on
            placed.book_code = bracketed.book_code
            and placed.security_id = bracketed.security_id
            and placed.change_date = bracketed.change_date
            and needs.other_index = bracketed.other_index
    left join crowded
        on
            placed.book_code = crowded.book_code
            and placed.security_id = crowded.security_id
            and placed.change_date = crowded.change_date
    where
        not needs.only_at_reconstitution
        or placed.basis = 'reconstitution'
        or crowded.events_in_gap is not null
),

evidence as (
    select
        book_code,
        security_id,
        change_date,
        string_agg(
            other_index || ' '
            || case
                when lacks_before and lacks_after then 'before and after'
                when lacks_before then 'before'
                else 'after'
            end,
            ', ' order by other_index
        ) filter (lacks_before or lacks_after) as missing_evidence,
        max(gap_sessions) as gap_sessions,
        any_value(gap_sessions) filter (change_type like '%R1000') as r1000_gap_sessions,
        any_value(gap_sessions) filter (change_type like '%MICRO') as micro_gap_sessions,
        bool_or(other_index in ({{ quoted(var('sampled_indices')) }})) as rests_on_a_sample
    from needed
    group by book_code, security_id, change_date
),

-- Sector and first day are those that the same source shows.
securities as (
    select
        'all' as source,
        security_id,
        sector,
        first_seen
    from {{ ref('dim_security') }}
    union all
    select
        'sec' as source,
        security_id,
        sector,
        first_seen
    from {{ ref('int_filed_security') }}
),

migrated as (
    select
        placed.*,
        securities.sector,
        securities.first_seen as security_first_seen,
        crowded.events_in_gap is not null as is_crowded,
        coalesce(elsewhere.is_anywhere, false) as is_anywhere,
        case
            -- a committee moves companies at any time
            when
                placed.index_code not in ('R1000', 'R2000', 'R3000', 'RMICRO')
                and placed.direction = 'deletion'
                and not coalesce(elsewhere.is_looked_for, false)
                then 'any other index after'
            else evidence.missing_evidence
        end as missing_evidence,
        evidence.gap_sessions as evidence_gap_sessions,
        evidence.r1000_gap_sessions,
        evidence.micro_gap_sessions,
        evidence.rests_on_a_sample,
        placed.index_code in ({{ quoted(var('sampled_indices')) }}) as is_of_a_sample,
        case
            when placed.direction = 'addition' and placed.index_code = 'R2000'
                then
                    case
                        when elsewhere.was_in_r1000 then 'MIGRATE_DOWN_FROM_R1000'
                        when placed.basis = 'reconstitution' and elsewhere.was_in_micro then 'MIGRATE_UP_FROM_MICRO'
                    end
            when placed.direction = 'addition' and placed.index_code = 'R1000' and elsewhere.was_in_r2000
                then 'MIGRATE_UP_TO_R1000'
            -- the small end of the Russell 2000 is in the Microcap index too: only a name that left is a migration
            when
                placed.direction = 'addition' and placed.index_code = 'RMICRO' and placed.basis = 'reconstitution'
                and evidence.missing_evidence is null
                and elsewhere.was_in_r2000 and not elsewhere.is_in_r2000
                then 'MIGRATE_DOWN_TO_MICRO'
            when placed.direction = 'deletion' and placed.index_code = 'R2000'
                then
                    case
                        when elsewhere.is_in_r1000 then 'MIGRATE_UP_TO_R1000'
                        when placed.basis = 'reconstitution' and elsewhere.is_in_micro then 'MIGRATE_DOWN_TO_MICRO'
                    end
            when placed.direction = 'deletion' and placed.index_code = 'R1000' and elsewhere.is_in_r2000
                then 'MIGRATE_DOWN_FROM_R1000'
            when
                placed.direction = 'deletion' and placed.index_code = 'RMICRO' and placed.basis = 'reconstitution'
                and evidence.missing_evidence is null
                and elsewhere.is_in_r2000 and not elsewhere.was_in_r2000
                then 'MIGRATE_UP_FROM_MICRO'
        end as migration
    from placed
    inner join securities
        on
            placed.security_id = securities.security_id
            and {{ source_of('placed.book_code') }} = securities.source
    left join elsewhere
        on
            placed.book_code = elsewhere.book_code
            and placed.security_id = elsewhere.security_id
            and placed.change_date = elsewhere.change_date
    left join evidence
        on
            placed.book_code = evidence.book_code
            and placed.security_id = evidence.security_id
            and placed.change_date = evidence.change_date
    left join crowded
        on
            placed.book_code = crowded.book_code
            and placed.security_id = crowded.security_id
            and placed.change_date = crowded.change_date
),

-- Between distant files on both sides of a reconstitution a company may have been bought as well as deleted.
classified as (
    select
        *,
        case
            when migration is not null then migration
            when direction = 'addition'
                then
                    case
                        when basis = 'spin_off' then 'ADD_SPINOFF'
                        when basis = 'fast_entry' then 'ADD_FAST_ENTRY'
                        -- shown by any fund before, so no recent listing
                        when basis = 'ipo_review' and security_first_seen > before_date then 'ADD_IPO'
                        when missing_evidence is not null then 'ADD_ORIGIN_UNKNOWN'
                        else 'ADD_NEW'
                    end
            when basis = 'ceased' and not is_anywhere then 'DELETE_ACQUIRED_OR_DELISTED'
            when basis = 'reconstitution' or is_crowded or is_anywhere
                then
                    case
                        when missing_evidence is not null then 'DELETE_DESTINATION_UNKNOWN'
                        when
                            not is_anywhere
                            and last_seen_before < change_date
                            and gap_sessions > {{ number_of('membership_rule', 'medium_confidence_gap_sessions') }}
                            then 'DELETE_DESTINATION_UNKNOWN'
                        else 'DELETE'
                    end
            when missing_evidence = 'any other index after' then 'DELETE_DESTINATION_UNKNOWN'
            else 'DELETE_ACQUIRED_OR_DELISTED'
        end as change_type
    from migrated
),

-- What a row says rests on the files of its own fund and, for its type, on those of the other.
typed as (
    select
        *,
        case
            when change_type like '%_UNKNOWN' or change_type = 'DELETE_ACQUIRED_OR_DELISTED' then null
            when index_code = 'R2000' and migration like '%MICRO' then micro_gap_sessions
            when index_code = 'R2000' and migration is not null then r1000_gap_sessions
            else evidence_gap_sessions
        end as type_gap_sessions
    from classified
),

graded as (
    select
        *,
        case
            when is_unconfirmed then 'LOW'
            -- the fund may as well have changed its sample
            when is_of_a_sample and basis = 'observed' then 'LOW'
            -- absence alone tells, and nobody looked in the other index
            when
                missing_evidence is not null
                and (change_type = 'ADD_IPO' or (change_type = 'DELETE_ACQUIRED_OR_DELISTED' and basis = 'observed'))
                then 'LOW'
            else {{ gap_confidence('greatest(gap_sessions, type_gap_sessions)') }}
        end as grade
    from typed
),

weighed as (
    select
        book_code,
        security_id,
        change_date,
        -- a name bought late has its first weight in the file that shows it first
        case direction
            when 'addition' then greatest(after_date, first_seen_after)
            else before_date
        end as weight_date
    from bracketed
    where book_code = other_book
),

weights as (
    select
        weighed.book_code,
        weighed.security_id,
        weighed.change_date,
        cast(sum(cast(holdings.weight_pct as decimal(18, 6))) as double) as weight_pct
    from weighed
    inner join {{ ref('int_book_holding') }} as holdings
        on
            weighed.book_code = holdings.book_code
            and weighed.weight_date = holdings.as_of_date
            and weighed.security_id = holdings.security_id
    group by weighed.book_code, weighed.security_id, weighed.change_date
)

select
    graded.book_code,
    coalesce(
        graded.event_id,
        graded.index_code || '-' || year(graded.change_date) || 'Q' || quarter(graded.change_date) || '-INTRA'
    ) as event_id,
    graded.security_id,
    graded.change_date,
    graded.change_type,
    graded.direction,
    graded.ticker,
    graded.is_ticker_inferred,
    graded.name,
    graded.sector,
    case when graded.direction = 'deletion' then weights.weight_pct end as weight_before_pct,
    case when graded.direction = 'addition' then weights.weight_pct end as weight_after_pct,
    graded.last_seen_before,
    graded.first_seen_after,
    case
        when
            graded.grade = 'HIGH'
            and (
                -- something about it is not known
                graded.missing_evidence is not null and graded.migration is null
                or graded.change_type like '%_UNKNOWN'
                -- told by what is missing or by a price alone
                or graded.basis = 'observed'
                or graded.change_type = 'ADD_SPINOFF'
                or (graded.rests_on_a_sample or graded.is_of_a_sample) and graded.change_type in ('ADD_NEW', 'DELETE')
            )
            then 'MEDIUM'
        else graded.grade
    end as confidence,
    case
        when graded.migration is not null then null
        when graded.missing_evidence is not null then graded.missing_evidence
        when graded.change_type like '%_UNKNOWN'
            then graded.index_code || ' files ' || graded.gap_sessions || ' sessions apart'
    end as missing_evidence
from graded
left join weights
    on
        graded.book_code = weights.book_code
        and graded.security_id = weights.security_id
        and graded.change_date = weights.change_date
