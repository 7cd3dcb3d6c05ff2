-- Uninterrupted presence of a security in a fund, on the lattice of all snapshot versions: the runs of its identities,
-- those that touch or overlap joined. Membership is computed from these few rows, for any moment of knowledge.
with inferred as (
    select
        identity_key,
        min_by(ticker, (first_date, ticker)) as ticker
    from {{ ref('int_reported_ticker') }}
    group by identity_key
),

runs as (
    select
        identities.book_code,
        resolution.security_id,
        runs.first_node,
        runs.last_node,
        coalesce(identities.ticker, inferred.ticker) as ticker,
        identities.ticker is null as is_ticker_inferred,
        identities.name,
        -- two lines of one security in one file: the order makes the description unique
        struct_pack(first_node := runs.first_node, identity_key := runs.identity_key) as place,
        max(runs.last_node) over (
            partition by identities.book_code, resolution.security_id
            order by runs.first_node, runs.identity_key
            rows between unbounded preceding and 1 preceding
        ) as last_before
    from {{ ref('int_identity_run') }} as runs
    inner join {{ ref('int_security_identity') }} as identities
        on
            runs.book_code = identities.book_code
            and runs.identity_key = identities.identity_key
    inner join {{ ref('int_security_resolution') }} as resolution on runs.identity_key = resolution.identity_key
    left join inferred on runs.identity_key = inferred.identity_key
),

islands as (
    select
        *,
        count_if(coalesce(first_node > last_before + 1, true)) over (
            partition by book_code, security_id
            order by place
            rows between unbounded preceding and current row
        ) as island
    from runs
)

select
    book_code,
    security_id,
    min(first_node) as first_node,
    max(last_node) as last_node,
    -- one that a file names stands before one that is inferred
    min_by(ticker, (is_ticker_inferred, place)) as ticker,
    min(is_ticker_inferred) filter (where ticker is not null) as is_ticker_inferred,
    min_by(name, place) as name
from islands
group by book_code, security_id, island
