{{ config(schema='intermediate', contract={'enforced': false}) }}

-- Rules look at few distinct descriptions, lines are many: match the descriptions once.
with lines as (
    select
        *,
        -- '*' marks a when-issued or conditional line of the same share
        nullif(nullif(upper(trim(replace(ticker, '*', ''))), '-'), '') as security_ticker,
        upper(trim(coalesce(name, ''))) as upper_name
    from {{ ref('stg_holding') }}
),

descriptions as (
    select distinct
        security_ticker,
        upper_name
    from lines
),

rule_hits as (
    select
        descriptions.security_ticker,
        descriptions.upper_name,
        rules.rule_id,
        rules.priority,
        rules.applies_from
    from descriptions
    inner join {{ ref('holding_exclusion_rule') }} as rules
        on regexp_matches(
            case rules.field
                when 'ticker' then coalesce(descriptions.security_ticker, '')
                when 'name' then descriptions.upper_name
                when 'ticker_name' then coalesce(descriptions.security_ticker, '') || ' ' || descriptions.upper_name
            end,
            rules.pattern
        )
),

line_hits as (
    select
        lines.vendor,
        lines.fund,
        lines.as_of_date,
        lines.ingest_seq,
        lines.line_no,
        min_by(rule_hits.rule_id, (rule_hits.priority, rule_hits.rule_id)) as rule_id
    from lines
    inner join rule_hits
        on
            lines.security_ticker is not distinct from rule_hits.security_ticker
            and lines.upper_name = rule_hits.upper_name
            and lines.as_of_date >= rule_hits.applies_from
    group by lines.vendor, lines.fund, lines.as_of_date, lines.ingest_seq, lines.line_no
),

judged as (
    select
        lines.*,
        instruments.index_code,
        coalesce(
            line_hits.rule_id,
            case
                when lower(lines.asset_class) <> 'equity' then 'asset_class'
                when
                    upper(lines.exchange) like 'NO MARKET%'
                    or upper(lines.exchange) like '%NNQS%'
                    then 'no_listing'
                when lines.security_ticker is null then 'no_ticker'
                when not regexp_matches(lines.security_ticker, '^[A-Z][A-Z0-9]*([./-][A-Z]+)?$') then 'ticker_form'
                when lines.price_usd <= 0.01 and coalesce(lines.weight_pct, 0) = 0 then 'no_value'
            end
        ) as excluded_reason
    from lines
    left join line_hits
        on
            lines.vendor = line_hits.vendor
            and lines.fund = line_hits.fund
            and lines.as_of_date = line_hits.as_of_date
            and lines.ingest_seq = line_hits.ingest_seq
            and lines.line_no = line_hits.line_no
    left join {{ ref('dim_instrument') }} as instruments on lines.fund = instruments.symbol
)

select
    vendor,
    fund,
    index_code,
    as_of_date,
    ingest_seq as snapshot_seq,
    revision_rank,
    line_no,
    -- what the file says the line is; which identities are one security is in int_security_resolution
    case
        when excluded_reason is null
            then
                md5(
                    security_ticker || '|' || upper_name || '|' || coalesce(cusip, '') || '|' || coalesce(isin, '')
                    || '|' || coalesce(sedol, '')
                )
    end as identity_key,
    security_ticker,
    ticker,
    name,
    sector,
    asset_class,
    weight_pct,
    market_value_usd,
    notional_value_usd,
    shares,
    price_usd,
    location,
    exchange,
    currency,
    market_currency,
    cusip,
    isin,
    sedol,
    excluded_reason is null as is_constituent,
    excluded_reason,
    fetched_at as known_at,
    available_at
from judged
