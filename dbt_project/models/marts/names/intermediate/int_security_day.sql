{% set indices = var('panel_index_order') -%}

-- The members of each index as its fund's whole file of the session shows them. Copies of an earlier file show nothing.
with members as (
    select
        index_code,
        session_date,
        security_id,
        market_value_usd,
        known_at
    from {{ ref('int_security_print') }}
    where
        is_whole
        and index_code is not null
),

files as (
    select
        {%- for index_code in indices %}
        sum(case when index_code = '{{ index_code }}' then market_value_usd end) as value_{{ index_code | lower }},
        {%- endfor %}
        session_date
    from members
    group by session_date
),

memberships as (
    select
        security_id,
        session_date,
        {%- for index_code in indices %}
        sum(case when index_code = '{{ index_code }}' then market_value_usd end) as value_{{ index_code | lower }},
        {%- endfor %}
        max(known_at) as known_at
    from members
    group by security_id, session_date
),

fund_returns as (
    select
        funds.index_code,
        bars.session_date,
        bars.close / nullif(before.close, 0) - 1 as return_1d,
        greatest(bars.known_at, before.known_at) as known_at
    from {{ ref('dim_instrument') }} as funds
    inner join {{ ref('fct_price_daily') }} as bars on funds.symbol = bars.symbol
    inner join {{ ref('dim_session') }} as sessions on bars.session_date = sessions.session_date
    inner join {{ ref('fct_price_daily') }} as before
        on
            bars.symbol = before.symbol
            and sessions.previous_session = before.session_date
    where funds.index_code is not null
),

placed as (
    select
        prices.security_id,
        prices.session_date,
        sessions.session_index,
        prices.series_no,
        prices.close,
        prices.level_usd,
        prices.known_at,
        memberships.known_at as membership_known_at,
        {%- for index_code in indices %}
        case
            when files.value_{{ index_code | lower }} is not null
                then memberships.value_{{ index_code | lower }} is not null
        end as in_{{ index_code | lower }},
        {%- endfor %}
        100 * cast(memberships.value_r2000 as double) / cast(files.value_r2000 as double) as weight_r2000_pct,
        case
            {%- for index_code in indices %}
            when memberships.value_{{ index_code | lower }} is not null then '{{ index_code }}'
            {%- endfor %}
        end as index_code
    from {{ ref('fct_security_price_daily') }} as prices
    inner join {{ ref('dim_session') }} as sessions on prices.session_date = sessions.session_date
    left join files on prices.session_date = files.session_date
    left join memberships
        on
            prices.security_id = memberships.security_id
            and prices.session_date = memberships.session_date
)

select
    placed.security_id,
    placed.session_date,
    placed.session_index,
    placed.series_no,
    min(placed.session_index) over (partition by placed.security_id, placed.series_no) as first_session_index,
    placed.close,
    placed.level_usd,
    {%- for index_code in indices %}
    placed.in_{{ index_code | lower }},
    {%- endfor %}
    round(placed.weight_r2000_pct, 10) as weight_r2000_pct,
    placed.index_code,
    round(fund_returns.return_1d, 14) as fund_return_1d,
    -- greatest() skips nulls
    max(greatest(placed.known_at, placed.membership_known_at, fund_returns.known_at)) over (
        partition by placed.security_id
        order by placed.session_index
        rows between unbounded preceding and current row
    ) as known_at
from placed
left join fund_returns
    on
        placed.index_code = fund_returns.index_code
        and placed.session_date = fund_returns.session_date
