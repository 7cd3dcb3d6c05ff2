{#
    When an incremental table is built anew. dbt asks this macro; its own answer knows `--full-refresh` only.

    A table is appended to as long as a build from nothing would hold the same rows and some more. Otherwise, a changed
    rule, a clock set back, a raw zone restored, a file that came late into the middle, it is built anew.
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
    {%- set columns = adapter.get_columns_in_relation(relation) | map(attribute='name') | list -%}
    {%- if 'logic' not in columns -%}
        {{ return(true) }}
    {%- endif -%}
    {#- dbt asks several times, before and after the rows are in; the graph is what one run of dbt shares -#}
    {%- set asked_before = 'outdated ' ~ this -%}
    {%- if asked_before not in graph -%}
        {%- do graph.update({asked_before: run_query(context['outdated_' ~ model.name](relation)).rows | length > 0}) -%}
    {%- endif -%}
    {{ return(graph[asked_before]) }}
{%- endmacro %}

{# Changes when one of these models or seeds does, or, for a model that reads them, a rule of membership. #}
{% macro logic_of() -%}
    {%- set parts = [] -%}
    {%- if execute -%}
        {%- for node in graph.get('nodes', {}).values() if node.name in varargs and node.resource_type in ('model', 'seed') -%}
            {%- do parts.append(node.name ~ (node.checksum.checksum if node.resource_type == 'seed' else node.raw_code)) -%}
            {%- if 'membership_rule(' in (node.raw_code or '') -%}
                {%- do parts.append(tojson(var('membership_rule'), sort_keys=true)) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(local_md5(parts | sort | join('|'))) }}
{%- endmacro %}

{# Files the table holds and the raw zone does not, or not so, at this clock, or that were judged by other rules. #}
{% macro outdated_int_holding_line(relation) -%}
    with stored as (
        select
            snapshot_seq,
            count(*) as lines,
            max(payload_sha256) as payload_sha256,
            min(logic) as first_logic,
            max(logic) as last_logic
        from {{ relation }}
        group by snapshot_seq
    ),

    raw as (
        select
            ingest_seq,
            count(*) as lines,
            max(payload_sha256) as payload_sha256
        from {{ ref('stg_holding') }}
        group by ingest_seq
    )

    select stored.snapshot_seq
    from stored
    left join raw on stored.snapshot_seq = raw.ingest_seq
    where
        stored.lines is distinct from raw.lines
        or stored.payload_sha256 is distinct from raw.payload_sha256
        or stored.first_logic <> '{{ logic_of("int_holding_line", "stg_holding", "holding_exclusion_rule") }}'
        or stored.first_logic <> stored.last_logic
{%- endmacro %}

{# The appends not yet in int_holding_line, as a list: constants let the reader skip the other files. #}
{% macro new_holding_sequences() -%}
    {%- set found = run_query(
        'select distinct ingest_seq from ' ~ ref('stg_holding')
        ~ ' where ingest_seq not in (select distinct snapshot_seq from ' ~ this ~ ') order by ingest_seq'
    ) -%}
    {{ return(found.columns[0].values() | join(', ') if found.rows | length else 'null') }}
{%- endmacro %}

{# What the nodes of a fund are, in order; aggregates over int_holding_file. Where it is equal, the lines are. #}
{% macro basis_of() -%}
    md5(string_agg(concat_ws(' ', as_of_date, snapshot_seq, payload_sha256, logic), ',' order by node_no))
{%- endmacro %}

{# Funds whose files up to the newest one read are no longer those that were read. #}
{% macro outdated_int_security_identity(relation) -%}
    with known as (
        select
            fund,
            max(through_node) as through_node,
            max_by(basis, through_node) as basis,
            min(logic) as first_logic,
            max(logic) as last_logic
        from {{ relation }}
        group by fund
    ),

    files as (
        select snapshots.*
        from known
        inner join {{ ref('int_holding_file') }} as snapshots
            on
                known.fund = snapshots.fund
                and known.through_node >= snapshots.node_no
    ),

    now as (
        select
            fund,
            {{ basis_of() }} as basis
        from files
        group by fund
    )

    select known.fund
    from known
    left join now on known.fund = now.fund
    where
        known.basis is distinct from now.basis
        or known.first_logic <> '{{ logic_of("int_security_identity") }}'
        or known.last_logic <> '{{ logic_of("int_security_identity") }}'
{%- endmacro %}

{#
    Whether a table that is written anew at every build may take rows from the one it replaces: those whose basis, a hash
    of all they rest on, is still the same. `logic` is the hash of the rules of today; the rows carry that of theirs.
#}
{% macro remembers(logic) -%}
    {%- if not execute or flags.FULL_REFRESH -%}
        {{ return(false) }}
    {%- endif -%}
    {%- set relation = adapter.get_relation(this.database, this.schema, this.table) -%}
    {%- if relation is none -%}
        {{ return(false) }}
    {%- endif -%}
    {%- set columns = adapter.get_columns_in_relation(relation) | map(attribute='name') | list -%}
    {%- if 'logic' not in columns -%}
        {{ return(false) }}
    {%- endif -%}
    {%- set other = run_query(
        "select 1 from " ~ relation ~ " where logic is distinct from '" ~ logic ~ "' limit 1"
    ) -%}
    {{ return(other.rows | length == 0) }}
{%- endmacro %}

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
    {%- if not execute or flags.FULL_REFRESH or model.resource_type != 'model' -%}
        {{ return(none) }}
    {%- endif -%}
    {{ return(adapter.get_relation(this.database, this.schema, this.table)) }}
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
