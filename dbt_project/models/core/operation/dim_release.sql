select
    cast('{{ var("release_id") }}' as varchar) as release_id,
    cast('{{ var("source") }}' as varchar) as source,
    {{ now_at() }} as built_at,
    {{ as_of_session() }} as as_of_session,
    cast('{{ var("version") }}' as varchar) as version,
    cast('{{ var("git_commit") }}' as varchar) as git_commit
