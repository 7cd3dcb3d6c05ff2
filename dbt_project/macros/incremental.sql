{#
    Tables that take over rows of the last build. A row may be kept where a build from nothing would make the same one.
    Two things can make it another: other code, seeds or settings, or other data. The first is seen before dbt begins:
    orchestration/build/growth.py has every row computed then, with `--full-refresh`. The second is seen here.

    A table that grows is written anew at every build. It copies the rows whose inputs are as they were from the table that
    it replaces, and computes the others.
#}

{#
    What a table that grows keeps from the last build. `step` is the model that says which of its input rows changed.

    Returns the table that this model replaces, as `rows`, and that step, as `changes`; none where everything is computed:
    in a full build, in the first one, and in unit tests. A model then has one more source of rows, and joins its inputs
    to the changes to compute what is left.
#}
{% macro kept_by(step) -%}
    {%- if model.resource_type != 'model' -%}
        {{ return(none) }}
    {%- endif -%}
    {#- named before anything else, because dbt learns from it what this model stands on -#}
    {%- set changes = ref(step) -%}
    {%- set rows = predecessor() -%}
    {{ return({'rows': rows, 'changes': changes} if rows else none) }}
{%- endmacro %}

{# The table that this model replaces; none in a full build and in the first one. #}
{% macro predecessor() -%}
    {{ return(this if keeps_rows() else none) }}
{%- endmacro %}

{# Whether there is a table that this model replaces and may take rows from; never in unit tests that do not say so. #}
{% macro keeps_rows() -%}
    {%- if not execute or flags.FULL_REFRESH or model.resource_type != 'model' -%}
        {{ return(false) }}
    {%- endif -%}
    {{ return(adapter.get_relation(this.database, this.schema, this.table) is not none) }}
{%- endmacro %}

{#
    Ends a model that says what changed since the last build, over a CTE `digests` with the columns `key`, `at` and
    digest. A row is changed if it, or any earlier row of its key, is new or has another digest, or if an earlier one is
    gone: a table that never looks ahead can keep all rows before.
#}
{% macro changed_since_last_build(key, at) -%}
    {%- set before = predecessor() -%}
    {%- if before %}
    changed as (
        select
            {{ key }},
            min({{ at }}) as changed_from
        from digests
        full join {{ before }} as before using ({{ key }}, {{ at }})
        where digests.digest is distinct from before.digest
        group by {{ key }}
    )

    select
        digests.{{ key }},
        digests.{{ at }},
        digests.digest,
        coalesce(digests.{{ at }} >= changed.changed_from, false) as is_changed
    from digests
    left join changed on digests.{{ key }} = changed.{{ key }}
    {%- else %}
    every_row as (
        select * from digests
    )

    select
        {{ key }},
        {{ at }},
        digest,
        true as is_changed
    from every_row
    {%- endif %}
{%- endmacro %}

{#
    Two tables are too large to be written anew: new lines are appended to them. Where a build from nothing would hold
    other rows, as after a clock set back, a raw zone restored or a file that came late into the middle, they are built
    anew. dbt asks this macro; its own answer knows `--full-refresh` only.
#}
{% macro should_full_refresh() -%}
    {%- set asked = config.get('full_refresh') -%}
    {%- if asked is none -%}
        {%- set asked = flags.FULL_REFRESH -%}
    {%- endif -%}
    {%- if asked or not execute or model.config.materialized != 'incremental' -%}
        {{ return(asked) }}
    {%- endif -%}
    {%- set relation = adapter.get_relation(this.database, this.schema, this.table) -%}
    {%- if relation is none -%}
        {{ return(true) }}
    {%- endif -%}
    {#- dbt asks several times, before and after the rows are in; the graph is what one run of dbt shares -#}
    {%- set asked_before = 'outdated ' ~ this -%}
    {%- if asked_before not in graph -%}
        {%- do graph.update({asked_before: run_query(context['outdated_' ~ model.name](relation)).rows | length > 0}) -%}
    {%- endif -%}
    {{ return(graph[asked_before]) }}
{%- endmacro %}

{# Files the table holds and the raw zone does not, or not so, at this clock. #}
{% macro outdated_int_holding_line(relation) -%}
    with stored as (
        select
            snapshot_seq,
            count(*) as lines,
            sum(cast(hash(payload_sha256) as hugeint)) as payloads
        from {{ relation }}
        group by snapshot_seq
    ),

    raw as (
        select
            ingest_seq,
            count(*) as lines,
            sum(cast(hash(payload_sha256) as hugeint)) as payloads
        from (
            select
                ingest_seq,
                payload_sha256
            from {{ ref('stg_holding') }}
            union all
            select
                ingest_seq,
                payload_sha256
            from {{ ref('int_filing_line') }}
        ) as files
        group by ingest_seq
    )

    select stored.snapshot_seq
    from stored
    left join raw on stored.snapshot_seq = raw.ingest_seq
    where
        stored.lines is distinct from raw.lines
        or stored.payloads is distinct from raw.payloads
{%- endmacro %}

{# The appends not yet in int_holding_line, as a list: constants let the reader skip the other files. #}
{% macro new_holding_sequences() -%}
    {%- set found = run_query(
        'select ingest_seq from (select ingest_seq from ' ~ ref('stg_holding')
        ~ ' union select ingest_seq from ' ~ ref('int_filing_line') ~ ') as files'
        ~ ' where ingest_seq not in (select distinct snapshot_seq from ' ~ this ~ ') order by ingest_seq'
    ) -%}
    {{ return(found.columns[0].values() | join(', ') if found.rows | length else 'null') }}
{%- endmacro %}

{# What the nodes of a book are, in order; aggregates over int_holding_file. Where it is equal, the lines are. #}
{% macro basis_of() -%}
    md5(string_agg(concat_ws(' ', as_of_date, snapshot_seq, payload_sha256), ',' order by node_no))
{%- endmacro %}

{# Books whose files up to the newest one read are no longer those that were read. #}
{% macro outdated_int_security_identity(relation) -%}
    with known as (
        select
            book_code,
            max(through_node) as through_node,
            max_by(basis, through_node) as basis
        from {{ relation }}
        group by book_code
    ),

    files as (
        select snapshots.*
        from known
        inner join {{ ref('int_holding_file') }} as snapshots
            on
                known.book_code = snapshots.book_code
                and known.through_node >= snapshots.node_no
    ),

    now as (
        select
            book_code,
            {{ basis_of() }} as basis
        from files
        group by book_code
    )

    select known.book_code
    from known
    left join now on known.book_code = now.book_code
    where known.basis is distinct from now.basis
{%- endmacro %}
