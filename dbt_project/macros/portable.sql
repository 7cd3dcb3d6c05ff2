{#
    Everything DuckDB and Spark spell differently in the panel models. A model that calls only these, and plain SQL,
    runs on both. Each macro returns a DATE or a moment, never a TIMESTAMP that looks like a date.
#}

{% macro add_days(day, count) -%}
    {{ return(adapter.dispatch('add_days', 'smallcap')(day, count)) }}
{%- endmacro %}

{% macro duckdb__add_days(day, count) -%}
    cast({{ day }} + {{ count }} * interval 1 day as date)
{%- endmacro %}

{% macro spark__add_days(day, count) -%}
    date_add({{ day }}, {{ count }})
{%- endmacro %}

{# The same day of another month; the last day of that month where it is shorter. #}
{% macro add_months(day, count) -%}
    {{ return(adapter.dispatch('add_months', 'smallcap')(day, count)) }}
{%- endmacro %}

{% macro duckdb__add_months(day, count) -%}
    cast({{ day }} + {{ count }} * interval 1 month as date)
{%- endmacro %}

{% macro spark__add_months(day, count) -%}
    add_months({{ day }}, {{ count }})
{%- endmacro %}

{# Calendar days from the first date to the last. #}
{% macro days_between(first, last) -%}
    {{ return(adapter.dispatch('days_between', 'smallcap')(first, last)) }}
{%- endmacro %}

{% macro duckdb__days_between(first, last) -%}
    date_diff('day', {{ first }}, {{ last }})
{%- endmacro %}

{% macro spark__days_between(first, last) -%}
    datediff({{ last }}, {{ first }})
{%- endmacro %}

{# First day of the month, quarter or year a date lies in; Spark's date_trunc answers a timestamp, hence the cast. #}
{% macro period_start(period, day) -%}
    cast(date_trunc('{{ period }}', {{ day }}) as date)
{%- endmacro %}

{# The n-th Friday of the month that starts on a date. date_trunc('week') is Monday on both engines; day-of-week
   numbers are not the same. #}
{% macro nth_friday(month_start, n) -%}
    {{ add_days(period_start('week', add_days(month_start, 2)), 7 * n - 3) }}
{%- endmacro %}

{# A hash of some columns as a whole number, null counted as a value. It is compared within one engine only. #}
{% macro digest(columns) -%}
    {{ return(adapter.dispatch('digest', 'smallcap')(columns)) }}
{%- endmacro %}

{% macro duckdb__digest(columns) -%}
    hash({{ columns | join(', ') }})
{%- endmacro %}

{% macro spark__digest(columns) -%}
    xxhash64({{ columns | join(', ') }})
{%- endmacro %}
