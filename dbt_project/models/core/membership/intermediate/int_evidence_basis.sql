-- What evidence on runs rests on, as hashes of each file: where they are the same, the lines need not be read again.
with files as (
    select
        book_code,
        node_no,
        as_of_date,
        md5_number_lower(
            concat_ws(' ', as_of_date, snapshot_seq, payload_sha256, epoch_us(known_at), session_index)
        ) as file_hash
    from {{ ref('int_holding_file') }}
),

-- Which identities a file shows, and as which securities: what begins with it less what ended before it.
steps as (
    select
        runs.book_code,
        runs.first_node as node_no,
        cast(md5_number_lower(runs.identity_key || resolution.security_id) as hugeint) as shown
    from {{ ref('int_identity_run') }} as runs
    inner join {{ ref('int_security_resolution') }} as resolution on runs.identity_key = resolution.identity_key
    union all
    select
        runs.book_code,
        runs.last_node + 1 as node_no,
        -cast(md5_number_lower(runs.identity_key || resolution.security_id) as hugeint) as shown
    from {{ ref('int_identity_run') }} as runs
    inner join {{ ref('int_security_resolution') }} as resolution on runs.identity_key = resolution.identity_key
),

changes as (
    select
        book_code,
        node_no,
        sum(shown) as shown
    from steps
    group by book_code, node_no
)

select
    files.book_code,
    files.node_no,
    md5(concat_ws(
        ' ',
        files.file_hash,
        sum(coalesce(changes.shown, 0)) over (
            partition by files.book_code
            order by files.node_no
            rows between unbounded preceding and current row
        )
    )) as lines_basis,
    -- the files that evidence on endings reads
    md5(cast(sum(cast(files.file_hash as hugeint)) over (
        partition by files.book_code
        order by files.as_of_date
        range between interval {{ number_of('membership_rule', 'departure_window_days') }} days preceding
        and current row
    ) as varchar)) as window_basis
from files
left join changes
    on
        files.book_code = changes.book_code
        and files.node_no = changes.node_no
