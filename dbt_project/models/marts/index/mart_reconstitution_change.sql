with events as (
    select
        events.event_id,
        events.event_date,
        events.first_session,
        sessions.session_index
    from {{ ref('fct_market_event') }} as events
    inner join {{ ref('dim_session') }} as sessions on events.event_date = sessions.session_date
    where events.event_type = 'RUSSELL_RECONSTITUTION'
),

files as (
    select
        index_code,
        fund,
        as_of_date,
        session_index,
        lag(as_of_date) over by_date as previous_date,
        session_index - lag(session_index) over by_date as gap_before,
        lead(as_of_date) over by_date as next_date,
        lead(session_index) over by_date as next_index,
        lead(session_index) over by_date - session_index as gap_after,
        row_number() over (partition by fund order by as_of_date desc) as files_from_end
    from {{ ref('int_holding_file_usable') }}
    where
        is_usable
        and index_code is not null
    window by_date as (partition by fund order by as_of_date)
),

-- A stay that began with the first file of the fund shows no addition; a brief one is no membership.
boundaries as (
    select
        index_code,
        security_id,
        ticker,
        name,
        'addition' as direction,
        valid_from as change_date,
        entry_basis as basis,
        cast(null as date) as last_seen_before,
        first_seen as first_seen_after,
        first_seen as shown_on
    from {{ ref('fct_index_membership') }}
    where
        is_point_in_time
        and not is_brief
    union all
    select
        index_code,
        security_id,
        ticker,
        name,
        'deletion' as direction,
        valid_to as change_date,
        exit_basis as basis,
        last_seen as last_seen_before,
        cast(null as date) as first_seen_after,
        last_seen as shown_on
    from {{ ref('fct_index_membership') }}
    where
        valid_to is not null
        and not is_brief
),

-- The two files around each boundary, and the reconstitution it belongs to. What ended by itself within 20 sessions
-- after the Friday is told apart from the deletions but belongs to the same window.
located as (
    select
        boundaries.*,
        shown.fund,
        case boundaries.direction when 'addition' then shown.previous_date else boundaries.shown_on end as before_date,
        case boundaries.direction when 'addition' then boundaries.shown_on else shown.next_date end as after_date,
        case boundaries.direction when 'addition' then shown.gap_before else shown.gap_after end as gap_sessions,
        boundaries.direction = 'deletion' and shown.files_from_end = 2 as is_unconfirmed,
        events.event_id,
        events.event_date
    from boundaries
    inner join files as shown
        on
            boundaries.index_code = shown.index_code
            and boundaries.shown_on = shown.as_of_date
    left join events
        on
            boundaries.index_code in ('R1000', 'R2000', 'R3000', 'RMICRO')
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
        case when basis = 'reconstitution' then event_date - 1 else before_date end as old_book,
        case when basis = 'reconstitution' then change_date else after_date end as new_book
    from located
),

-- Several reconstitutions between two files: what changed in between is not known to be of one kind or another.
crowded as (
    select
        placed.index_code,
        placed.security_id,
        placed.change_date,
        count(*) as events_in_gap
    from placed
    inner join events
        on
            placed.before_date < events.event_date
            and placed.after_date >= events.event_date
    where
        placed.index_code in ('R1000', 'R2000', 'R3000', 'RMICRO')
        and placed.basis not in ('reconstitution')
    group by placed.index_code, placed.security_id, placed.change_date
    having count(*) > 1
),

-- For each boundary and each other index: the last file of the old book and the first of the new one, if near. 40 days
-- hold 25 sessions and holidays.
book_dates as (
    select distinct
        index_code,
        change_date,
        basis = 'reconstitution' as is_event,
        old_book,
        new_book
    from placed
),

brackets as (
    select
        book_dates.index_code,
        book_dates.change_date,
        book_dates.is_event,
        book_dates.old_book,
        book_dates.new_book,
        files.index_code as other_index,
        max(files.as_of_date) filter (
            files.as_of_date between book_dates.old_book - 40 and book_dates.old_book
        ) as before_date,
        min(files.as_of_date) filter (
            files.as_of_date between book_dates.new_book and book_dates.new_book + 40
        ) as after_date
    from book_dates
    inner join files
        on
            book_dates.index_code <> files.index_code
            and files.as_of_date between book_dates.old_book - 40 and book_dates.new_book + 40
    group by
        book_dates.index_code, book_dates.change_date, book_dates.is_event,
        book_dates.old_book, book_dates.new_book, files.index_code
),

stays as (
    select
        index_code,
        security_id,
        valid_from,
        -- plain comparisons, which joins can hash
        coalesce(valid_to, date '9999-12-31') as valid_to,
        coalesce(last_seen, date '9999-12-31') as last_seen
    from {{ ref('fct_index_membership') }}
),

