{{ config(materialized='view') }}

select
    book_code,
    security_id,
    moment_no,
    valid_from,
    valid_to,
    ticker,
    is_ticker_inferred,
    name,
    first_seen,
    -- null while shown: a date that moved every day would make every row a new revision every day
    case when not is_in_newest then last_seen end as last_seen,
    is_point_in_time,
    case
        -- greatest() skips nulls; null where neither boundary was observed
        when greatest(opening_gap, closing_gap) > {{ number_of('membership_rule', 'medium_confidence_gap_sessions') }}
            then 'LOW'
        when is_single and first_absent is not null then 'LOW'
        when is_brief then 'LOW'
        when first_absent is not null and not is_confirmed then 'LOW'
        when
            greatest(opening_gap, closing_gap) <= {{ number_of('membership_rule', 'high_confidence_gap_sessions') }}
            -- a fund that holds a sample may have begun or ceased to hold a member
            and {{ index_of('book_code') }} not in ({{ quoted(var('sampled_indices')) }})
            then 'HIGH'
        else 'MEDIUM'
    end as confidence,
    is_brief,
    case
        when not is_point_in_time then 'first_file'
        when begins_by_event or beginning in ('spin_off', 'fast_entry') then beginning
        else 'observed'
    end as entry_basis,
    case
        when ends_by_event then 'reconstitution'
        when first_absent is not null and is_gone then 'ceased'
        when first_absent is not null then 'observed'
    end as exit_basis,
    entry_source,
    exit_source
from {{ ref('int_stay_dates') }}
