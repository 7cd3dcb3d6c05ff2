-- A security is read again at every moment at which it can have changed, in all its funds at once, as one is evidence
-- for another.
with changes as (
    select
        security_id,
        moment_no
    from {{ ref('int_change_by_own_file') }}
    union
    select
        security_id,
        moment_no
    from {{ ref('int_change_by_other_fund') }}
    union
    select
        security_id,
        moment_no
    from {{ ref('int_change_by_evidence') }}
),

securities as (
    select distinct
        book_code,
        security_id
    from {{ ref('int_presence') }}
)

select
    securities.book_code,
    changes.security_id,
    changes.moment_no,
    moments.known_moment,
    moments.newest_node,
    row_number() over by_moment as reading_no,
    lead(moments.known_moment) over by_moment as next_known_moment
from changes
inner join securities on changes.security_id = securities.security_id
inner join {{ ref('int_newest_file_as_known') }} as moments
    on
        securities.book_code = moments.book_code
        and changes.moment_no = moments.moment_no
window by_moment as (
    partition by securities.book_code, changes.security_id
    order by changes.moment_no
)
