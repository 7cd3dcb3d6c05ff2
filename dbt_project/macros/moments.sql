{# n * sum(a*b) - sum(a) * sum(b): n * (n - 1) times the sample covariance. The sums come as exact decimals. #}
{% macro co_moment(n, sum_of_products, sum_a, sum_b) -%}
    ({{ n }} * cast({{ sum_of_products }} as double) - cast({{ sum_a }} as double) * cast({{ sum_b }} as double))
{%- endmacro %}

{# The same of a series with itself; what rounding leaves of a series without variance is 0. #}
{% macro own_moment(n, sum_of_squares, sum_a) -%}
    {%- set moment = co_moment(n, sum_of_squares, sum_a, sum_a) -%}
    (case when {{ moment }} > 1e-12 * {{ n }} * cast({{ sum_of_squares }} as double) then {{ moment }} else 0 end)
{%- endmacro %}
