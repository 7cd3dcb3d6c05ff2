{#
    For every row of a series, how many earlier values are lower and how many are equal: what an expanding percentile needs.

    Writes CTEs over a CTE `source` whose rows are numbered 1, 2, … in the integer column `position`; the last of them is
    `values_before` with the keys, position, below and equal.

    Comparing each row with all before it is quadratic. Here the rows are cut into blocks of 64 twice, by position and by
    rank of value. Rows of an earlier block and a lower rank block are counted through running sums over the grid of the
    two; only rows that share one of the blocks are compared. Counts are exact, so the later rows that shape the rank blocks
    change nothing. Plain joins and aggregates, which DuckDB and Spark share.
#}
{% macro values_before(source, keys, position, value) -%}
    {%- set listed = keys | join(', ') -%}
    before_ranked as (
        select
            {{ listed }},
            {{ position }} as i,
            {{ value }} as x,
            cast(floor({{ position }} / 64) as integer) as block,
            -- equal values have one rank, hence one block
            cast(floor(rank() over (partition by {{ listed }} order by {{ value }} asc) / 64) as integer) as rank_block
        from {{ source }}
    ),

    before_cells as (
        select
            {% for key in keys %}blocks.{{ key }}, {% endfor %}
            blocks.block,
            rank_blocks.rank_block,
            coalesce(counts.n, 0) as n
        from (select distinct {{ listed }}, block from before_ranked) as blocks
        inner join (select distinct {{ listed }}, rank_block from before_ranked) as rank_blocks
            on {% for key in keys %}blocks.{{ key }} = rank_blocks.{{ key }}{{ ' and ' if not loop.last }}{% endfor %}

        left join (
            select
                {{ listed }},
                block,
                rank_block,
                count(*) as n
            from before_ranked
            group by {{ listed }}, block, rank_block
        ) as counts
            on
                {% for key in keys %}blocks.{{ key }} = counts.{{ key }} and {% endfor %}
                blocks.block = counts.block
                and rank_blocks.rank_block = counts.rank_block
    ),

    before_earlier as (
        select
            {{ listed }},
            block,
            rank_block,
            sum(n) over (
                partition by {{ listed }}, rank_block
                order by block asc
                rows between unbounded preceding and 1 preceding
            ) as n_earlier
        from before_cells
    ),

    before_grid as (
        select
            {{ listed }},
            block,
            rank_block,
            sum(n_earlier) over (
                partition by {{ listed }}, block
                order by rank_block asc
                rows between unbounded preceding and 1 preceding
            ) as n_lower
        from before_earlier
    ),

    before_compared as (
        {% for shared, later in [('block', 'i'), ('rank_block', 'block')] %}
        select
            {% for key in keys %}this.{{ key }}, {% endfor %}
            this.i,
            count(case when earlier.x < this.x then 1 end) as n_lower,
            count(case when earlier.x = this.x then 1 end) as n_equal
        from before_ranked as this
        inner join before_ranked as earlier
            on
                {% for key in keys %}this.{{ key }} = earlier.{{ key }} and {% endfor %}
                this.{{ shared }} = earlier.{{ shared }}
                and this.{{ later }} > earlier.{{ later }}
        group by {% for key in keys %}this.{{ key }}, {% endfor %} this.i
        union all
        {% endfor %}
        select
            {% for key in keys %}this.{{ key }}, {% endfor %}
            this.i,
            grid.n_lower,
            0 as n_equal
        from before_ranked as this
        inner join before_grid as grid
            on
                {% for key in keys %}this.{{ key }} = grid.{{ key }} and {% endfor %}
                this.block = grid.block
                and this.rank_block = grid.rank_block
    ),

    values_before as (
        select
            {{ listed }},
            i as position,
            cast(coalesce(sum(n_lower), 0) as bigint) as below,
            cast(coalesce(sum(n_equal), 0) as bigint) as equal
        from before_compared
        group by {{ listed }}, i
    )
{%- endmacro %}
