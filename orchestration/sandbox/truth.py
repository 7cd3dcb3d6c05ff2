"""What was injected into the market: for tests only. No part of the warehouse reads this."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import pandas as pd

from orchestration.sandbox.companies import FIRST_FILE, START, History, company_history
from orchestration.sandbox.events import Event
from orchestration.sandbox.fund_shares import OUTFLOWS, fund_days
from orchestration.sandbox.holdings import Line, holdings
from orchestration.sandbox.identity import Identity
from orchestration.sandbox.instruments import instruments
from orchestration.sandbox.membership import BITS, MICRO, R1000, R2000
from orchestration.sandbox.prehistory import members_before
from orchestration.sandbox.prices import bars
from orchestration.sandbox.timeline import timeline

YEAR_SESSIONS = 252


@dataclass(frozen=True)
class Truth:
    """Tables of what happened up to a date. Securities are named by the CUSIP and ticker they had at the time.

    Attributes:
        splits: symbol, ex_date, ratio (new shares per old).
        reconstitution: event_id, effective_date, index_code, company, cusip, ticker, change_type, last_seen (the last
            file that may still show a deletion).
        between: index_code, session_date (the first file that shows it), company, cusip, ticker, change (add, delete),
            why.
        renames: session_date, company, cusip, old_ticker, new_ticker, old_name, new_name.
        acquisitions: session_date (first file without it), company, cusip, ticker, kind, premium.
        listings: session_date, company, cusip, ticker, size_usd, reused_ticker.
        spin_offs: session_date, company, cusip, ticker, child, child_cusip, child_ticker, part.
        share_splits: session_date, company, old_cusip, new_cusip, ticker, ratio.
        ticker_reuse: ticker, old_cusip, new_cusip, session_date.
        suspensions: company, first, last (the first and the last session without trading).
        outflows: symbol, first, last, daily_part.
    """

    splits: pd.DataFrame
    reconstitution: pd.DataFrame
    between: pd.DataFrame
    renames: pd.DataFrame
    acquisitions: pd.DataFrame
    listings: pd.DataFrame
    spin_offs: pd.DataFrame
    share_splits: pd.DataFrame
    ticker_reuse: pd.DataFrame
    suspensions: pd.DataFrame
    outflows: pd.DataFrame


def truth(seed: int, last: dt.date) -> Truth:
    """Everything injected from the first holdings file (prices: the first session) to a date."""
    when = timeline()
    end = when.upto(last)
    history = company_history(seed, end - 1)
    first = when.at(FIRST_FILE)
    events = [event for event in history.events if first <= event.session < end]
    return Truth(
        splits=_splits(seed, end),
        reconstitution=_reconstitution(history, first, end),
        between=_between(history, first, end),
        renames=_renames(history, events),
        acquisitions=_departures(history, events),
        listings=_listings(history, events),
        spin_offs=_spin_offs(history, events),
        share_splits=_share_splits(history, events),
        ticker_reuse=_reuse(history, events),
        suspensions=_suspensions(history, first, end),
        outflows=pd.DataFrame(OUTFLOWS, columns=["symbol", "first", "last", "daily_part"]),
    )


def junk_lines(seed: int, fund: str, day: dt.date) -> tuple[Line, ...]:
    """Lines of one file that are no constituents."""
    return holdings(seed, fund, timeline().at(day)).others


def members(seed: int, index_code: str, day: dt.date) -> dict[str, str]:
    """Ticker by CUSIP of the members of an index after the close of a session."""
    session = timeline().at(day)
    if day < START:
        return members_before(seed, index_code, session)
    history = company_history(seed, session)
    block = history.block(session)
    bits = block.bits[session - block.first]
    found = [history.identity_at(session, n) for n in np.flatnonzero(bits & BITS[index_code]).tolist()]
    return {item.cusip: item.ticker for item in found}


def flows(seed: int, symbol: str, last: dt.date) -> pd.DataFrame:
    """A fund by session, on the basis of the day itself: session_date, nav, shares, created (new shares), split."""
    when, days = timeline(), fund_days(seed, symbol)
    count = when.upto(last) - when.first
    shares, split = days.shares[:count], days.bars.split[:count]
    before = np.append(shares[0], shares[:-1]) * split
    return pd.DataFrame(
        {
            "session_date": when.dates[when.first : when.first + count],
            "nav": days.bars.nav[:count],
            "shares": shares,
            "created": shares - np.rint(before),
            "split": split,
        }
    )


def _splits(seed: int, end: int) -> pd.DataFrame:
    when = timeline()
    rows = [
        (symbol, when.dates[when.first + place], float(ratio))
        for symbol in instruments()
        for place, ratio in enumerate(bars(seed, symbol).split[: end - when.first].tolist())
        if ratio != 1
    ]
    return pd.DataFrame(rows, columns=["symbol", "ex_date", "ratio"])


def _reconstitution(history: History, first: int, end: int) -> pd.DataFrame:
    when = timeline()
    listed = {event.company: event.session for event in history.events if event.kind in ("ipo", "ticker_reuse")}
    spun_off = {event.other: event.session for event in history.events if event.kind == "spin_off"}
    rows = []
    for change in history.reshuffles:
        if not first <= change.session < end:
            continue
        selling = {
            (left.bits, left.company): left.sessions for left in history.leftovers if left.session == change.session
        }
        for code, bits in BITS.items():
            was, is_in = (change.before & bits) > 0, (change.after & bits) > 0
            for company in np.flatnonzero(was != is_in).tolist():
                before, after = int(change.before[company]), int(change.after[company])
                kind = _change_type(code, before, after, was=bool(was[company]))
                if kind == "ADD_NEW":
                    recent = change.session - YEAR_SESSIONS
                    if listed.get(company, -1) > recent:
                        kind = "ADD_IPO"
                    elif spun_off.get(company, -1) > recent:
                        kind = "ADD_SPINOFF"
                item = history.identity_at(change.session, company)
                seen = change.session - 1 + selling.get((bits, company), 0) if was[company] else None
                rows.append(
                    (change.event_id, when.dates[change.session], code, company, item.cusip, item.ticker, kind,
                     when.dates[seen] if seen is not None else None)
                )  # fmt: skip
    columns = ["event_id", "effective_date", "index_code", "company", "cusip", "ticker", "change_type", "last_seen"]
    return pd.DataFrame(rows, columns=columns)


def _change_type(code: str, before: int, after: int, was: bool) -> str:
    """By the names of mart_reconstitution_change, seen from one index."""
    if code == "R2000":
        if was:
            return "MIGRATE_UP_TO_R1000" if after & R1000 else "MIGRATE_DOWN_TO_MICRO" if after & MICRO else "DELETE"
        return "MIGRATE_DOWN_FROM_R1000" if before & R1000 else "MIGRATE_UP_FROM_MICRO" if before & MICRO else "ADD_NEW"
    if code == "R1000":
        if was:
            return "MIGRATE_DOWN_TO_R2000" if after & R2000 else "DELETE"
        return "MIGRATE_UP_FROM_R2000" if before & R2000 else "ADD_NEW"
    return "DELETE" if was else "ADD_NEW"


def _between(history: History, first: int, end: int) -> pd.DataFrame:
    when = timeline()
    rows = []
    for session, company, before, after, why in history.between:
        if not first <= session < end:
            continue
        item = history.identity_at(session, company)
        for code, bits in BITS.items():
            if (before & bits > 0) == (after & bits > 0):
                continue
            change = "add" if after & bits else "delete"
            rows.append((code, when.dates[session], company, item.cusip, item.ticker, change, why))
    columns = ["index_code", "session_date", "company", "cusip", "ticker", "change", "why"]
    return pd.DataFrame(rows, columns=columns)


def _around(history: History, event: Event) -> tuple[Identity, Identity]:
    return history.identity_at(event.session - 1, event.company), history.identity_at(event.session, event.company)


def _renames(history: History, events: list[Event]) -> pd.DataFrame:
    rows = []
    for event in events:
        if event.kind == "rename":
            old, new = _around(history, event)
            day = timeline().dates[event.session]
            rows.append((day, event.company, old.cusip, old.ticker, new.ticker, old.name, new.name))
    columns = ["session_date", "company", "cusip", "old_ticker", "new_ticker", "old_name", "new_name"]
    return pd.DataFrame(rows, columns=columns)


def _departures(history: History, events: list[Event]) -> pd.DataFrame:
    rows = []
    for event in events:
        if event.kind in ("acquisition", "delisting"):
            item = history.identity_at(event.session, event.company)
            day = timeline().dates[event.session]
            rows.append((day, event.company, item.cusip, item.ticker, event.kind, event.value))
    return pd.DataFrame(rows, columns=["session_date", "company", "cusip", "ticker", "kind", "premium"])


def _listings(history: History, events: list[Event]) -> pd.DataFrame:
    rows = []
    for event in events:
        if event.kind in ("ipo", "ticker_reuse"):
            item = history.identity_at(event.session, event.company)
            day = timeline().dates[event.session]
            rows.append((day, event.company, item.cusip, item.ticker, event.value, event.kind == "ticker_reuse"))
    return pd.DataFrame(rows, columns=["session_date", "company", "cusip", "ticker", "size_usd", "reused_ticker"])


def _spin_offs(history: History, events: list[Event]) -> pd.DataFrame:
    rows = []
    for event in events:
        if event.kind == "spin_off":
            parent = history.identity_at(event.session, event.company)
            child = history.identity_at(event.session, event.other)
            day = timeline().dates[event.session]
            rows.append(
                (day, event.company, parent.cusip, parent.ticker, event.other, child.cusip, child.ticker, event.value)
            )
    columns = ["session_date", "company", "cusip", "ticker", "child", "child_cusip", "child_ticker", "part"]
    return pd.DataFrame(rows, columns=columns)


def _share_splits(history: History, events: list[Event]) -> pd.DataFrame:
    rows = []
    for event in events:
        if event.kind in ("reverse_split", "forward_split"):
            old, new = _around(history, event)
            day = timeline().dates[event.session]
            rows.append((day, event.company, old.cusip, new.cusip, new.ticker, event.value))
    columns = ["session_date", "company", "old_cusip", "new_cusip", "ticker", "ratio"]
    return pd.DataFrame(rows, columns=columns)


def _reuse(history: History, events: list[Event]) -> pd.DataFrame:
    rows = []
    departed = [event for event in history.events if event.kind in ("acquisition", "delisting")]
    for event in events:
        if event.kind != "ticker_reuse":
            continue
        new = history.identity_at(event.session, event.company)
        for old in departed:
            former = history.identity_at(old.session, old.company)
            if former.ticker == event.detail and old.session < event.session:
                rows.append((event.detail, former.cusip, new.cusip, timeline().dates[event.session]))
    return pd.DataFrame(rows, columns=["ticker", "old_cusip", "new_cusip", "session_date"])


def _suspensions(history: History, first: int, end: int) -> pd.DataFrame:
    dates = timeline().dates
    rows = [
        (item.company, dates[item.first], dates[item.last])
        for item in history.suspensions
        if first <= item.first and item.last < end
    ]
    return pd.DataFrame(rows, columns=["company", "first", "last"])
