{# What the two panels share, mart_symbol_daily by rows of sessions and mart_security_daily by ranges of them.

   The sums over the windows last_<n> of a row. The columns are log_return, x and y, whole numbers of 1e-14, whose sums
   are exact in any order, and ticks, the price as a decimal. #}
{% macro panel_sums(price, averages, n_high, n_vol, n_beta) -%}
        {%- for n in averages %}
        count({{ price }}) over last_{{ n }} as n_{{ n }},
        cast(sum(ticks) over last_{{ n }} as double) as sum_{{ n }},
        {%- endfor %}
        count({{ price }}) over last_{{ n_high }} as n_high,
        count(log_return) over last_{{ n_vol }} as n_vol,
        cast(sum(log_return) over last_{{ n_vol }} as double) / 1e14 as sum_l,
        cast(sum(log_return * log_return) over last_{{ n_vol }} as double) / 1e28 as sum_ll,
        count(x) over last_{{ n_beta }} as n_beta,
        cast(sum(x) over last_{{ n_beta }} as double) / 1e14 as sum_x,
        cast(sum(y) over last_{{ n_beta }} as double) / 1e14 as sum_y,
        cast(sum(x * y) over last_{{ n_beta }} as double) / 1e28 as sum_xy,
        cast(sum(y * y) over last_{{ n_beta }} as double) / 1e28 as sum_yy
{%- endmacro %}

{# Sums of squared deviations from the sums of panel_sums. #}
{% macro panel_deviations() -%}
        sum_ll - sum_l * sum_l / n_vol as ss_l,
        sum_xy - sum_x * sum_y / n_beta as ss_xy,
        sum_yy - sum_y * sum_y / n_beta as ss_yy
{%- endmacro %}
