{{ config(schema='intermediate', contract={'enforced': false}) }}

-- Runs of identities in the files as known now, those that are fit for use only.
with nodes as (
    select
        fund,
        node_no,
        usable_no,
        next_usable_no,
        previous_usable_no,
        as_of_date
    from {{ ref('int_holding_snapshot_known') }}
    qualify known_moment = max(known_moment) over (partition by fund)
),

shown as (
    select
        runs.fund,
        runs.identity_key,
        opening.next_usable_no as first_no,
        closing.previous_usable_no as last_no
    from {{ ref('int_identity_run') }} as runs
    inner join nodes as opening
        on
            runs.fund = opening.fund
            and runs.first_node = opening.node_no
    inner join nodes as closing
        on
            runs.fund = closing.fund
            and runs.last_node = closing.node_no
    where opening.next_usable_no <= closing.previous_usable_no
)

select
    resolution.security_id,
    shown.identity_key,
    shown.fund,
    first_shown.as_of_date as first_seen,
    last_shown.as_of_date as last_seen,
    first_absent.as_of_date as first_absent
from shown
inner join {{ ref('int_security_resolution') }} as resolution on shown.identity_key = resolution.identity_key
inner join nodes as first_shown
    on
        shown.fund = first_shown.fund
        and shown.first_no = first_shown.usable_no
inner join nodes as last_shown
    on
        shown.fund = last_shown.fund
        and shown.last_no = last_shown.usable_no
left join nodes as first_absent
    on
        shown.fund = first_absent.fund
        and shown.last_no + 1 = first_absent.usable_no
