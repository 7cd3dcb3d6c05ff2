{% set before = this if keeps_rows() else none %}

-- The fund sold the position, or the company was bought or failed. Only lines up to the run's end are read, and claims
-- born after it; a reader of an earlier moment skips what he could not know.
with departures as (
    select *
    from {{ ref('int_departure') }}
),

unread as (
    select departures.*
    from departures
    {% if before %}
        anti join {{ before }} as known
            on
                departures.book_code = known.book_code
                and departures.security_id = known.security_id
                and departures.last_node = known.last_node
                and departures.basis = known.basis
    {% endif %}
),

positions as (
    select
        unread.book_code,
        unread.security_id,
        unread.last_node,
        files.as_of_date,
        files.node_no,
        files.known_at,
        cast(sum(cast(lines.shares as decimal(38, 4))) as double) as shares,
        cast(sum(cast(lines.weight_pct as decimal(18, 6))) as double) as weight_pct,
        max(lines.price_usd) as price_usd
    from unread
    inner join {{ ref('int_holding_file') }} as files
        on
            unread.book_code = files.book_code
            and unread.last_node >= files.node_no
            and unread.last_date - {{ number_of('membership_rule', 'departure_window_days') }} < files.as_of_date
    inner join {{ ref('int_security_resolution') }} as resolution on unread.security_id = resolution.security_id
    inner join {{ ref('int_holding_line') }} as lines
        on
            files.vendor = lines.vendor
            and files.fund = lines.fund
            and files.as_of_date = lines.as_of_date
            and files.snapshot_seq = lines.snapshot_seq
            and resolution.identity_key = lines.identity_key
    group by unread.book_code, unread.security_id, unread.last_node, files.as_of_date, files.node_no, files.known_at
    qualify
        row_number() over (
            partition by unread.book_code, unread.security_id, unread.last_node, files.as_of_date
            order by files.node_no desc
        ) = 1
),

steps as (
    select
        *,
        row_number() over (
            partition by book_code, security_id, last_node
            order by node_no desc
        ) as files_back,
        price_usd / lag(price_usd) over by_node as price_ratio,
        shares / lag(shares) over by_node as shares_ratio
    from positions
    window by_node as (partition by book_code, security_id, last_node order by node_no)
),

measured as (
    select
        book_code,
        security_id,
        last_node,
        max(known_at) as known_at,
        max_by(shares, node_no) / nullif(max(shares), 0) as shares_kept,
        max_by(weight_pct, node_no) / nullif(max(weight_pct), 0) as weight_kept,
        max(weight_pct) as largest_weight_pct,
        count(price_usd) filter (where files_back <= {{ number_of('membership_rule', 'pinned_files') }}) as prices,
        min(price_usd) filter (where files_back <= {{ number_of('membership_rule', 'pinned_files') }}) as low_usd,
        max(price_usd) filter (where files_back <= {{ number_of('membership_rule', 'pinned_files') }}) as high_usd,
        -- a split moves price and shares together
        min(price_ratio) filter (
            where
            files_back <= {{ number_of('membership_rule', 'collapsed_files') }}
            and shares_ratio < {{ number_of('membership_rule', 'split_shares_ratio') }}
        ) as worst_step
    from steps
    group by book_code, security_id, last_node
),

judged as (
    select
        book_code,
        security_id,
        last_node,
        known_at,
        -- Both must have shrunk: shares alone fall in a reverse split, weight alone with the price. Without shares a
        -- weight of two decimals says nothing below 0.01.
        case
            when shares_kept is not null
                then
                    shares_kept < {{ number_of('membership_rule', 'sold_part_kept') }}
                    and weight_kept < {{ number_of('membership_rule', 'sold_part_kept') }}
            when largest_weight_pct >= {{ number_of('membership_rule', 'sold_least_weight_pct') }}
                then weight_kept < {{ number_of('membership_rule', 'sold_weight_kept') }}
        end as is_sold,
        prices = {{ number_of('membership_rule', 'pinned_files') }} as is_priced,
        -- a price that stands still for eight files is the price of a takeover; a cent is much of a cheap share
        prices = {{ number_of('membership_rule', 'pinned_files') }}
        and round(high_usd - low_usd, 4) <= greatest(
            {{ number_of('membership_rule', 'pinned_range') }} * high_usd,
            {{ number_of('membership_rule', 'pinned_range_usd') }}
        ) as is_pinned,
        coalesce(worst_step < {{ number_of('membership_rule', 'collapsed_price_kept') }}, false) as is_collapsed
    from measured
    {% if before %}
        union all
        select known.* exclude (claim_known_at, basis)
        from {{ before }} as known
        inner join departures
            on
                known.book_code = departures.book_code
                and known.security_id = departures.security_id
                and known.last_node = departures.last_node
                and known.basis = departures.basis
    {% endif %}
)

select
    judged.*,
    claims.claim_known_at,
    departures.basis
from judged
inner join departures
    on
        judged.book_code = departures.book_code
        and judged.security_id = departures.security_id
        and judged.last_node = departures.last_node
left join {{ ref('int_departure_claim') }} as claims
    on
        judged.book_code = claims.book_code
        and judged.security_id = claims.security_id
        and judged.last_node = claims.last_node
