{# How well files date what happened between them, by how many sessions stand between them at most. #}
{% macro gap_confidence(gap_sessions) -%}
    case
        when {{ gap_sessions }} <= {{ number_of('membership_rule', 'high_confidence_gap_sessions') }} then 'HIGH'
        when {{ gap_sessions }} <= {{ number_of('membership_rule', 'medium_confidence_gap_sessions') }} then 'MEDIUM'
        else 'LOW'
    end
{%- endmacro %}

{# A list of words as SQL literals. #}
{% macro quoted(words) -%}
    '{{ words | join("', '") }}'
{%- endmacro %}
