{%- set nothing_placed = 'coalesce(coverage.placed_weight = 0 and coverage.sector_weight > 0, false)' -%}
{%- set kept = kept_by('int_holding_change') %}

with lines as (
    select
        holdings.fund,
        holdings.as_of_date,
        holdings.is_constituent,
        upper(trim(replace(coalesce(holdings.ticker, ''), '*', ''))) as security_ticker,
        upper(trim(coalesce(holdings.name, ''))) as upper_name,
        case when trim(coalesce(holdings.sector, '-')) = '-' then '' else trim(holdings.sector) end as sector,
        cast(holdings.weight_pct as decimal(18, 6)) as weight,
        holdings.known_at
    from {{ ref('fct_holding') }} as holdings
    {%- if kept %}
    inner join {{ kept.changes }} as changes
        on
            holdings.fund = changes.fund
            and holdings.as_of_date = changes.as_of_date
            and changes.is_changed
    {%- endif %}
    -- reports to the SEC name no sectors
    where not {{ is_report('holdings.vendor') }}
),

-- What a file says of itself decides, not the files around it: those come later. Some files print no sectors.
files as (
    select
        lines.fund,
        lines.as_of_date,
        sum(case when lines.is_constituent then lines.weight end) as equity_weight,
        max(lines.known_at) as known_at
    from lines
    inner join {{ ref('dim_session') }} as sessions on lines.as_of_date = sessions.session_date
    group by lines.fund, lines.as_of_date
    having
        {{ is_whole_file('lines.weight', 'lines.is_constituent') }}
        and sum(case when lines.is_constituent and lines.sector <> '' then lines.weight else 0 end)
        > 0.95 * sum(case when lines.is_constituent then lines.weight else 0 end)
),

-- Lines are many, companies are few: each description is classified once.
descriptions as (
    select distinct
        security_ticker,
        upper_name,
        sector
    from lines
    where is_constituent
),

scheme_sectors as (
    select distinct
        group_scheme,
        sector
    from {{ ref('security_group_rule') }}
),

candidates as (
    select
        descriptions.security_ticker,
        descriptions.upper_name,
        descriptions.sector,
        scheme_sectors.group_scheme
    from descriptions
    inner join scheme_sectors on descriptions.sector = scheme_sectors.sector
),

listed as (
    select
        candidates.security_ticker,
        candidates.upper_name,
        candidates.sector,
        candidates.group_scheme,
        min(groups.group_name) as group_name
    from candidates
    inner join {{ ref('security_group') }} as groups
        on
            candidates.group_scheme = groups.group_scheme
            and candidates.security_ticker = groups.ticker
            and starts_with(candidates.upper_name, groups.name_starts)
    group by candidates.security_ticker, candidates.upper_name, candidates.sector, candidates.group_scheme
),

named as (
    select
        candidates.security_ticker,
        candidates.upper_name,
        candidates.sector,
        candidates.group_scheme,
        min_by(rules.group_name, rules.priority) as group_name
    from candidates
    inner join {{ ref('security_group_rule') }} as rules
        on
            candidates.group_scheme = rules.group_scheme
            and candidates.sector = rules.sector
            and regexp_matches(candidates.upper_name, rules.pattern)
    group by candidates.security_ticker, candidates.upper_name, candidates.sector, candidates.group_scheme
),

classified as (
    select
        candidates.security_ticker,
        candidates.upper_name,
        candidates.sector,
        candidates.group_scheme,
        coalesce(listed.group_name, named.group_name) as group_name
    from candidates
    left join listed
        on
            candidates.security_ticker = listed.security_ticker
            and candidates.upper_name = listed.upper_name
            and candidates.sector = listed.sector
            and candidates.group_scheme = listed.group_scheme
    left join named
        on
            candidates.security_ticker = named.security_ticker
            and candidates.upper_name = named.upper_name
            and candidates.sector = named.sector
            and candidates.group_scheme = named.group_scheme
),

grouped as (
    select
        lines.fund,
        lines.as_of_date,
        classified.group_scheme,
        classified.group_name,
        sum(lines.weight) as weight,
        count(*) as constituents
    from lines
    inner join classified
        on
            lines.security_ticker = classified.security_ticker
            and lines.upper_name = classified.upper_name
            and lines.sector = classified.sector
    where lines.is_constituent
    group by lines.fund, lines.as_of_date, classified.group_scheme, classified.group_name
),

-- Of the weight in the scheme's sectors, what list and names could place.
coverage as (
    select
        fund,
        as_of_date,
        group_scheme,
        sum(weight) as sector_weight,
        sum(case when group_name is not null then weight else 0 end) as placed_weight
    from grouped
    group by fund, as_of_date, group_scheme
),

published_groups as (
    select distinct
        group_scheme,
        group_name
    from {{ ref('security_group') }}
    where group_name in ('autos_and_components', 'capital_goods', 'transportation', 'regional_banks')
),

sectors as (
    select
        fund,
        as_of_date,
        sector,
        sum(weight) as weight,
        count(*) as constituents
    from lines
    where
        is_constituent
        and sector <> ''
    group by fund, as_of_date, sector
),

weights as (
    select
        fund,
        as_of_date,
        'gics_sector' as group_scheme,
        sector as group_name,
        weight,
        constituents,
        false as is_approximate,
        cast(null as double) as classified_pct
    from sectors
    union all
    select
        sectors.fund,
        sectors.as_of_date,
        'tariff' as group_scheme,
        'industrials_and_consumer_discretionary' as group_name,
        sum(sectors.weight) as weight,
        sum(sectors.constituents) as constituents,
        true as is_approximate,
        100.0 as classified_pct
    from sectors
    inner join scheme_sectors on sectors.sector = scheme_sectors.sector
    where scheme_sectors.group_scheme = 'tariff'
    group by sectors.fund, sectors.as_of_date
    union all
    -- a group nothing was found for has a row: its zero is read beside the share that could be placed. Where the lists
    -- could place nothing at all, nothing is known.
    select
        files.fund,
        files.as_of_date,
        published_groups.group_scheme,
        published_groups.group_name,
        case when not {{ nothing_placed }} then coalesce(grouped.weight, 0) end as weight,
        case when not {{ nothing_placed }} then coalesce(grouped.constituents, 0) end as constituents,
        true as is_approximate,
        100 * cast(coverage.placed_weight as double) / nullif(cast(coverage.sector_weight as double), 0)
            as classified_pct
    from files
    cross join published_groups
    left join grouped
        on
            files.fund = grouped.fund
            and files.as_of_date = grouped.as_of_date
            and published_groups.group_scheme = grouped.group_scheme
            and published_groups.group_name = grouped.group_name
    left join coverage
        on
            files.fund = coverage.fund
            and files.as_of_date = coverage.as_of_date
            and published_groups.group_scheme = coverage.group_scheme
)

{% if kept -%}
select rows.*
from {{ kept.rows }} as rows
inner join {{ kept.changes }} as changes
    on
        rows.fund = changes.fund
        and rows.as_of_date = changes.as_of_date
        and not changes.is_changed
union all
{% endif -%}select
    weights.fund,
    weights.as_of_date,
    weights.group_scheme,
    weights.group_name,
    100 * cast(weights.weight as double) / cast(files.equity_weight as double) as weight_pct,
    cast(weights.constituents as integer) as constituents,
    weights.is_approximate,
    weights.classified_pct,
    cast(files.equity_weight as double) as equity_weight_pct,
    files.known_at
from weights
inner join files
    on
        weights.fund = files.fund
        and weights.as_of_date = files.as_of_date
