{% set remembered = remembers() %}

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
        -- the newest version of the as-of date before
        max(node_no) over (
            partition by index_code
            order by as_of_date
            range between unbounded preceding and interval 1 day preceding
        ) as previous_node
    from {{ ref('int_holding_file') }}
    where
        index_code is not null
        and session_index is not null
),

beginnings as (
    select
        runs.index_code,
        runs.security_id,
        runs.first_node,
        runs.name,
        nodes.as_of_date,
        nodes.known_at,
        nodes.previous_node,
        before.known_at as previous_known_at,
        nodes.session_index - before.session_index as gap_sessions,
        count(*) over (partition by runs.index_code, runs.first_node) as beginnings_in_file
    from {{ ref('int_presence') }} as runs
    inner join nodes
        on
            runs.index_code = nodes.index_code
            and runs.first_node = nodes.node_no
    inner join nodes as before
        on
            nodes.index_code = before.index_code
            and nodes.previous_node = before.node_no
),

bases as (
    select
        beginnings.index_code,
        beginnings.first_node,
        md5(concat_ws(
            ' ',
            any_value(this_file.lines_basis),
            any_value(file_before.lines_basis),
            string_agg(beginnings.security_id || coalesce(beginnings.name, ''), ' ' order by beginnings.security_id)
        )) as basis
    from beginnings
    left join {{ ref('int_evidence_basis') }} as this_file
        on
            beginnings.index_code = this_file.index_code
            and beginnings.first_node = this_file.node_no
    left join {{ ref('int_evidence_basis') }} as file_before
        on
            beginnings.index_code = file_before.index_code
            and beginnings.previous_node = file_before.node_no
    group by beginnings.index_code, beginnings.first_node
),

-- Files that a few names only begin in. In the file after a reconstitution hundreds begin and dozens of prices jump:
-- chance would find a parent for many.
unread as (
    select beginnings.*
    from beginnings
    {% if remembered %}
        inner join bases
            on
                beginnings.index_code = bases.index_code
                and beginnings.first_node = bases.first_node
        anti join {{ this }} as known
            on
                bases.index_code = known.index_code
                and bases.first_node = known.first_node
                and bases.basis = known.basis
    {% endif %}
    where beginnings.beginnings_in_file <= 60
),

-- with what lies between the two files, so that a line is compared with its nearest one whatever else is read
read_nodes as (
    select distinct
        index_code,
        unnest(range(previous_node, first_node + 1)) as node_no
    from unread
),

-- of few files the lines are picked out before anything is joined to all of them
read_lines as {{ 'materialized' if remembered else 'not materialized' }} (
    select
        nodes.index_code,
        nodes.node_no,
        lines.line_no,
        lines.identity_key,
        lines.name,
        lines.market_value_usd,
        lines.weight_pct,
        lines.shares,
        lines.price_usd
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
),

positions as (
    select
        lines.index_code,
        lines.node_no,
        resolution.security_id,
        split_part(upper(trim(min_by(lines.name, lines.line_no))), ' ', 1) as first_word,
        cast(sum(cast(lines.market_value_usd as decimal(38, 4))) as double) as market_value_usd,
        cast(sum(cast(lines.weight_pct as decimal(18, 6))) as double) as weight_pct,
        cast(sum(cast(lines.shares as decimal(38, 4))) as double) as shares,
        max(lines.price_usd) as price_usd
    from read_lines as lines
    inner join {{ ref('int_security_resolution') }} as resolution on lines.identity_key = resolution.identity_key
    group by lines.index_code, lines.node_no, resolution.security_id
),

steps as (
    select
        *,
        rank() over (partition by index_code, node_no order by weight_pct desc) as weight_rank,
        lag(node_no) over by_node as node_before,
        lag(price_usd) over by_node as price_before,
        lag(shares) over by_node as shares_before
    from positions
    window by_node as (partition by index_code, security_id order by node_no)
),

children as (
    select
        unread.index_code,
        unread.security_id,
        unread.first_node,
        unread.previous_node,
        unread.gap_sessions,
        unread.beginnings_in_file,
        greatest(unread.known_at, unread.previous_known_at) as known_at,
        split_part(upper(trim(unread.name)), ' ', 1) as first_word,
        steps.market_value_usd,
        steps.weight_rank
    from unread
    inner join steps
        on
            unread.index_code = steps.index_code
            and unread.security_id = steps.security_id
            and unread.first_node = steps.node_no
),

files as (
    select distinct
        index_code,
        first_node,
        previous_node
    from children
    where
        gap_sessions <= 3
        and beginnings_in_file <= 5
),

-- where the line before in the files read is that of the file before
moves as (
    select
        steps.index_code,
        steps.node_no as first_node,
        steps.security_id,
        steps.price_usd / nullif(steps.price_before, 0) as price_ratio,
        median(steps.price_usd / nullif(steps.price_before, 0)) over (
            partition by steps.index_code, steps.node_no
        ) as median_ratio,
        steps.shares / nullif(steps.shares_before, 0) as shares_ratio,
        steps.market_value_usd
    from steps
    inner join files
        on
            steps.index_code = files.index_code
            and steps.node_no = files.first_node
            and steps.node_before = files.previous_node
),

-- The child's part of what parent and child are worth together is what the parent's price lost.
losses as (
    select
        index_code,
        first_node,
        security_id,
        market_value_usd,
        1 - price_ratio / median_ratio as loss
    from moves
    where
        price_ratio / median_ratio <= 0.94
        and shares_ratio between 0.9 and 1.1
),

parents_by_price as (
    select distinct
        children.index_code,
        children.security_id,
        children.first_node
    from children
    inner join losses
        on
            children.index_code = losses.index_code
            and children.first_node = losses.first_node
    where
        children.security_id <> losses.security_id
        and abs(
            losses.loss
            - children.market_value_usd / nullif(children.market_value_usd + losses.market_value_usd, 0)
        ) <= 0.05
),

-- A first word that one other member has, and had the session before: were it gone, the child would be a rename.
parents_by_name as (
    select
        children.index_code,
        children.security_id,
        children.first_node
    from children
    inner join steps
        on
            children.index_code = steps.index_code
            and children.first_node = steps.node_no
            and children.previous_node = steps.node_before
            and children.first_word = steps.first_word
    where
        children.security_id <> steps.security_id
        and children.gap_sessions <= 3
        and length(children.first_word) >= 6
    group by children.index_code, children.security_id, children.first_node
    having count(*) = 1
)

select
    children.index_code,
    children.security_id,
    children.first_node,
    children.known_at,
    parents_by_price.security_id is not null as has_parent_by_price,
    parents_by_name.security_id is not null as has_parent_by_name,
    children.weight_rank,
    bases.basis,
    '{{ logic_of("int_arrival_evidence") }}' as logic
from children
inner join bases
    on
        children.index_code = bases.index_code
        and children.first_node = bases.first_node
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
{% if remembered %}
    union all
    select known.*
    from {{ this }} as known
    inner join bases
        on
            known.index_code = bases.index_code
            and known.first_node = bases.first_node
            and known.basis = bases.basis
{% endif %}
