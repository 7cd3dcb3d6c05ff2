{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='fail'
    )
}}

{% set new = new_holding_sequences() if is_incremental() else none %}
{% set line_columns -%}
    vendor, fund, as_of_date, ingest_seq, line_no, ticker, name, sector, asset_class, weight_pct, market_value_usd,
        notional_value_usd, shares, price_usd, location, exchange, currency, market_currency, cusip, isin, sedol,
        fetched_at, available_at, payload_sha256
{%- endset %}

-- What a line is said to be never changes, so only files not yet in the table are read; a table that does not hold what
-- the raw zone holds at this clock is built anew (see macros/incremental.sql).
with lines as not materialized (
    select
        {{ line_columns }},
        false as is_sold_down
    from {{ ref('stg_holding') }}
    {% if new %}
        where ingest_seq in ({{ new }})
    {% endif %}
    union all
    select
        {{ line_columns }},
        is_sold_down
    from {{ ref('int_filing_line') }}
    {% if new %}
        where ingest_seq in ({{ new }})
    {% endif %}
),

-- Rules look at few distinct descriptions, lines are many: judge the descriptions once.
descriptions as (
    select
        ticker,
        name,
        -- '*' marks a when-issued or conditional line of the same share
        nullif(nullif(upper(trim(replace(ticker, '*', ''))), '-'), '') as security_ticker,
        upper(trim(coalesce(name, ''))) as upper_name
    from lines
    group by ticker, name
),

rule_hits as (
    select
        descriptions.ticker,
        descriptions.name,
        rules.applies_from,
        -- the rule that names the reason from this date on
        min_by(rules.rule_id, (rules.priority, rules.rule_id)) over (
            partition by descriptions.ticker, descriptions.name
            order by rules.applies_from
        ) as rule_id
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

steps as (
    select distinct
        ticker,
        name,
        applies_from,
        rule_id
    from rule_hits
    union all
    select
        ticker,
        name,
        date '0001-01-01' as applies_from,
        cast(null as varchar) as rule_id
    from descriptions
),

periods as (
    select
        steps.ticker,
        steps.name,
        descriptions.security_ticker,
        descriptions.upper_name,
        regexp_matches(descriptions.security_ticker, '^[A-Z][A-Z0-9]*([./-][A-Z]+)?$') as has_ticker_form,
        steps.rule_id,
        steps.applies_from,
        lead(steps.applies_from, 1, date '9999-12-31') over (
            partition by steps.ticker, steps.name
            order by steps.applies_from
        ) as applies_to
    from steps
    inner join descriptions
        on
            steps.ticker is not distinct from descriptions.ticker
            and steps.name is not distinct from descriptions.name
),

judged as (
    select
        lines.*,
        periods.security_ticker,
        periods.upper_name,
        coalesce(
            periods.rule_id,
            case
                when lower(lines.asset_class) <> 'equity' then 'asset_class'
                when
                    upper(lines.exchange) like 'NO MARKET%'
                    or upper(lines.exchange) like '%NNQS%'
                    then 'no_listing'
                when lines.is_sold_down then 'sold_down'
                -- reports to the SEC name no tickers
                when periods.security_ticker is null and not {{ is_report('lines.vendor') }} then 'no_ticker'
                when not periods.has_ticker_form then 'ticker_form'
                when lines.price_usd <= 0.01 and coalesce(lines.weight_pct, 0) = 0 then 'no_value'
            end
        ) as excluded_reason
    from lines
    inner join periods
        on
            lines.ticker is not distinct from periods.ticker
            and lines.name is not distinct from periods.name
            and lines.as_of_date >= periods.applies_from
            and lines.as_of_date < periods.applies_to
)

select
    vendor,
    fund,
    as_of_date,
    ingest_seq as snapshot_seq,
    line_no,
    -- what the file says the line is; which identities are one security is in int_security_resolution
    case
        when excluded_reason is null
            then
                md5(
                    coalesce(security_ticker, '') || '|' || upper_name || '|' || coalesce(cusip, '')
                    || '|' || coalesce(isin, '') || '|' || coalesce(sedol, '')
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
    available_at,
    payload_sha256
from judged
