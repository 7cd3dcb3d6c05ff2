"""Daily bars of the members of the indices from Yahoo, where SMALLCAP_MEMBER_BARS asks for them."""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

import dagster as dg

from orchestration.ingest.batch import Batch, asked_before
from orchestration.ingest.common import (
    IngestConfig,
    Session,
    ingest_asset,
    newest_by_key,
    open_session,
    pictures,
    result,
    seed,
)
from orchestration.ingest.constituents import membership_funds
from orchestration.ingest.plan import Asked, Window, members_to_ask
from orchestration.ingest.prices import new_split, stamped
from orchestration.lake.store import Lake
from orchestration.vendors.answer import Answer
from orchestration.vendors.yahoo import Yahoo

DATASET = "member_bars"
TABLES = {"yahoo_bar": "member_bar", "yahoo_action": "member_action"}
# A kill loses what was not stored yet: the members of some twenty seconds at the pace Yahoo is asked at.
MEMBERS_PER_FLUSH = 25
# Which lines are companies is decided by dbt; a line that is none costs a question that Yahoo does not know.
MEMBERS = """
    with lines as (
        select fund, as_of_date, upper(trim(replace(ticker, '*', ''))) as ticker, weight_pct
        from holding
        where fetched_at <= ? and lower(asset_class) = 'equity'
            and coalesce(upper(exchange) not like 'NO MARKET%' and upper(exchange) not like '%NNQS%', true)
            and not coalesce(price_usd <= 0.01 and weight_pct = 0, false)
    )
    select
        fund,
        ticker,
        as_of_date = max(as_of_date) over (partition by fund) as is_newest,
        weight_pct
    from lines
    where regexp_full_match(ticker, '[A-Z][A-Z0-9]*([./-][A-Z]+)?')
    qualify row_number() over (partition by fund, ticker order by as_of_date desc, weight_pct desc nulls last) = 1
    order by is_newest desc, weight_pct desc nulls last, ticker
"""
# A company that falls or rises by so much in a day without a split is rare enough to be looked at.
OUTLIERS = """
    select symbol as key, max(session_date || ': ' || round(100 * move) || ' % in a day') as what
    from (
        select symbol, session_date, split_basis_date,
            close / lag(close) over by_day - 1 as move, lag(split_basis_date) over by_day as basis_before
        from (
            select * from member_bar where session_date >= ?
            qualify row_number() over (partition by symbol, session_date order by fetched_at desc, ingest_seq desc) = 1
        )
        window by_day as (partition by symbol order by session_date)
    ) as moves
    where (move > 4 or move < -0.8) and basis_before = split_basis_date
    group by symbol
"""


# It reads what constituents stores, and comes after the others so that it takes none of a run's time from them.
BEFORE = ["constituents", "prices", "macro", "events", "etf_shares", "options", "fund_valuation", "filings"]


@ingest_asset("yahoo", "member_bar", "member_action", subject="index", deps=BEFORE)
def member_bars(context: dg.AssetExecutionContext, config: IngestConfig) -> dg.MaterializeResult:
    """Daily bars, dividends and splits of the members of the indices, as Yahoo gives them; off by default.

    SMALLCAP_MEMBER_BARS is the most members asked in one run. Members of the newest stored files are asked first, by
    index and weight, then those who left; after that whoever was asked longest ago. A member with a new split is pulled
    again from the first session. A symbol that left the files is not asked again once Yahoo has nothing of it.
    """
    session = open_session(context, config)
    budget = session.settings.member_bars
    waiting, members, queue = 0, dict[str, bool](), list[tuple[str, Window]]()
    with Batch(session.lake, session.now) as batch:
        if budget and session.asks("yahoo"):
            members = _members(session.lake, session.now)
            asked = asked_before(session.lake, "yahoo", DATASET, session.now)
            first, last = session.settings.start, session.last_closed
            is_member = {symbol for symbol, is_newest in members.items() if is_newest}
            queue = members_to_ask(members, is_member, asked, first, last, session.now, session.refresh)
            waiting = max(0, len(queue) - budget)
            waiting += _ask_all(context, session, batch, queue[:budget], is_member, asked)
    said = _said(session, len(members), waiting)
    context.log.info(f"bars of members: {said}")
    behind = session.expected("yahoo", _behind(session, (s for s, _ in queue[:budget] if members[s])))
    extra = {"asked": dg.MetadataValue.text(said), "members_waiting": waiting}
    pages = pictures(session, "member_bar", "session_date", {}, "")
    return result(session, batch, ["member_bar", "member_action"], behind, OUTLIERS, pages | extra)


