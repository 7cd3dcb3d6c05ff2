{{ config(schema='intermediate', contract={'enforced': false}) }}

-- What the files say about why a run of presence began: a spin-off shows a parent whose price fell by the child's value
-- on the same session or who shares its name; a fast entry is among the largest lines at once.
with nodes as (
    select
        vendor,
        fund,
        index_code,
        as_of_date,
        snapshot_seq,
        session_index,
        node_no,
        known_at,
        min(node_no) over (partition by index_code) as oldest_node
    from {{ ref('int_holding_snapshot') }}
    where
        index_code is not null
        and session_index is not null
),

-- the newest version of the as-of date before
previous_nodes as (
    select
        nodes.index_code,
        nodes.node_no,
        max(before.node_no) as previous_node
    from nodes
    inner join nodes as before
        on
            nodes.index_code = before.index_code
            and nodes.as_of_date > before.as_of_date
    group by nodes.index_code, nodes.node_no
),

beginnings as (
    select
        runs.index_code,
        runs.security_id,
        runs.first_node,
        runs.name,
        nodes.as_of_date,
        nodes.known_at,
        previous_nodes.previous_node,
        before.known_at as previous_known_at,
        nodes.session_index - before.session_index as gap_sessions,
        count(*) over (partition by runs.index_code, runs.first_node) as beginnings_in_file
    from {{ ref('int_security_run') }} as runs
    inner join nodes
        on
            runs.index_code = nodes.index_code
            and runs.first_node = nodes.node_no
    inner join previous_nodes
        on
            nodes.index_code = previous_nodes.index_code
            and nodes.node_no = previous_nodes.node_no
    inner join nodes as before
        on
            previous_nodes.index_code = before.index_code
            and previous_nodes.previous_node = before.node_no
),

-- Files that a few names only begin in. In the file after a reconstitution hundreds begin and dozens of prices jump:
-- chance would find a parent for many.
read_nodes as (
    select
        index_code,
        first_node as node_no
    from beginnings
    where beginnings_in_file <= 60
    union
    select
        index_code,
        previous_node as node_no
    from beginnings
    where beginnings_in_file <= 60
),

positions as (
    select
        nodes.index_code,
        nodes.node_no,
        lines.security_id,
        min_by(lines.name, lines.line_no) as name,
        cast(sum(cast(lines.market_value_usd as decimal(38, 4))) as double) as market_value_usd,
        cast(sum(cast(lines.weight_pct as decimal(18, 6))) as double) as weight_pct,
        cast(sum(cast(lines.shares as decimal(38, 4))) as double) as shares,
        max(lines.price_usd) as price_usd
    from read_nodes
    inner join nodes
        on
            read_nodes.index_code = nodes.index_code
            and read_nodes.node_no = nodes.node_no
    inner join {{ ref('int_holding_line') }} as lines
        on
            nodes.vendor = lines.vendor
            and nodes.fund = lines.fund
            and nodes.as_of_date = lines.as_of_date
            and nodes.snapshot_seq = lines.snapshot_seq
    where lines.is_constituent
    group by nodes.index_code, nodes.node_no, lines.security_id
),

ranked as (
    select
        *,
        rank() over (partition by index_code, node_no order by weight_pct desc) as weight_rank
    from positions
),

children as (
    select
        beginnings.index_code,
        beginnings.security_id,
        beginnings.first_node,
        beginnings.previous_node,
        beginnings.gap_sessions,
        beginnings.beginnings_in_file,
        greatest(beginnings.known_at, beginnings.previous_known_at) as known_at,
        split_part(upper(trim(beginnings.name)), ' ', 1) as first_word,
        ranked.market_value_usd,
        ranked.weight_rank
    from beginnings
    inner join ranked
        on
            beginnings.index_code = ranked.index_code
            and beginnings.security_id = ranked.security_id
            and beginnings.first_node = ranked.node_no
),

moves as (
    select
        files.index_code,
        files.first_node,
        after_line.security_id,
        after_line.price_usd / nullif(before_line.price_usd, 0) as price_ratio,
        median(after_line.price_usd / nullif(before_line.price_usd, 0)) over (
            partition by files.index_code, files.first_node
        ) as median_ratio,
        after_line.shares / nullif(before_line.shares, 0) as shares_ratio,
        after_line.market_value_usd
    from (
        select distinct
            index_code,
            first_node,
            previous_node
        from children
        where
            gap_sessions <= 3
            and beginnings_in_file <= 5
    ) as files
    inner join positions as after_line
        on
            files.index_code = after_line.index_code
            and files.first_node = after_line.node_no
    inner join positions as before_line
        on
            files.index_code = before_line.index_code
            and files.previous_node = before_line.node_no
            and after_line.security_id = before_line.security_id
),

-- The child's part of what parent and child are worth together is what the parent's price lost.
parents_by_price as (
    select distinct
        children.index_code,
        children.security_id,
        children.first_node
    from children
    inner join moves
        on
            children.index_code = moves.index_code
            and children.first_node = moves.first_node
            and children.security_id <> moves.security_id
    where
        moves.price_ratio / moves.median_ratio <= 0.94
        and moves.shares_ratio between 0.9 and 1.1
        and abs(
            1 - moves.price_ratio / moves.median_ratio
            - children.market_value_usd / nullif(children.market_value_usd + moves.market_value_usd, 0)
        ) <= 0.05
),

-- First words that one member only has.
words as (
    select
        index_code,
        node_no,
        split_part(upper(trim(name)), ' ', 1) as first_word
    from positions
    group by index_code, node_no, first_word
    having count(*) = 1
),

parents_by_name as (
    select
        children.index_code,
        children.security_id,
        children.first_node
    from children
    inner join words
        on
            children.index_code = words.index_code
            and children.previous_node = words.node_no
            and children.first_word = words.first_word
    -- the parent must be there still: otherwise it is the same company under another ticker
    inner join positions as kept
        on
            children.index_code = kept.index_code
            and children.first_node = kept.node_no
            and children.security_id <> kept.security_id
            and children.first_word = split_part(upper(trim(kept.name)), ' ', 1)
    where
        length(children.first_word) >= 6
        and children.gap_sessions <= 3
)

select
    children.index_code,
    children.security_id,
    children.first_node,
    children.known_at,
    parents_by_price.security_id is not null as has_parent_by_price,
    parents_by_name.security_id is not null as has_parent_by_name,
    children.weight_rank
from children
left join parents_by_price
    on
        children.index_code = parents_by_price.index_code
        and children.security_id = parents_by_price.security_id
        and children.first_node = parents_by_price.first_node
left join parents_by_name
    on
        children.index_code = parents_by_name.index_code
        and children.security_id = parents_by_name.security_id
        and children.first_node = parents_by_name.first_node
