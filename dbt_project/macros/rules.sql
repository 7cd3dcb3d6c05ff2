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
