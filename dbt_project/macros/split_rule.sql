{# One of the numbers of `split_rule` in dbt_project.yml, which says where each comes from. #}
{% macro split_rule(name) -%}
    {{ return(var('split_rule')[name]) }}
{%- endmacro %}
