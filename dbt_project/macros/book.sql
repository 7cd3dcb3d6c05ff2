{#
    Membership is read from books. The book of an index holds the files of its fund from all sources, R2000; the book of
    one source holds those of that source, R2000/sec. These macros are the only place that knows how a book is named.
#}
{% macro book_code(index_code, source) -%}
    {{ index_code }} || case when {{ source }} = 'all' then '' else '/' || {{ source }} end
{%- endmacro %}

{# The index a book is of. #}
{% macro index_of(book_code) -%}
    split_part({{ book_code }}, '/', 1)
{%- endmacro %}

{# The source whose files a book holds: `all`, or a vendor. #}
{% macro source_of(book_code) -%}
    coalesce(nullif(split_part({{ book_code }}, '/', 2), ''), 'all')
{%- endmacro %}

{# Whether a vendor's files are reports to the SEC: a quarter apart, with collateral, without tickers and sectors. #}
{% macro is_report(vendor) -%}
    {{ vendor }} = 'sec'
{%- endmacro %}
