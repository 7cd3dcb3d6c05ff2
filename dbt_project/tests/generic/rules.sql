{#
    What must hold in one table. All of it is one test, because dbt needs more time for a test than DuckDB for its rows.
    Each rule that is broken gives one row: the rule, how many rows break it, and the query that shows these rows, from
    which the build takes an example.

    primary_key: columns that are never null and whose values together occur once.
    numbered_by: the last column of that key, where it numbers the rows of a part from 1 on. Counting bits instead of
        grouping all rows takes a tenth of the time on tens of millions.
    other_keys: lists of columns that are keys as well.
    each_row: expressions over the columns that are false for no row; where one is null, the row passes. A pair of
        `name: expression` says in words what the expression means.
#}
{% test rules(model, primary_key=none, numbered_by=none, other_keys=[], each_row=[]) %}
    {%- set names = [] -%}
    {%- set queries = [] -%}
    {%- for columns in ([primary_key] if primary_key else []) + other_keys -%}
        {%- set number = numbered_by if columns == primary_key else none -%}
        {%- set grouped = columns | reject('equalto', number) | list -%}
        {%- set rows_query -%}
            select {{ grouped | join(', ') }}, count(*) as occurrences from {{ model }}
            group by {{ grouped | join(', ') }}
            having
                {% if number %}count(*) <> coalesce(bit_count(bitstring_agg({{ number }}, 0, 65535)), 0)
                {%- else %}count(*) > 1{% endif %}
                {%- for column in grouped %} or {{ column }} is null{% endfor %}
        {%- endset -%}
        {%- set rule -%}
            select
                '{{ dbt.escape_single_quotes('key ' ~ columns | join(', ')) }}' as rule,
                count(*) as failing_rows,
                '{{ dbt.escape_single_quotes(rows_query) }}' as rows_query
            from ({{ rows_query }})
        {%- endset -%}
        {%- do names.append('key ' ~ columns | join(', ')) -%}
        {%- do queries.append(rule) -%}
    {%- endfor -%}
    {%- if each_row -%}
        {%- set counts = [] -%}
        {%- for given in each_row -%}
            {%- for name, expression in (given.items() if given is mapping else [(given, given)]) -%}
                {%- set rows_query = 'select * from ' ~ model ~ ' where not (' ~ expression ~ ')' -%}
                {%- set count -%}
                    {
                        'rule': '{{ dbt.escape_single_quotes(name) }}',
                        'failing_rows': count_if(not ({{ expression }})),
                        'rows_query': '{{ dbt.escape_single_quotes(rows_query) }}'
                    }
                {%- endset -%}
                {%- do names.append(name) -%}
                {%- do counts.append(count) -%}
            {%- endfor -%}
        {%- endfor -%}
        {%- do queries.append('select unnest([' ~ counts | join(', ') ~ '], recursive := true) from ' ~ model) -%}
    {%- endif %}
    {#- Dagster shows this description beside the result #}
    {{ config(fail_calc='cast(coalesce(sum(failing_rows), 0) as bigint)', meta={'description': names | join('; ')}) }}
    select
        rule,
        failing_rows,
        rows_query
    from ({{ queries | join(' union all ') }})
    where failing_rows > 0
{% endtest %}
