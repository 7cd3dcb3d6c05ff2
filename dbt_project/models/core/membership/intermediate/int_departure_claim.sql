{{ config(materialized='view') }}

-- Rights and escrow claims keep the ticker or the name of what was bought.
with claims as (
    select
        files.book_code,
        lines.security_ticker,
        split_part(upper(trim(lines.name)), ' ', 1) as first_word,
        min(files.node_no) as first_node,
        min(files.as_of_date) as first_date,
        min(files.known_at) as known_at
    from {{ ref('int_holding_line') }} as lines
    inner join {{ ref('int_holding_file') }} as files
        on
            lines.vendor = files.vendor
            and lines.fund = files.fund
            and lines.as_of_date = files.as_of_date
            and lines.snapshot_seq = files.snapshot_seq
    where lines.excluded_reason in ('contingent_value_right', 'escrow', 'cash_accrual')
    group by files.book_code, lines.security_ticker, first_word
)

select
    departures.book_code,
    departures.security_id,
    departures.last_node,
    min(claims.known_at) as claim_known_at
from {{ ref('int_departure') }} as departures
inner join claims
    on
        departures.book_code = claims.book_code
        and departures.last_node < claims.first_node
        and (
            departures.last_date + {{ number_of('membership_rule', 'claim_days') }} >= claims.first_date
            or departures.next_date = claims.first_date
        )
        and (
            upper(departures.ticker) = claims.security_ticker
            or (
                length(claims.first_word) >= {{ number_of('membership_rule', 'claim_word_letters') }}
                and split_part(upper(trim(departures.name)), ' ', 1) = claims.first_word
            )
        )
group by departures.book_code, departures.security_id, departures.last_node
