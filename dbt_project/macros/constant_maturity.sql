{# A volatility at a number of days, from two around it: linear in total variance, the square times the time. #}
{% macro constant_maturity_vol(vol_near, days_near, vol_far, days_far, days) -%}
    case
            when {{ days_near }} = {{ days_far }} then {{ vol_near }}
            else
                sqrt(
                    (
                        {{ vol_near }} * {{ vol_near }} * {{ days_near }} * ({{ days_far }} - {{ days }})
                        + {{ vol_far }} * {{ vol_far }} * {{ days_far }} * ({{ days }} - {{ days_near }})
                    ) / ({{ days }}.0 * ({{ days_far }} - {{ days_near }}))
                )
        end
{%- endmacro %}
