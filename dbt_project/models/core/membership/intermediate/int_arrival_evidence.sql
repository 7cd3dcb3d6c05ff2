{% set before = this if keeps_rows() else none %}

-- A spin-off shows a parent whose price fell by the child's value on the same session, or who shares its name. A fast
-- entry is among the largest lines at once. In the file after a reconstitution hundreds begin and dozens of prices
-- jump: chance would find a parent for many, so only files in which few begin are read.
with arrivals as (
    select *
    from {{ ref('int_arrival') }}
    where beginnings_in_file <= {{ number_of('membership_rule', 'most_arrivals_in_file') }}
),

unread as (
    select arrivals.*
    from arrivals
    {% if before %}
        anti join {{ before }} as known
            on
                arrivals.book_code = known.book_code
                and arrivals.security_id = known.security_id
                and arrivals.first_node = known.first_node
                and arrivals.basis = known.basis
    {% endif %}
),

-- with what lies between the two files, so that a line is compared with its nearest one whatever else is read
read_nodes as (
    select distinct
        book_code,
        unnest(range(previous_node, first_node + 1)) as node_no
    from unread
),

-- of few files the lines are picked out before anything is joined to all of them
read_lines as {{ 'materialized' if before else 'not materialized' }} (
    select
        files.book_code,
        files.node_no,
        lines.line_no,
        lines.identity_key,
        lines.name,
        lines.market_value_usd,
        lines.weight_pct,
        lines.shares,
        lines.price_usd
    from read_nodes
    inner join {{ ref('int_holding_file') }} as files
        on
            read_nodes.book_code = files.book_code
            and read_nodes.node_no = files.node_no
            and files.session_index is not null
    inner join {{ ref('int_holding_line') }} as lines
        on
            files.vendor = lines.vendor
            and files.fund = lines.fund
            and files.as_of_date = lines.as_of_date
            and files.snapshot_seq = lines.snapshot_seq
),

positions as (
    select
        lines.book_code,
        lines.node_no,
        resolution.security_id,
        split_part(upper(trim(min_by(lines.name, lines.line_no))), ' ', 1) as first_word,
        cast(sum(cast(lines.market_value_usd as decimal(38, 4))) as double) as market_value_usd,
        cast(sum(cast(lines.weight_pct as decimal(18, 6))) as double) as weight_pct,
        cast(sum(cast(lines.shares as decimal(38, 4))) as double) as shares,
        max(lines.price_usd) as price_usd
    from read_lines as lines
    inner join {{ ref('int_security_resolution') }} as resolution on lines.identity_key = resolution.identity_key
    group by lines.book_code, lines.node_no, resolution.security_id
),

steps as (
    select
        *,
        rank() over (partition by book_code, node_no order by weight_pct desc) as weight_rank,
        lag(node_no) over by_node as node_before,
        lag(price_usd) over by_node as price_before,
        lag(shares) over by_node as shares_before
    from positions
    window by_node as (partition by book_code, security_id order by node_no)
),

children as (
    select
        unread.book_code,
        unread.security_id,
        unread.first_node,
        unread.previous_node,
        unread.gap_sessions,
        unread.beginnings_in_file,
        unread.known_at,
        unread.basis,
        split_part(upper(trim(unread.name)), ' ', 1) as first_word,
        steps.market_value_usd,
        steps.weight_rank
    from unread
    inner join steps
        on
            unread.book_code = steps.book_code
            and unread.security_id = steps.security_id
            and unread.first_node = steps.node_no
),

files as (
    select distinct
        book_code,
        first_node,
        previous_node
    from children
    where
        gap_sessions <= {{ number_of('membership_rule', 'parent_gap_sessions') }}
        and beginnings_in_file <= {{ number_of('membership_rule', 'most_arrivals_for_parent') }}
),

-- where the line before in the files read is that of the file before
moves as (
    select
        steps.book_code,
        steps.node_no as first_node,
        steps.security_id,
        steps.price_usd / steps.price_before as price_ratio,
        median(steps.price_usd / nullif(steps.price_before, 0)) over (
            partition by steps.book_code, steps.node_no
        ) as median_ratio,
        steps.shares / steps.shares_before as shares_ratio,
        steps.market_value_usd
    from steps
    inner join files
        on
            steps.book_code = files.book_code
            and steps.node_no = files.first_node
            and steps.node_before = files.previous_node
),

-- The child's part of what parent and child are worth together is what the parent's price lost.
losses as (
    select
        book_code,
        first_node,
        security_id,
        market_value_usd,
        1 - price_ratio / median_ratio as loss
    from moves
    where
        price_ratio / median_ratio <= {{ number_of('membership_rule', 'parent_price_kept') }}
        and shares_ratio between {{ number_of('membership_rule', 'parent_shares_kept_low') }}
        and {{ number_of('membership_rule', 'parent_shares_kept_high') }}
),

parents_by_price as (
    select distinct
        children.book_code,
        children.security_id,
        children.first_node
    from children
    inner join losses
        on
            children.book_code = losses.book_code
            and children.first_node = losses.first_node
    where
        children.security_id <> losses.security_id
        and abs(
            losses.loss
            - children.market_value_usd / nullif(children.market_value_usd + losses.market_value_usd, 0)
        ) <= {{ number_of('membership_rule', 'parent_loss_tolerance') }}
),

-- A first word that one other member has, and had the session before: were it gone, the child would be a rename.
parents_by_name as (
    select
        children.book_code,
        children.security_id,
        children.first_node
    from children
    inner join steps
        on
            children.book_code = steps.book_code
            and children.first_node = steps.node_no
            and children.previous_node = steps.node_before
            and children.first_word = steps.first_word
    where
        children.security_id <> steps.security_id
        and children.gap_sessions <= {{ number_of('membership_rule', 'parent_gap_sessions') }}
        and length(children.first_word) >= {{ number_of('membership_rule', 'parent_word_letters') }}
    group by children.book_code, children.security_id, children.first_node
    having count(*) = 1
)

select
    children.book_code,
    children.security_id,
    children.first_node,
    children.known_at,
    parents_by_price.security_id is not null as has_parent_by_price,
    parents_by_name.security_id is not null as has_parent_by_name,
    children.weight_rank,
    children.basis
from children
left join parents_by_price
    on
        children.book_code = parents_by_price.book_code
        and children.security_id = parents_by_price.security_id
        and children.first_node = parents_by_price.first_node
left join parents_by_name
    on
        children.book_code = parents_by_name.book_code
        and children.security_id = parents_by_name.security_id
        and children.first_node = parents_by_name.first_node
{% if before %}
    union all
    select known.*
    from {{ before }} as known
    inner join arrivals
        on
            known.book_code = arrivals.book_code
            and known.security_id = arrivals.security_id
            and known.first_node = arrivals.first_node
            and known.basis = arrivals.basis
{% endif %}
