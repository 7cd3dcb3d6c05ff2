"""Macros of the served database that show a table as it was known at a moment.

A value counts from when the market could know it: `available_at` for what was first fetched later than that, and the
fetch for every revision after the first.
"""

from __future__ import annotations

import re

from orchestration.publish.macros import Macro
from orchestration.settings import REPOSITORY

NEW_YORK_DAY = "cast(timezone('America/New_York', cast(ts as timestamptz)) as date)"
MODELS = REPOSITORY / "dbt_project" / "models"
REFERENCE = re.compile(r"\{\{\s*ref\('(\w+)'\)\s*\}\}")


def as_known(model: str, **inputs: str) -> str:
    """The text of a model as the body of a table macro.

    A table that is known at a moment by the rules it is built by cannot disagree with them.

    Args:
        model: Path below the models; its Jinja is references to published tables and nothing else.
        **inputs: What stands for a table it refers to; the others are those of the schema main.
    """
    text = (MODELS / model).read_text(encoding="utf-8")
    return "table\n" + REFERENCE.sub(lambda found: inputs.get(found[1], f"main.{found[1]}"), text)


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
        -- an action without a bar belongs to the first bar after it that was known: the holder has it all the same
        placed as (
            select c.symbol, n.session_date, c.action_type, c.value
            from main.fct_corporate_action as c
            asof inner join newest as n on c.symbol = n.symbol and c.ex_date <= n.session_date
            inner join (select symbol, min(session_date) as first_bar from newest group by symbol) as f
                on c.symbol = f.symbol and c.ex_date >= f.first_bar
        ),
        session_actions as (
            select
                symbol,
                session_date,
                cast(sum(case when action_type <> 'split' then cast(value as decimal(28, 8)) end) as double)
                    as dividend_usd,
                case
                    when count_if(action_type = 'split') = 1 then max(case when action_type = 'split' then value end)
                    else exp(cast(sum(case when action_type = 'split' then cast(ln(value) as decimal(28, 15)) end)
                        as double))
                end as split_ratio
            from placed
            group by symbol, session_date
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
                round(coalesce(a.dividend_usd, 0) * coalesce(l.new_per_old, 1), 8) as dividend_usd,
                coalesce(a.split_ratio, 1) as split_ratio,
                d.available_at,
                d.is_availability_assumed,
                n.known_at
            from newest as n
            inner join main.fct_price_daily as d on n.symbol = d.symbol and n.session_date = d.session_date
            left join bases as b on n.symbol = b.symbol and n.session_date = b.session_date
            left join later_splits as l on n.symbol = l.symbol
            left join session_actions as a on n.symbol = a.symbol and n.session_date = a.session_date
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
    "ts counts from its available_at, a correction from its fetch. Dividends and splits count from their ex-date, with "
    "the value known today. Example: from price_known_at('2025-06-30 18:00:00-04')",
    needs={
        "fct_price_revision": (
            *("symbol", "session_date", "known_at"),
            *("open", "high", "low", "close", "volume", "split_basis_date"),
        ),
        "fct_price_daily": (*("symbol", "session_date", "available_at", "is_availability_assumed"),),
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
    body=as_known(
        "marts/flows/mart_etf_flow.sql",
        fct_etf_shares="""(
        select * replace (
            case when misprint_known_at <= cast(ts as timestamptz) then misprint_known_at end as misprint_known_at
        )
        from main.fct_etf_shares
        where available_at <= cast(ts as timestamptz)
    )""",
    ),
    comment="mart_etf_flow as it was known at a moment: computed by the same rules from the share counts available by "
    "then, so a misprint whose reversal was not yet known has its row. Splits are today's knowledge of them. "
    "Example: from flow_known_at('2025-06-30 18:00:00-04') where symbol = 'IWM'",
    needs={
        "fct_etf_shares": (
            *("symbol", "as_of_date", "known_at", "nav_usd", "shares_outstanding", "aum_usd", "vendor"),
            *("share_basis", "split_basis_date", "available_at", "misprint_known_at"),
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
