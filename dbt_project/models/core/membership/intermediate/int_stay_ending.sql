{{ config(materialized='view') }}

-- Moments are the same for all funds, so a stay can look at the other funds as they were known then.
with sightings as (
    select
        book_code,
        security_id,
        moment_no,
        max(last_seen) as last_seen
    from {{ ref('int_stay') }}
    group by book_code, security_id, moment_no
),

absences as (
    select
        stays.book_code,
        stays.security_id,
        stays.moment_no,
        stays.opening_node,
        stays.known_moment,
        stays.last_node,
        stays.last_index,
        stays.second_absent_node is not null as is_confirmed,
        files.as_of_date as absent_date,
        files.session_index as absent_index,
        files.gap_sessions,
        files.vendors,
        files.reconstitutions_between,
        files.reconstitution_between,
        files.reconstitution_of_deletion
    from {{ ref('int_stay') }} as stays
    inner join {{ ref('int_events_between_files') }} as files
        on
            stays.book_code = files.book_code
            and stays.absent_node = files.node_no
            and stays.closing_node = files.previous_node
),

elsewhere as (
    select
        absences.book_code,
        absences.security_id,
        absences.moment_no,
        absences.opening_node,
        bool_or(
            ({{ index_of('absences.book_code') }} = 'R2000' and {{ index_of('sightings.book_code') }} = 'R1000')
            or ({{ index_of('absences.book_code') }} = 'R1000' and {{ index_of('sightings.book_code') }} = 'R2000')
        ) as is_in_other_tier
    from absences
    inner join sightings
        on
            absences.security_id = sightings.security_id
            and absences.moment_no = sightings.moment_no
            and absences.book_code <> sightings.book_code
            and {{ source_of('absences.book_code') }} = {{ source_of('sightings.book_code') }}
            and absences.absent_date <= sightings.last_seen
    group by absences.book_code, absences.security_id, absences.moment_no, absences.opening_node
),

-- Why it ended, by what was known at the moment.
explained as (
    select
        absences.*,
        elsewhere.security_id is not null as is_elsewhere,
        elsewhere.is_in_other_tier,
        departures.is_sold,
        departures.is_priced,
        (
            coalesce(departures.claim_known_at <= absences.known_moment, false)
            or (
                coalesce(departures.is_pinned or departures.is_collapsed, false)
                and not coalesce(departures.is_sold, false)
            )
        )
        and elsewhere.security_id is null as is_gone
    from absences
    left join elsewhere
        on
            absences.book_code = elsewhere.book_code
            and absences.security_id = elsewhere.security_id
            and absences.moment_no = elsewhere.moment_no
            and absences.opening_node = elsewhere.opening_node
    left join {{ ref('int_departure_evidence') }} as departures
        on
            absences.book_code = departures.book_code
            and absences.security_id = departures.security_id
            and absences.last_node = departures.last_node
            and absences.known_moment >= departures.known_at
)

select
    book_code,
    security_id,
    moment_no,
    opening_node,
    absent_date,
    absent_index,
    gap_sessions as closing_gap,
    vendors as exit_source,
    case
        -- two reconstitutions since the file before: nobody can tell which
        when reconstitutions_between = 1 and not is_gone then reconstitution_between
        when reconstitutions_between = 0 and reconstitution_of_deletion > absent_index
            -- out before the Friday: only what the fund sold or another fund took
            then case when is_sold or is_elsewhere then reconstitution_of_deletion end
        -- Held to the end at full size and then in no fund: bought, not deleted. Some funds sell on the session
        -- after the Friday, and then prices that moved say that nobody bought the company.
        when
            reconstitutions_between = 0
            and not is_gone
            and (
                coalesce(is_sold, true)
                or is_elsewhere
                or (is_priced and reconstitution_of_deletion = last_index)
            )
            then reconstitution_of_deletion
    end as closing_event,
    is_confirmed,
    is_gone
from explained
-- The stay is over when two files are without the security, or one is and something else says so: the other tier's
-- fund shows it, the fund had sold down, the company was bought, or a reconstitution took place in between.
where
    is_confirmed
    or is_in_other_tier
    or is_gone
    or is_sold
    or reconstitutions_between = 1
