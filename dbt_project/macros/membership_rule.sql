{# One of the dates and thresholds of `membership_rule` in dbt_project.yml, which says where each comes from. #}
{% macro membership_rule(name) -%}
    {%- set rules = var('membership_rule') -%}
    {%- if name not in rules -%}
        {{ exceptions.raise_compiler_error(
            'membership_rule in dbt_project.yml has no "' ~ name ~ '"; it has ' ~ (rules | list | sort | join(', '))
        ) }}
    {%- endif -%}
    {{ return(rules[name]) }}
{%- endmacro %}
