{#
    Rows whose key is incomplete or not unique. Where the last column numbers the rows of a part from 1 on, naming it in
    `numbered_by` counts bits instead of grouping all rows: a tenth of the time on tens of millions.
#}
{% test primary_key(model, columns, numbered_by=none) %}
    {%- set grouped = columns | reject('equalto', numbered_by) | list %}
    select
        {{ grouped | join(', ') }},
        count(*) as occurrences
    from {{ model }}
    group by {{ grouped | join(', ') }}
    having
        {% if numbered_by %}count(*) <> coalesce(bit_count(bitstring_agg({{ numbered_by }}, 0, 65535)), 0){% else %}count(*) > 1{% endif %}
        {% for column in grouped %}or {{ column }} is null{{ ' ' if not loop.last }}{% endfor %}
{% endtest %}

{# Rows outside a closed range. Null passes: whether a value must be there is another test. #}
{% test accepted_range(model, column_name, min_value=none, max_value=none) %}
    select {{ column_name }}
    from {{ model }}
    where
        false
        {% if min_value is not none %}or {{ column_name }} < {{ min_value }}{% endif %}
        {% if max_value is not none %}or {{ column_name }} > {{ max_value }}{% endif %}
{% endtest %}

{# Rows for which an expression over the model's columns is false. #}
{% test expression_is_true(model, expression) %}
    select *
    from {{ model }}
    where not ({{ expression }})
{% endtest %}

{# Dates up to the newest session that are no session. Later ones pass: a build of the past knows no later sessions. #}
{% test is_session(model, column_name) %}
    select days.{{ column_name }}
    from {{ model }} as days
    left join {{ ref('dim_session') }} as sessions on days.{{ column_name }} = sessions.session_date
    where
        sessions.session_date is null
        and days.{{ column_name }} <= {{ as_of_session() }}
{% endtest %}
