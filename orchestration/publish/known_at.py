"""Macros of the served database that show a table as it was known at a moment.

A value counts from when the market could know it: `available_at` for what was first fetched later than that, and the
fetch for every revision after the first.
"""

from __future__ import annotations

from orchestration.publish.macros import Macro

NEW_YORK_DAY = "cast(timezone('America/New_York', cast(ts as timestamptz)) as date)"

PRICE_KNOWN_AT = Macro(
    name="price_known_at",
    parameters=("ts",),
    body=f"""table
        with revisions as (
            select
                r.*,
                case
                    when row_number() over (partition by r.symbol, r.session_date order by r.known_at) = 1
                        then least(d.available_at, r.known_at)
                    else r.known_at
                end as knowable_at
            from main.fct_price_revision as r
            inner join main.fct_price_daily as d on r.symbol = d.symbol and r.session_date = d.session_date
        ),
        newest as (
            select * from revisions
            where knowable_at <= cast(ts as timestamptz)
            qualify row_number() over (partition by symbol, session_date order by known_at desc) = 1
        ),
        splits as (
            select symbol, ex_date, ln(value) as log_ratio from main.fct_corporate_action where action_type = 'split'
        ),
        -- from the basis of the fetch to the basis of the moment, forwards or backwards
        bases as (
            select
                n.symbol,
                n.session_date,
                exp(sum(s.log_ratio * case when s.ex_date > n.split_basis_date then 1 else -1 end)) as new_per_old
            from newest as n
            inner join splits as s
                on n.symbol = s.symbol and (s.ex_date > n.split_basis_date) = (s.ex_date <= {NEW_YORK_DAY})
            group by n.symbol, n.session_date
        ),
        later_splits as (
            select symbol, exp(sum(log_ratio)) as new_per_old from splits where ex_date > {NEW_YORK_DAY} group by symbol
        ),
        rebased as (
            select
                n.symbol,
                n.session_date,
                round(n.open / coalesce(b.new_per_old, 1), 4) as open,
                round(n.high / coalesce(b.new_per_old, 1), 4) as high,
                round(n.low / coalesce(b.new_per_old, 1), 4) as low,
                round(n.close / coalesce(b.new_per_old, 1), 4) as close,
                cast(round(n.volume * coalesce(b.new_per_old, 1)) as bigint) as volume,
                round(d.dividend_usd * coalesce(l.new_per_old, 1), 8) as dividend_usd,
                d.split_ratio,
                d.available_at,
                d.is_availability_assumed,
                n.known_at
            from newest as n
            inner join main.fct_price_daily as d on n.symbol = d.symbol and n.session_date = d.session_date
            left join bases as b on n.symbol = b.symbol and n.session_date = b.session_date
            left join later_splits as l on n.symbol = l.symbol
        ),
        growth as (
            select
                *,
                case
                    when lag(session_date) over by_session is null then 0
                    when close > 0 and lag(close) over by_session > 0
                        then ln((close + dividend_usd) / lag(close) over by_session)
                end as log_growth
            from rebased
            window by_session as (partition by symbol order by session_date)
        )
        select
            symbol, session_date, open, high, low, close, volume,
            case
                when count(*) over so_far = count(log_growth) over so_far then 100 * exp(sum(log_growth) over so_far)
            end as total_return_index,
            dividend_usd, split_ratio, available_at, is_availability_assumed, known_at
        from growth
        window so_far as (
            partition by symbol order by session_date rows between unbounded preceding and current row
        )
    """,
    comment="fct_price_daily as it was known at a moment, on the split basis of that moment. A bar first fetched after "
    "ts counts from its available_at, a correction from its fetch. Dividends and splits are today's knowledge of them. "
    "Example: from price_known_at('2025-06-30 18:00:00-04')",
    needs={
        "fct_price_revision": (
            *("symbol", "session_date", "known_at"),
            *("open", "high", "low", "close", "volume", "split_basis_date"),
        ),
        "fct_price_daily": (
            *("symbol", "session_date", "dividend_usd", "split_ratio", "available_at", "is_availability_assumed"),
        ),
        "fct_corporate_action": ("symbol", "ex_date", "action_type", "value"),
    },
)
MACRO_KNOWN_AT = Macro(
    name="macro_known_at",
    parameters=("ts",),
    body="""table
        select * replace (date '9999-12-31' as realtime_end)
        from main.fct_macro_observation
        where available_at <= cast(ts as timestamptz)
        qualify row_number() over (partition by series_id, observation_date order by realtime_start desc) = 1
    """,
    comment="fct_macro_observation as it was known at a moment: the newest vintage of each observation available by "
    "then. Example: from macro_known_at('2025-06-30 18:00:00-04') where series_id = 'CPIAUCSL'",
    needs={
        "fct_macro_observation": ("series_id", "observation_date", "realtime_start", "realtime_end", "available_at")
    },
)
FLOW_KNOWN_AT = Macro(
    name="flow_known_at",
    parameters=("ts",),
    body="""table
        with splits as (
            select symbol, ex_date, value from main.fct_corporate_action where action_type = 'split'
        ),
        newest as (
            select
                s.symbol,
                s.as_of_date,
                s.nav_usd,
                s.shares_outstanding,
                s.available_at,
                case
                    when s.share_basis = 'restated' then coalesce(s.split_basis_date, s.as_of_date)
                    else s.as_of_date
                end as basis_date
            from main.fct_etf_shares as s
            where s.available_at <= cast(ts as timestamptz)
            qualify row_number() over (partition by s.symbol, s.as_of_date order by s.known_at desc) = 1
        ),
        bases as (
            select n.symbol, n.as_of_date, exp(sum(ln(p.value))) as new_per_old
            from newest as n
            inner join splits as p on n.symbol = p.symbol and p.ex_date > n.basis_date
            group by n.symbol, n.as_of_date
        ),
        -- the days kept as sound by mart_etf_flow
        days as (
            select
                n.*,
                d.session_index,
                n.shares_outstanding * n.nav_usd as aum_usd,
                coalesce(b.new_per_old, 1) as new_per_old
            from newest as n
            inner join main.dim_session as d on n.as_of_date = d.session_date
            semi join main.mart_etf_flow as f on n.symbol = f.symbol and n.as_of_date = f.flow_date
            left join bases as b on n.symbol = b.symbol and n.as_of_date = b.as_of_date
        ),
        previous as (
            select
                *,
                lag(shares_outstanding) over by_day as shares_before,
                lag(nav_usd) over by_day as nav_before,
                session_index - lag(session_index) over by_day as span,
                round(lag(new_per_old) over by_day / new_per_old, 10) as factor,
                first_value(session_index) over by_day as first_index
            from days
            window by_day as (partition by symbol order by as_of_date)
        ),
        flows as (
            select
                *,
                cast((shares_outstanding - shares_before * factor) * nav_usd as decimal(20, 2)) as flow
            from previous
        ),
        sums as (
            select
                *,
                max(available_at) over last_252 as inputs_available_at,
                last_value(aum_usd) over to_65_ago as aum_65_ago,
                case when session_index - first_index >= 5 then sum(flow) over last_5 end as flow_5,
                case when session_index - first_index >= 20 then sum(flow) over last_20 end as flow_20,
                case when session_index - first_index >= 65 then sum(flow) over last_65 end as flow_65,
                case when session_index - first_index >= 252 then sum(flow) over last_252 end as flow_252
            from flows
            window
                last_5 as (partition by symbol order by session_index range between 4 preceding and current row),
                last_20 as (partition by symbol order by session_index range between 19 preceding and current row),
                last_65 as (partition by symbol order by session_index range between 64 preceding and current row),
                last_252 as (partition by symbol order by session_index range between 251 preceding and current row),
                to_65_ago as (
                    partition by symbol order by session_index range between unbounded preceding and 65 preceding
                )
        )
        select m.* replace (
            s.shares_outstanding as shares_outstanding,
            s.nav_usd as nav_usd,
            s.aum_usd as aum_usd,
            cast(s.flow as double) as flow_usd,
            100 * (s.shares_outstanding - s.shares_before * s.factor) * s.nav_usd
                / nullif(s.shares_before * s.nav_before, 0) as flow_pct_aum,
            cast(s.flow_5 as double) as flow_5d_usd,
            cast(s.flow_20 as double) as flow_20d_usd,
            cast(s.flow_65 as double) as flow_65d_usd,
            cast(s.flow_252 as double) as flow_252d_usd,
            100 * cast(s.flow_65 as double) / nullif(s.aum_65_ago, 0) as flow_65d_pct_aum,
            -- ranks over years of history: shown only where nothing they rest on changed since
            case when m.available_at <= cast(ts as timestamptz) then m.flow_65d_zscore end as flow_65d_zscore,
            case when m.available_at <= cast(ts as timestamptz) then m.flow_65d_percentile end as flow_65d_percentile,
            case when m.available_at <= cast(ts as timestamptz) then m.flow_65d_percentile_expanding end
                as flow_65d_percentile_expanding,
            case when m.available_at <= cast(ts as timestamptz) then m.negative_run_65d end as negative_run_65d,
            cast(s.span as integer) as span_sessions,
            s.inputs_available_at as available_at
        )
        from sums as s
        inner join main.mart_etf_flow as m on s.symbol = m.symbol and s.as_of_date = m.flow_date
    """,
    comment="mart_etf_flow as it was known at a moment: levels, flows and their sums from the share counts available "
    "by then. Z-scores, percentiles and runs are null where an input of the row changed later. "
    "Example: from flow_known_at('2025-06-30 18:00:00-04') where symbol = 'IWM'",
    needs={
        "fct_etf_shares": (
            *("symbol", "as_of_date", "known_at", "nav_usd", "shares_outstanding"),
            *("share_basis", "split_basis_date", "available_at"),
        ),
        "mart_etf_flow": (
            *("symbol", "flow_date", "shares_outstanding", "nav_usd", "aum_usd", "flow_usd", "flow_pct_aum"),
            *("flow_5d_usd", "flow_20d_usd", "flow_65d_usd", "flow_252d_usd", "flow_65d_pct_aum", "flow_65d_zscore"),
            *("flow_65d_percentile", "flow_65d_percentile_expanding", "negative_run_65d", "span_sessions"),
            "available_at",
        ),
        "fct_corporate_action": ("symbol", "ex_date", "action_type", "value"),
        "dim_session": ("session_date", "session_index"),
    },
)
MEMBERSHIP_KNOWN_AT = Macro(
    name="membership_known_at",
    parameters=("ts",),
    body="""table
        select columns(lambda c: c not in ('known_from', 'known_to'))
        from main.fct_index_membership_revision
        where known_from <= cast(ts as timestamptz) and (known_to is null or known_to > cast(ts as timestamptz))
    """,
    comment="fct_index_membership as it was known at a moment. "
    "Example: from membership_known_at('2025-06-30 18:00:00-04') where index_code = 'R2000' and valid_to is null",
    needs={"fct_index_membership_revision": ("index_code", "security_id", "valid_from", "known_from", "known_to")},
)
KNOWN_AT = (PRICE_KNOWN_AT, MACRO_KNOWN_AT, FLOW_KNOWN_AT, MEMBERSHIP_KNOWN_AT)
