{# One of the named numbers of a rule in the variables of dbt_project.yml, which says where each comes from. #}
{% macro number_of(rule, name) -%}
    {%- set numbers = var(rule) -%}
    {%- if name not in numbers -%}
        {{ exceptions.raise_compiler_error(
            rule ~ ' in dbt_project.yml has no "' ~ name ~ '"; it has ' ~ (numbers | list | sort | join(', '))
        ) }}
    {%- endif -%}
    {{ return(numbers[name]) }}
{%- endmacro %}

{# Of `membership_rule`: the dates and thresholds of stays. #}
{% macro membership_rule(name) -%}
    {{ return(number_of('membership_rule', name)) }}
{%- endmacro %}

{# Of `split_rule`: what tells a split of a member from trades. #}
{% macro split_rule(name) -%}
    {{ return(number_of('split_rule', name)) }}
{%- endmacro %}