-- Membership, not holdings, says where a security was and went: funds hold for weeks what their index deleted.
elsewhere as (
    select
        placed.index_code,
        placed.security_id,
        placed.change_date,
        placed.direction,
        bool_or(brackets.other_index = 'R1000' and before_stay.security_id is not null) as was_in_r1000,
        bool_or(brackets.other_index = 'R2000' and before_stay.security_id is not null) as was_in_r2000,
        bool_or(brackets.other_index = 'RMICRO' and before_stay.security_id is not null) as was_in_micro,
        bool_or(brackets.other_index = 'R1000' and after_stay.security_id is not null) as is_in_r1000,
        bool_or(brackets.other_index = 'R2000' and after_stay.security_id is not null) as is_in_r2000,
        bool_or(brackets.other_index = 'RMICRO' and after_stay.security_id is not null) as is_in_micro,
        bool_or(after_stay.security_id is not null) as is_anywhere
    from placed
    inner join brackets
        on
            placed.index_code = brackets.index_code
            and placed.change_date = brackets.change_date
            and (placed.basis = 'reconstitution') = brackets.is_event
            and placed.old_book = brackets.old_book
            and placed.new_book = brackets.new_book
    left join stays as before_stay
        on
            placed.security_id = before_stay.security_id
            and brackets.other_index = before_stay.index_code
            and brackets.before_date >= before_stay.valid_from
            and brackets.before_date < before_stay.valid_to
            and brackets.before_date <= before_stay.last_seen
    left join stays as after_stay
        on
            placed.security_id = after_stay.security_id
            and brackets.other_index = after_stay.index_code
            and brackets.after_date >= after_stay.valid_from
            and brackets.after_date < after_stay.valid_to
            and brackets.after_date <= after_stay.last_seen
    group by placed.index_code, placed.security_id, placed.change_date, placed.direction
),

classified as (
    select
        placed.*,
        securities.sector,
        coalesce(elsewhere.is_anywhere, false) as is_anywhere,
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
                and elsewhere.was_in_r2000 and not coalesce(elsewhere.is_in_r2000, false)
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
                and elsewhere.is_in_r2000 and not coalesce(elsewhere.was_in_r2000, false)
                then 'MIGRATE_UP_FROM_MICRO'
        end as migration,
        case
            when placed.basis = 'reconstitution' then if(placed.direction = 'addition', 'ADD_NEW', 'DELETE')
            when placed.direction = 'addition'
                then
                    case
                        when placed.basis = 'spin_off' then 'ADD_SPINOFF'
                        when placed.basis = 'fast_entry' then 'ADD_FAST_ENTRY'
                        -- shown by any fund before, so no recent listing
                        when placed.basis = 'ipo_review' and securities.first_seen > placed.before_date then 'ADD_IPO'
                        else 'ADD_NEW'
                    end
            when crowded.events_in_gap is not null or elsewhere.is_anywhere then 'DELETE'
            else 'DELETE_ACQUIRED_OR_DELISTED'
        end as kind
    from placed
    inner join {{ ref('dim_security') }} as securities on placed.security_id = securities.security_id
    left join elsewhere
        on
            placed.index_code = elsewhere.index_code
            and placed.security_id = elsewhere.security_id
            and placed.change_date = elsewhere.change_date
            and placed.direction = elsewhere.direction
    left join crowded
        on
            placed.index_code = crowded.index_code
            and placed.security_id = crowded.security_id
            and placed.change_date = crowded.change_date
),

-- The last file of the old book and the first of the new one in the fund itself, for the weights.
own_books as (
    select
        book_dates.index_code,
        book_dates.change_date,
        book_dates.is_event,
        book_dates.old_book,
        book_dates.new_book,
        files.fund,
        max(files.as_of_date) filter (files.as_of_date <= book_dates.old_book) as before_date,
        min(files.as_of_date) filter (files.as_of_date >= book_dates.new_book) as after_date
    from book_dates
    inner join files on book_dates.index_code = files.index_code
    group by
        book_dates.index_code, book_dates.change_date, book_dates.is_event,
        book_dates.old_book, book_dates.new_book, files.fund
),

weighed as (
    select
        classified.index_code,
        classified.security_id,
        classified.change_date,
        classified.direction,
        classified.fund,
        -- a name bought late has its first weight in the file that shows it first
        case classified.direction
            when 'addition' then greatest(own_books.after_date, classified.first_seen_after)
            else own_books.before_date
        end as weight_date
    from classified
    inner join own_books
        on
            classified.index_code = own_books.index_code
            and classified.change_date = own_books.change_date
            and (classified.basis = 'reconstitution') = own_books.is_event
            and classified.old_book = own_books.old_book
            and classified.new_book = own_books.new_book
),

weights as (
    select
        weighed.index_code,
        weighed.security_id,
        weighed.change_date,
        weighed.direction,
        cast(sum(cast(holdings.weight_pct as decimal(18, 6))) as double) as weight_pct
    from weighed
    inner join {{ ref('fct_holding') }} as holdings
        on
            weighed.fund = holdings.fund
            and weighed.weight_date = holdings.as_of_date
            and weighed.security_id = holdings.security_id
    group by weighed.index_code, weighed.security_id, weighed.change_date, weighed.direction
),

named as (
    select
        *,
        coalesce(migration, kind) as change_type
    from classified
)

select
    named.index_code,
    coalesce(
        named.event_id,
        named.index_code || '-' || year(named.change_date) || 'Q' || quarter(named.change_date) || '-INTRA'
    ) as event_id,
    named.security_id,
    named.change_date,
    named.change_type,
    named.direction,
    named.ticker,
    named.name,
    named.sector,
    case when named.direction = 'deletion' then weights.weight_pct end as weight_before_pct,
    case when named.direction = 'addition' then weights.weight_pct end as weight_after_pct,
    named.last_seen_before,
    named.first_seen_after,
    case
        when named.gap_sessions > 10 or named.is_unconfirmed then 'LOW'
        when
            named.gap_sessions > 3
            -- told by what is missing or by a price alone
            or (named.change_type = 'DELETE_ACQUIRED_OR_DELISTED' and named.basis = 'observed')
            or named.change_type = 'ADD_SPINOFF'
            or named.basis = 'observed'
            then 'MEDIUM'
        else 'HIGH'
    end as confidence
from named
left join weights
    on
        named.index_code = weights.index_code
        and named.security_id = weights.security_id
        and named.change_date = weights.change_date
        and named.direction = weights.direction
