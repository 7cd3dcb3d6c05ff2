{# Whether a value meets the rule of its signal; false where there is no value. #}
{% macro is_triggered(value, rule) -%}
    coalesce(
        case {{ rule }}.comparison
            when '<' then {{ value }} < {{ rule }}.threshold
            when '<=' then {{ value }} <= {{ rule }}.threshold
            when '>' then {{ value }} > {{ rule }}.threshold
            when '>=' then {{ value }} >= {{ rule }}.threshold
            when 'between' then {{ value }} >= {{ rule }}.threshold and {{ value }} < {{ rule }}.threshold_upper
        end,
        false
    )
{%- endmacro %}
