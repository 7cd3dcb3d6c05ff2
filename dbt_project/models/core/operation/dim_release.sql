select
    cast('{{ run_fact("release_id") }}' as varchar) as release_id,
    cast('{{ run_fact("source") }}' as varchar) as source,
    {{ now_at() }} as built_at,
    {{ as_of_session() }} as as_of_session,
    cast('{{ run_fact("version") }}' as varchar) as version,
    cast('{{ run_fact("git_commit") }}' as varchar) as git_commit
