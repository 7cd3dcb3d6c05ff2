{# The clock, the newest closed session and the first session of this build, as typed SQL. #}

{% macro now_at() -%}
    cast('{{ var("now_at") }}' as timestamp with time zone)
{%- endmacro %}

{# The New York date of the clock; computed here, because engines disagree on how to convert a moment. #}
{% macro clock_date() -%}
    {%- set new_york = modules.pytz.timezone('America/New_York') -%}
    cast('{{ modules.datetime.datetime.fromisoformat(var("now_at")).astimezone(new_york).date() }}' as date)
{%- endmacro %}

{% macro as_of_session() -%}
    cast('{{ var("as_of_session") }}' as date)
{%- endmacro %}

{% macro start_date() -%}
    cast('{{ var("start_date") }}' as date)
{%- endmacro %}

{# The moment a New York wall clock shows a time (`HH:MM:SS`) on a date. #}
{% macro new_york_moment(day, clock) -%}
    timezone('America/New_York', {{ day }} + time '{{ clock }}')
{%- endmacro %}

{# The New York date of a moment. #}
{% macro new_york_date(moment) -%}
    {{ return(adapter.dispatch('new_york_date', 'smallcap')(moment)) }}
{%- endmacro %}

{% macro duckdb__new_york_date(moment) -%}
    cast(timezone('America/New_York', {{ moment }}) as date)
{%- endmacro %}

{# Spark's moment shows the wall clock of the session's zone, from which the conversion starts. #}
{% macro spark__new_york_date(moment) -%}
    cast(convert_timezone('America/New_York', cast({{ moment }} as timestamp_ntz)) as date)
{%- endmacro %}
