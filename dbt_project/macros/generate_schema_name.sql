{# staging and seeds live in schemas of that name, everything published in main: no prefix by target. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ custom_schema_name or 'main' }}
{%- endmacro %}
