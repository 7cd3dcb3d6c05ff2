{# Whether the weights of the lines of a holdings file, in percent, add up to a whole portfolio; an aggregate over the
   lines of one file. The numbers are those of `whole_file` in dbt_project.yml. #}
{% macro is_whole_file(weight, is_constituent) -%}
    sum({{ weight }}) between
        {{ number_of('whole_file', 'lowest_pct') }} - {{ number_of('whole_file', 'zero_weight_pct') }}
        * count(case when {{ is_constituent }} and {{ weight }} = 0 then 1 end)
        and {{ number_of('whole_file', 'highest_pct') }}
{%- endmacro %}
