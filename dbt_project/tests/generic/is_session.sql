{# Dates up to the newest session that are no session. Later ones pass: a build of the past knows no later sessions. #}
{% test is_session(model, column_name) %}
    select days.{{ column_name }}
    from {{ model }} as days
    left join {{ ref('dim_session') }} as sessions on days.{{ column_name }} = sessions.session_date
    where
        sessions.session_date is null
        and days.{{ column_name }} <= {{ as_of_session() }}
{% endtest %}