def _said(session: Session, members: int, waiting: int) -> str:
    if not session.settings.member_bars:
        return "not asked: SMALLCAP_MEMBER_BARS is 0"
    if not session.asks("yahoo"):
        return "not asked: Yahoo is not among the vendors of this run, or the lake is ahead of its clock"
    return f"{members} symbols are or were in a stored file, {waiting} wait for the next run"


def _members(lake: Lake, now: dt.datetime) -> dict[str, bool]:
    """Everybody in a stored holdings file by Yahoo symbol, and whether in a newest one; in the order they are asked.

    Funds come in the order of the instrument seed, in each the largest weight first; those who left come last.
    """
    classes = seed("share_class_ticker")
    spelt = dict(zip(classes["fund_ticker"], classes["yahoo_symbol"], strict=True))
    rows = lake.query(MEMBERS, [now]).to_pylist()
    found: dict[str, bool] = {}
    for is_newest in (True, False):
        for fund in membership_funds():
            for row in rows:
                if row["fund"] == fund and row["is_newest"] == is_newest:
                    ticker = row["ticker"]
                    # a fund that writes the class behind a dot or a slash needs no seed
                    found.setdefault(spelt.get(ticker) or ticker.replace(".", "-").replace("/", "-"), is_newest)
    return found


def _ask_all(
    context: dg.AssetExecutionContext,
    session: Session,
    batch: Batch,
    queue: Sequence[tuple[str, Window]],
    is_member: set[str],
    asked: dict[str, list[Asked]],
) -> int:
    """Ask for the bars of these members and store them; how many were left because Yahoo answers no more."""
    yahoo = Yahoo(session.connection("yahoo"), session.settings.data_dir / "build" / "yahoo_cache")
    splits = _known_splits(session.lake)
    whole = (session.settings.start, session.last_closed)
    for number, (symbol, window) in enumerate(queue, 1):
        answer = _ask(yahoo, session, symbol, window)
        split_day = new_split(answer, splits[symbol]) if window != whole else None
        if split_day:
            # bars that were fetched before Yahoo told of the split may be on another basis than their date says
            why = f"a split on {split_day} is new: the whole history was asked for instead"
            batch.add(replace(answer, outcome="empty", detail=why, rows={}, rejected=()))
            answer = _ask(yahoo, session, symbol, whole)
        if answer.outcome == "unknown_symbol" and symbol not in is_member:
            # nobody wonders that a company is gone
            answer = replace(answer, outcome="empty", detail=f"left the indices; {answer.detail}")
        _add(batch, session, answer, asked.get(symbol, []))
        if batch.not_asked:
            left = len(queue) - number + 1
            context.log.warning(f"yahoo {batch.not_asked['yahoo']} (members left: {left})")
            return left
        if number % MEMBERS_PER_FLUSH == 0:
            batch.flush()
            session.progress(context, "yahoo", number, len(queue), f"{symbol}: {answer.outcome}", batch)
    return 0


def _ask(yahoo: Yahoo, session: Session, symbol: str, window: Window) -> Answer:
    return yahoo.history(symbol, *window, basis=session.today, dataset=DATASET)


def _known_splits(lake: Lake) -> defaultdict[str, set[dt.date]]:
    """Ex-dates of the stored splits, by symbol."""
    out: defaultdict[str, set[dt.date]] = defaultdict(set)
    for row in lake.query("select symbol, ex_date from member_action where action_type = 'split'").to_pylist():
        out[row["symbol"]].add(row["ex_date"])
    return out


def _add(batch: Batch, session: Session, answer: Answer, history: Sequence[Asked]) -> None:
    frames = {TABLES[name]: frame for name, frame in stamped(answer, session.now, history).items()}
    batch.add(answer, frames)


def _behind(session: Session, asked: Iterable[str]) -> dict[str, str]:
    """Members whose turn it was and whose newest bar is not of the last closed session."""
    newest = newest_by_key(session.lake, "member_bar", "symbol", "session_date", "close", session.now)
    return {
        symbol: f"newest {newest[symbol]}"
        for symbol in asked
        if symbol in newest and newest[symbol] < session.last_closed
    }
