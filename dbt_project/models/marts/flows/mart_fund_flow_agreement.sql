with filed as (
    select
        months.fund as symbol,
        months.month_end,
        cast(date_trunc('month', months.month_end) as date) as month_start,
        months.report_date,
        months.accession,
        months.is_amendment,
        months.net_flow_usd as filed_net_flow_usd,
        -- a report tells the net assets of its last day only
        case when months.month_end = months.report_date then filings.net_assets_usd end as filed_net_assets_usd,
        months.available_at
    from {{ ref('fct_fund_monthly_flow') }} as months
    inner join {{ ref('fct_fund_filing') }} as filings
        on
            months.fund = filings.fund
            and months.report_date = filings.report_date
            and months.accession = filings.accession
),

sessions as (
    select
        session_date,
        session_index,
        cast(date_trunc('month', session_date) as date) as month_start,
        cast(date_trunc('month', previous_session) as date) as month_start_of_previous
    from {{ ref('dim_session') }}
    where is_closed
),

-- What the shares outstanding say by session, as far as two neighbouring sessions are known.
daily as (
    select
        symbol,
        flow_date,
        aum_usd,
        available_at,
        case when span_sessions = 1 then cast(flow_usd as decimal(20, 2)) end as flow_usd,
        case
            when span_sessions = 1
                then
                    cast(
                        flow_usd / nav_usd * split_factor * lag(nav_usd) over (partition by symbol order by flow_date)
                        as decimal(20, 2)
                    )
        end as flow_at_previous_nav_usd
    from {{ ref('mart_etf_flow') }}
),

same_month as (
    select
        daily.symbol,
        sessions.month_start,
        count(daily.flow_usd) as flows,
        count(daily.flow_at_previous_nav_usd) as flows_at_previous_nav,
        sum(daily.flow_usd) as flow_usd,
        sum(daily.flow_at_previous_nav_usd) as flow_at_previous_nav_usd,
        arg_max(daily.aum_usd, daily.flow_date) as last_aum_usd,
        max(daily.flow_date) as last_date,
        max(daily.available_at) as available_at
    from daily
    inner join sessions on daily.flow_date = sessions.session_date
    group by daily.symbol, sessions.month_start
),

-- The same flows, each on the session before: right if the shares of a session lacked what was created on it.
session_before as (
    select
        daily.symbol,
        sessions.month_start_of_previous as month_start,
        count(daily.flow_usd) as flows,
        sum(daily.flow_usd) as flow_usd,
        max(daily.available_at) as available_at
    from daily
    inner join sessions on daily.flow_date = sessions.session_date
    group by daily.symbol, sessions.month_start_of_previous
),

expected as (
    select
        month_start,
        count(*) as sessions,
        max(session_date) as last_session
    from sessions
    group by month_start
),

compared as (
    select
        filed.symbol,
        filed.month_end,
        filed.report_date,
        filed.accession,
        filed.is_amendment,
        filed.filed_net_flow_usd,
        cast(expected.sessions as integer) as sessions,
        cast(coalesce(same_month.flows, 0) as integer) as sessions_with_flow,
        case when same_month.flows = expected.sessions then cast(same_month.flow_usd as double) end as flow_usd,
        case
            when session_before.flows = expected.sessions then cast(session_before.flow_usd as double)
        end as flow_if_session_before_usd,
        case
            when same_month.flows_at_previous_nav = expected.sessions
                then cast(same_month.flow_at_previous_nav_usd as double)
        end as flow_at_previous_nav_usd,
        filed.filed_net_assets_usd,
        case when same_month.last_date = expected.last_session then same_month.last_aum_usd end as aum_usd,
        greatest(
            filed.available_at,
            coalesce(same_month.available_at, filed.available_at),
            coalesce(session_before.available_at, filed.available_at)
        ) as available_at
    from filed
    inner join expected on filed.month_start = expected.month_start
    left join same_month
        on
            filed.symbol = same_month.symbol
            and filed.month_start = same_month.month_start
    left join session_before
        on
            filed.symbol = session_before.symbol
            and filed.month_start = session_before.month_start
)

select
    symbol,
    month_end,
    report_date,
    accession,
    is_amendment,
    filed_net_flow_usd,
    flow_usd,
    flow_usd - filed_net_flow_usd as difference_usd,
    100 * (flow_usd - filed_net_flow_usd) / nullif(aum_usd, 0) as difference_pct_aum,
    flow_if_session_before_usd,
    flow_at_previous_nav_usd,
    filed_net_assets_usd,
    aum_usd,
    1e4 * (aum_usd / nullif(filed_net_assets_usd, 0) - 1) as aum_difference_bp,
    sessions,
    sessions_with_flow,
    case
        when filed_net_flow_usd is null then 'the report gives no flow'
        when sessions_with_flow = 0 then 'no shares outstanding by day'
        when flow_usd is null then 'shares outstanding of some sessions are missing'
    end as null_reason,
    available_at
from compared
