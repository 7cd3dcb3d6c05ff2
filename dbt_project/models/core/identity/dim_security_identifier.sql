{% set types = {
    'ticker': 'security_ticker', 'name': 'upper(trim(name))', 'cusip': 'cusip', 'isin': 'isin', 'sedol': 'sedol',
} %}

with said as (
    {% for id_type, expression in types.items() %}
    select
        runs.security_id,
        '{{ id_type }}' as id_type,
        {{ expression }} as id_value,
        runs.identity_key,
        runs.first_seen,
        runs.last_seen,
        runs.first_absent,
        struct_pack(
            is_of_sponsor := {{ source_of('runs.book_code') }} <> 'sec',
            first_seen := runs.first_seen,
            last_seen := runs.last_seen,
            book_code := runs.book_code,
            identity_key := runs.identity_key
        ) as precedence
    from {{ ref('int_identity_seen') }} as runs
    inner join {{ ref('int_security_identity') }} as identities
        on
            runs.book_code = identities.book_code
            and runs.identity_key = identities.identity_key
    where
        {{ expression }} is not null
        and {{ source_of('runs.book_code') }} <> 'all'
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

named_by_sponsor as (
    select distinct security_id
    from said
    where struct_extract(precedence, 'is_of_sponsor')
),

-- A report writes a name otherwise than the sponsor does, and that is no rename.
runs as (
    select *
    from said
    where
        id_type <> 'name'
        or struct_extract(precedence, 'is_of_sponsor')
        or security_id not in (select named_by_sponsor.security_id from named_by_sponsor)
),

-- Where the value can change: a run begins, or one ends while another goes on.
moments as (
    select
        security_id,
        id_type,
        first_seen as moment
    from runs
    union
    select
        security_id,
        id_type,
        first_absent as moment
    from runs
    where first_absent is not null
),

-- A name that began later is the newer one, whichever fund shows it.
winners as (
    select
        moments.security_id,
        moments.id_type,
        moments.moment,
        max_by(runs.id_value, runs.precedence) as id_value,
        max_by(runs.identity_key, runs.precedence) as identity_key
    from moments
    inner join runs
        on
            moments.security_id = runs.security_id
            and moments.id_type = runs.id_type
            and moments.moment between runs.first_seen and runs.last_seen
    group by moments.security_id, moments.id_type, moments.moment
),

changes as (
    select *
    from winners
    qualify
        id_value is distinct from lag(id_value) over (
            partition by security_id, id_type
            order by moment
        )
),

described as (
    select
        identity_key,
        max_by(concat_ws(' ', security_ticker, name), (last_seen, book_code)) as description
    from {{ ref('int_security_identity') }}
    group by identity_key
)

select
    changes.security_id,
    changes.id_type,
    changes.id_value,
    changes.moment as valid_from,
    lead(changes.moment) over (
        partition by changes.security_id, changes.id_type
        order by changes.moment
    ) as valid_to,
    resolution.method,
    resolution.score,
    resolution.confidence,
    resolution.change,
    described.description as linked_from
from changes
inner join {{ ref('int_security_resolution') }} as resolution on changes.identity_key = resolution.identity_key
left join described on resolution.linked_to = described.identity_key
