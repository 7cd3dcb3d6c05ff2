{# n * sum(a*b) - sum(a) * sum(b): n * (n - 1) times the sample covariance. The sums come as exact decimals. #}
{% macro co_moment(n, sum_of_products, sum_a, sum_b) -%}
    ({{ n }} * cast({{ sum_of_products }} as double) - cast({{ sum_a }} as double) * cast({{ sum_b }} as double))
{%- endmacro %}

{# The same of a series with itself; what rounding leaves of a series without variance is 0. #}
{% macro own_moment(n, sum_of_squares, sum_a) -%}
    {%- set moment = co_moment(n, sum_of_squares, sum_a, sum_a) -%}
    (case when {{ moment }} > 1e-12 * {{ n }} * cast({{ sum_of_squares }} as double) then {{ moment }} else 0 end)
{%- endmacro %}

{# Share of the variance that a straight line explains. All but nothing left over is a perfect fit: what rounding leaves
   would make an error out of noise. Null without variance in either series. #}
{% macro r_squared(m_ab, m_aa, m_bb) -%}
    (
        case
            when {{ m_ab }} * {{ m_ab }} > (1 - 1e-12) * {{ m_aa }} * {{ m_bb }} and {{ m_aa }} * {{ m_bb }} > 0 then 1
            else {{ m_ab }} * {{ m_ab }} / nullif({{ m_aa }} * {{ m_bb }}, 0)
        end
    )
{%- endmacro %}

{# Standard error of the slope of a on b by least squares: independent errors of one variance, n - 2 degrees of freedom. #}
{% macro slope_error(n, m_ab, m_aa, m_bb) -%}
    sqrt({{ m_aa }} / nullif({{ m_bb }}, 0) * (1 - {{ r_squared(m_ab, m_aa, m_bb) }}) / ({{ n }} - 2))
{%- endmacro %}
