{#
    "The most since": for every row of a series, the latest earlier day with an equal or more extreme value.

    Writes CTEs over a CTE `source`, the last of them `since` with the keys, the day, high_since (value at least as high)
    and low_since (at least as low); null where there is none since the series began. Rows without a value have none.
    Values are compared to twelve decimals, so that the noise of a division breaks no tie.

    A search back row by row is quadratic. Most rows find both answers among the six before them. The rest look first
    through their own block of 32, then at the highest and lowest value of each earlier block, and last through the rows
    of the one block found. Plain joins and aggregates, which DuckDB and Spark share.

    `earlier` names a CTE with the same columns and the rows before those of `source`, where only the later rows are asked
    for. What `source` does not answer is compared with each of them, so `source` should be short then.
#}
{% macro since_dates(source, keys, day, value, earlier=none) -%}
    {%- set listed = keys | join(', ') -%}
    since_numbered as (
        select
            {{ listed }},
            {{ day }} as day,
            round({{ value }}, 12) as x,
            cast(row_number() over (partition by {{ listed }} order by {{ day }} asc) - 1 as integer) as i
        from {{ source }}
        where {{ value }} is not null
    ),

    since_blocked as (
        select
            *,
            cast(floor(i / 32) as integer) as block
        from since_numbered
    ),

    since_lagged as (
        select
            *,
            {% for n in range(1, 7) %}
            lag(x, {{ n }}) over (partition by {{ listed }} order by day asc) as x_{{ n }},
            lag(day, {{ n }}) over (partition by {{ listed }} order by day asc) as day_{{ n }}{{ ',' if not loop.last }}
            {% endfor %}
        from since_blocked
    ),

    since_first as (
        select
            {{ listed }},
            day,
            x,
            i,
            block,
            case {% for n in range(1, 7) %}when x_{{ n }} >= x then day_{{ n }} {% endfor %}end as high_since,
            case {% for n in range(1, 7) %}when x_{{ n }} <= x then day_{{ n }} {% endfor %}end as low_since
        from since_lagged
    ),

    since_near as (
        select
            {% for key in keys %}this.{{ key }}, {% endfor %}
            this.day,
            this.x,
            this.block,
            coalesce(this.high_since, max(case when earlier.x >= this.x then earlier.day end)) as high_since,
            coalesce(this.low_since, max(case when earlier.x <= this.x then earlier.day end)) as low_since
        from since_first as this
        left join since_blocked as earlier
            on
                {% for key in keys %}this.{{ key }} = earlier.{{ key }} and {% endfor %}
                this.block = earlier.block
                and this.i > earlier.i
        where
            this.high_since is null
            or this.low_since is null
        group by
            {% for key in keys %}this.{{ key }}, {% endfor %}
            this.day, this.x, this.block, this.high_since, this.low_since
    ),

    since_blocks as (
        select
            {{ listed }},
            block,
            max(x) as highest,
            min(x) as lowest
        from since_blocked
        group by {{ listed }}, block
    ),

    {% for side, found, extreme, compare in [
        ('high', 'high_since', 'highest', '>='), ('low', 'low_since', 'lowest', '<=')
    ] %}
    since_{{ side }}_block as (
        select
            {% for key in keys %}near.{{ key }}, {% endfor %}
            near.day,
            near.x,
            max(blocks.block) as block
        from since_near as near
        inner join since_blocks as blocks
            on
                {% for key in keys %}near.{{ key }} = blocks.{{ key }} and {% endfor %}
                near.block > blocks.block
                and blocks.{{ extreme }} {{ compare }} near.x
        where near.{{ found }} is null
        group by {% for key in keys %}near.{{ key }}, {% endfor %} near.day, near.x
    ),

    since_{{ side }} as (
        select
            {% for key in keys %}far.{{ key }}, {% endfor %}
            far.day,
            max(earlier.day) as found
        from since_{{ side }}_block as far
        inner join since_blocked as earlier
            on
                {% for key in keys %}far.{{ key }} = earlier.{{ key }} and {% endfor %}
                far.block = earlier.block
                and earlier.x {{ compare }} far.x
        group by {% for key in keys %}far.{{ key }}, {% endfor %} far.day
    ),

    {% endfor %}
    {{ 'since_in_source' if earlier else 'since' }} as (
        select
            {% for key in keys %}this_day.{{ key }}, {% endfor %}
            this_day.day,
            {{ 'this_day.x,' if earlier }}
            coalesce(this_day.high_since, near.high_since, since_high.found) as high_since,
            coalesce(this_day.low_since, near.low_since, since_low.found) as low_since
        from since_first as this_day
        {% for name in ['since_near as near', 'since_high', 'since_low'] %}
        {%- set alias = name.split(' ')[-1] %}
        left join {{ name }}
            on
                {% for key in keys %}this_day.{{ key }} = {{ alias }}.{{ key }} and {% endfor %}
                this_day.day = {{ alias }}.day
        {% endfor %}
    )
    {%- if earlier %},

    since_before as (
        select
            {% for key in keys %}this.{{ key }}, {% endfor %}
            this.day,
            max(case when round(earlier.{{ value }}, 12) >= this.x then earlier.{{ day }} end) as high_since,
            max(case when round(earlier.{{ value }}, 12) <= this.x then earlier.{{ day }} end) as low_since
        from since_in_source as this
        inner join {{ earlier }} as earlier
            on {% for key in keys %}this.{{ key }} = earlier.{{ key }}{{ ' and ' if not loop.last }}{% endfor %}

        where
            this.high_since is null
            or this.low_since is null
        group by {% for key in keys %}this.{{ key }}, {% endfor %}this.day
    ),

    since as (
        select
            {% for key in keys %}this.{{ key }}, {% endfor %}
            this.day,
            coalesce(this.high_since, since_before.high_since) as high_since,
            coalesce(this.low_since, since_before.low_since) as low_since
        from since_in_source as this
        left join since_before
            on
                {% for key in keys %}this.{{ key }} = since_before.{{ key }} and {% endfor %}
                this.day = since_before.day
    )
    {%- endif %}
{%- endmacro %}
