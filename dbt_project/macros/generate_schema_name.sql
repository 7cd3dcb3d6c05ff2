{# Seeds, staging and private models live in schemas of those names, what is published in main: no prefix by target. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ custom_schema_name or 'main' }}
{%- endmacro %}
