{# Columbus Day and Veterans Day: the NYSE trades, bonds and the Federal Reserve do not. #}
{% macro is_bond_holiday(day) -%}
    (
            (month({{ day }}) = 10 and isodow({{ day }}) = 1 and day({{ day }}) between 8 and 14)
            or (month({{ day }}) = 11 and day({{ day }}) = 11)
            or (month({{ day }}) = 11 and day({{ day }}) = 12 and isodow({{ day }}) = 1)
        )
{%- endmacro %}
