{% set described -%}
    book_code, security_id, valid_from, valid_to, ticker, is_ticker_inferred, name, first_seen, last_seen,
    is_point_in_time, confidence, is_brief, entry_basis, exit_basis, entry_source, exit_source
{%- endset %}

-- Equal rows of consecutive readings are one revision, known from the first of them until the reading after the last.
with numbered as (
    select
        known.*,
        readings.reading_no,
        readings.known_moment,
        readings.next_known_moment
    from {{ ref('int_membership_as_known') }} as known
    inner join {{ ref('int_membership_reading') }} as readings
        on
            known.book_code = readings.book_code
            and known.security_id = readings.security_id
            and known.moment_no = readings.moment_no
),

islands as (
    select
        *,
        reading_no - row_number() over (
            partition by {{ described }}
            order by reading_no
        ) as island
    from numbered
)

select
    {{ described }},
    min(known_moment) as known_from,
    -- null where no later reading replaced it
    arg_max_null(next_known_moment, reading_no) as known_to
from islands
group by {{ described }}, island
