{{ config(materialized='view') }}

-- Whether an absence ends a stay depends on the other funds: do they show the security on that date or later? The
-- answer can change only at a moment at which the newest file of the other fund passes the date of absence.
with absences as (
    select distinct
        runs.book_code,
        runs.security_id,
        absent.as_of_date as absent_date
    from {{ ref('int_presence') }} as runs
    inner join {{ ref('int_holding_file_as_known') }} as states
        on
            runs.book_code = states.book_code
            and runs.last_node = states.node_no
    inner join {{ ref('int_holding_file') }} as absent
        on
            states.book_code = absent.book_code
            and states.absent_node = absent.node_no
),

securities as (
    select distinct
        book_code,
        security_id
    from {{ ref('int_presence') }}
),

elsewhere as (
    select
        securities.book_code,
        absences.security_id,
        absences.absent_date
    from absences
    inner join securities
        on
            absences.security_id = securities.security_id
            and absences.book_code <> securities.book_code
            and {{ source_of('absences.book_code') }} = {{ source_of('securities.book_code') }}
),

-- few dates stand for many securities
passed as (
    select
        dates.book_code,
        dates.absent_date,
        moments.moment_no
    from (
        select distinct
            book_code,
            absent_date
        from elsewhere
    ) as dates
    inner join {{ ref('int_newest_file_as_known') }} as moments
        on
            dates.book_code = moments.book_code
            and dates.absent_date <= greatest(moments.newest_date, moments.earlier_newest_date)
            and dates.absent_date > least(
                coalesce(moments.newest_date, date '0001-01-01'),
                coalesce(moments.earlier_newest_date, date '0001-01-01')
            )
)

select distinct
    elsewhere.security_id,
    passed.moment_no
from elsewhere
inner join passed
    on
        elsewhere.book_code = passed.book_code
        and elsewhere.absent_date = passed.absent_date
