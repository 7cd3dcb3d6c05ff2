{# Of the figures of fct_macro_observation that come at one moment for one date, the newest vintage; for `qualify`. #}
{% macro is_newest_at_once() -%}
    row_number() over (partition by series_id, observation_date, available_at order by realtime_start desc) = 1
{%- endmacro %}
