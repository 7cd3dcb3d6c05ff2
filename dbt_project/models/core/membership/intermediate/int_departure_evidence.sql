{% set remembered = remembers() %}

-- What the lines say about why a run of presence ended: the fund sold the position, the company was bought or failed.
-- Only lines up to the run's end are read, and a right born after it; a reader of an earlier moment skips what he could
-- not know.
with nodes as (
    select
        vendor,
        fund,
        index_code,
        as_of_date,
        snapshot_seq,
        node_no,
        known_at,
        max(node_no) over (partition by index_code) as newest_node,
        min(as_of_date) over (
            partition by index_code
            order by as_of_date
            range between interval 1 day following and unbounded following
        ) as next_date
    from {{ ref('int_holding_file') }}
    where index_code is not null
),

ends as (
    select
        runs.index_code,
        runs.security_id,
        runs.last_node,
        runs.ticker,
        runs.name,
        nodes.as_of_date as last_date,
        nodes.next_date
    from {{ ref('int_presence') }} as runs
    inner join nodes
        on
            runs.index_code = nodes.index_code
            and runs.last_node = nodes.node_no
    where nodes.node_no < nodes.newest_node
),

identities as (
    select
        security_id,
        md5(string_agg(identity_key, ' ' order by identity_key)) as identities_basis
    from {{ ref('int_security_resolution') }}
    group by security_id
),

bases as (
    select
        ends.index_code,
        ends.security_id,
        ends.last_node,
        md5(concat_ws(' ', files.window_basis, identities.identities_basis)) as basis
    from ends
    left join {{ ref('int_evidence_basis') }} as files
        on
            ends.index_code = files.index_code
            and ends.last_node = files.node_no
    left join identities on ends.security_id = identities.security_id
),

unread as (
    select ends.*
    from ends
    {% if remembered %}
        inner join bases
            on
                ends.index_code = bases.index_code
                and ends.security_id = bases.security_id
                and ends.last_node = bases.last_node
        anti join {{ this }} as known
            on
                bases.index_code = known.index_code
                and bases.security_id = known.security_id
                and bases.last_node = known.last_node
                and bases.basis = known.basis
    {% endif %}
),

-- 36 days hold 25 sessions: the book before a reconstitution and the weeks of selling after it
positions as (
    select
        unread.index_code,
        unread.security_id,
        unread.last_node,
        nodes.as_of_date,
        nodes.node_no,
        nodes.known_at,
        cast(sum(cast(lines.shares as decimal(38, 4))) as double) as shares,
        cast(sum(cast(lines.weight_pct as decimal(18, 6))) as double) as weight_pct,
        max(lines.price_usd) as price_usd
    from unread
    inner join nodes
        on
            unread.index_code = nodes.index_code
            and unread.last_node >= nodes.node_no
            and unread.last_date - 36 < nodes.as_of_date
    inner join {{ ref('int_security_resolution') }} as resolution on unread.security_id = resolution.security_id
    inner join {{ ref('int_holding_line') }} as lines
        on
            nodes.vendor = lines.vendor
            and nodes.fund = lines.fund
            and nodes.as_of_date = lines.as_of_date
            and nodes.snapshot_seq = lines.snapshot_seq
            and resolution.identity_key = lines.identity_key
    group by unread.index_code, unread.security_id, unread.last_node, nodes.as_of_date, nodes.node_no, nodes.known_at
    qualify
        row_number() over (
            partition by unread.index_code, unread.security_id, unread.last_node, nodes.as_of_date
            order by nodes.node_no desc
        ) = 1
),

steps as (
    select
        *,
        row_number() over (
            partition by index_code, security_id, last_node
            order by node_no desc
        ) as files_back,
        price_usd / nullif(lag(price_usd) over by_node, 0) as price_ratio,
        shares / nullif(lag(shares) over by_node, 0) as shares_ratio
    from positions
    window by_node as (partition by index_code, security_id, last_node order by node_no)
),

measured as (
    select
        index_code,
        security_id,
        last_node,
        max(known_at) as known_at,
        max_by(shares, node_no) / nullif(max(shares), 0) as shares_kept,
        max_by(weight_pct, node_no) / nullif(max(weight_pct), 0) as weight_kept,
        max(weight_pct) as largest_weight_pct,
        count(price_usd) filter (where files_back <= 8) as prices,
        min(price_usd) filter (where files_back <= 8) as low_usd,
        max(price_usd) filter (where files_back <= 8) as high_usd,
        -- a split moves price and shares together
        min(price_ratio) filter (where files_back <= 10 and shares_ratio < 1.3) as worst_step
    from steps
    group by index_code, security_id, last_node
),

judged as (
    select
        index_code,
        security_id,
        last_node,
        known_at,
        -- Both must have shrunk: shares alone fall in a reverse split, weight alone with the price. Without shares a
        -- weight of two decimals says nothing below 0.01.
        case
            when shares_kept is not null then shares_kept < 0.75 and weight_kept < 0.75
            when largest_weight_pct >= 0.01 then weight_kept < 0.5
        end as is_sold,
        prices = 8 as is_priced,
        -- a price that stands still for eight files is the price of a takeover; a cent is much of a cheap share
        coalesce(
            prices = 8
            and round(high_usd - low_usd, 4) <= greatest(0.015 * high_usd, 0.02),
            false
        ) as is_pinned,
        coalesce(worst_step < 0.6, false) as is_collapsed
    from measured
    {% if remembered %}
        union all
        select known.* exclude (claim_known_at, basis, logic)
        from {{ this }} as known
        inner join bases
            on
                known.index_code = bases.index_code
                and known.security_id = bases.security_id
                and known.last_node = bases.last_node
                and known.basis = bases.basis
    {% endif %}
),

-- Rights and escrow claims keep the ticker or the name of what was bought.
claims as (
    select
        nodes.index_code,
        lines.security_ticker,
        split_part(upper(trim(lines.name)), ' ', 1) as first_word,
        min(nodes.node_no) as first_node,
        min(nodes.as_of_date) as first_date,
        min(nodes.known_at) as known_at
    from {{ ref('int_holding_line') }} as lines
    inner join nodes
        on
            lines.vendor = nodes.vendor
            and lines.fund = nodes.fund
            and lines.as_of_date = nodes.as_of_date
            and lines.snapshot_seq = nodes.snapshot_seq
    where lines.excluded_reason in ('contingent_value_right', 'escrow', 'cash_accrual')
    group by nodes.index_code, lines.security_ticker, first_word
),

claimed as (
    select
        ends.index_code,
        ends.security_id,
        ends.last_node,
        min(claims.known_at) as claim_known_at
    from ends
    inner join claims
        on
            ends.index_code = claims.index_code
            and ends.last_node < claims.first_node
            and (ends.last_date + 30 >= claims.first_date or ends.next_date = claims.first_date)
            and (
                upper(ends.ticker) = claims.security_ticker
                or (
                    length(claims.first_word) >= 5
                    and split_part(upper(trim(ends.name)), ' ', 1) = claims.first_word
                )
            )
    group by ends.index_code, ends.security_id, ends.last_node
)

select
    judged.*,
    claimed.claim_known_at,
    bases.basis,
    '{{ logic_of("int_departure_evidence") }}' as logic
from judged
inner join bases
    on
        judged.index_code = bases.index_code
        and judged.security_id = bases.security_id
        and judged.last_node = bases.last_node
left join claimed
    on
        judged.index_code = claimed.index_code
        and judged.security_id = claimed.security_id
        and judged.last_node = claimed.last_node
