{# The clock, the newest closed session and the first session of this build, as typed SQL. #}

{#
    A fact of this build, from the one row that the build writes before dbt runs. Facts are data and no `--vars`, because
    dbt parses the whole project anew whenever vars change. A var of the same name wins: unit tests set them, and so can
    whoever runs dbt by hand. dbt reads the row once: the graph is what one run of dbt shares.
#}
{% macro run_fact(name) -%}
    {%- set given = var(name, none) -%}
    {%- if given is not none -%}
        {{ return(given) }}
    {%- endif -%}
    {#- no row is read while dbt parses, nor where SQL style is checked; any date will do then -#}
    {%- if not execute or target.name == 'lint' -%}
        {{ return('2999-12-31 23:59:59-05:00' if name == 'now_at' else '2999-12-31') }}
    {%- endif -%}
    {%- if 'run facts' not in graph -%}
        {%- set found = run_query('select * from ' ~ source('reference', 'run')) -%}
        {%- do graph.update({'run facts': dict(zip(found.column_names, found.rows[0].values()))}) -%}
    {%- endif -%}
    {{ return(graph['run facts'][name]) }}
{%- endmacro %}

{% macro now_at() -%}
    cast('{{ run_fact("now_at") }}' as timestamp with time zone)
{%- endmacro %}

{# The New York date of the clock; computed here, because engines disagree on how to convert a moment. #}
{% macro clock_date() -%}
    {%- set new_york = modules.pytz.timezone('America/New_York') -%}
    cast('{{ modules.datetime.datetime.fromisoformat(run_fact("now_at")).astimezone(new_york).date() }}' as date)
{%- endmacro %}

{% macro as_of_session() -%}
    cast('{{ run_fact("as_of_session") }}' as date)
{%- endmacro %}

{% macro start_date() -%}
    cast('{{ run_fact("start_date") }}' as date)
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
