-- What a file says is in its hash; how its lines are read is in the code, and other code keeps nothing.
with digests as (
    select
        files.fund,
        files.as_of_date,
        hash(files.vendor, files.snapshot_seq, files.payload_sha256, files.known_at, sessions.session_index) as digest
    from {{ ref('int_holding_file') }} as files
    left join {{ ref('dim_session') }} as sessions on files.as_of_date = sessions.session_date
    where
        files.revision_rank = 1
        and not {{ is_report('files.vendor') }}
        and {{ source_of('files.book_code') }} = 'all'
),

{{ changed_since_last_build('fund', 'as_of_date') }}
