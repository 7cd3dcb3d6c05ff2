"""NAV and shares outstanding from the fund sponsors."""

import datetime as dt
from collections.abc import Callable, Iterator

import dagster as dg
import pandas as pd

from orchestration.calendars import fund_available_at, previous_session, session_on_or_before
from orchestration.ingest import held_back
from orchestration.ingest.batch import Batch, asked_before, stamp
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
from orchestration.ingest.plan import window_to_ask
from orchestration.ingest.plots import last_year
from orchestration.vendors.answer import Answer
from orchestration.vendors.blackrock import BlackRock
from orchestration.vendors.direxion import Direxion
from orchestration.vendors.proshares import ProShares
from orchestration.vendors.ssga import StateStreet

# Assets as printed are shares times NAV; ProShares rounds its shares to thousands.
OUTLIERS = """
    select symbol as key, max(as_of_date || ': assets are not shares times NAV') as what
    from fund_day
    where as_of_date >= ? and vendor <> 'proshares' and abs(aum_usd / (nav_usd * shares_outstanding) - 1) > 0.001
    group by symbol
"""
FundDays = Callable[[str, dt.date, dt.date, dt.date], Answer]


@ingest_asset("sponsors", "fund_day", subject="funds")
def etf_shares(context: dg.AssetExecutionContext, config: IngestConfig) -> dg.MaterializeResult:
    """NAV per share and shares outstanding by fund and day, from the funds' sponsors.

    BlackRock and ProShares restate their history at splits, State Street does not, and Direxion publishes today only:
    its archive starts with the first run. Every file that differs from the last is kept as received.
    """
    session = open_session(context, config)
    instruments = seed("instrument")
    funds = instruments[instruments["shares_vendor"].notna()]
    last = min(session.last, last_published(session.now))
    start = session.settings.start
    stored = newest_by_key(session.lake, "fund_day", "symbol", "as_of_date", "shares_outstanding", session.now)
    with Batch(session.lake, session.now) as batch:
        for vendor, ask, symbols in _sponsors(session, funds):
            asked = asked_before(session.lake, vendor, "etf_shares", session.now)
            # Direxion shows one day only, which may be the one that has just closed
            until = min(session.last, session.last_closed) if vendor == "direxion" else last
            for number, symbol in enumerate(symbols, 1):
                history = asked.get(symbol, [])
                # a sponsor's file is always whole, so a day's question is always for all of it
                window = window_to_ask(history, start, until, session.now, start, session.refresh)
                if window is None:
                    continue
                answer = ask(symbol, *window, session.today)
                if answer.outcome == "ok" and answer.payload:
                    session.lake.archive(answer.payload, answer.file_format, vendor, "fund_days", symbol)
                if answer.rows:
                    impossible = held_back.impossible_assets(answer.rows["fund_day"], stored.get(symbol))
                    answer = held_back.without(answer, "fund_day", "as_of_date", impossible)
                frame = answer.rows.get("fund_day")
                if frame is None or frame.empty:
                    batch.add(answer)
                else:
                    known = stamp(frame["as_of_date"], fund_available_at, session.now, history)
                    batch.add(answer, {"fund_day": frame.join(known)})
                session.progress(context, vendor, number, len(symbols), f"{symbol}: {answer.outcome}", batch)
    lines = last_year(
        session.lake, "fund_day", "symbol", "as_of_date", "shares_outstanding / 1e6", ("IWM", "SPY"), session.now
    )
    pages = pictures(session, "fund_day", "as_of_date", lines, "million shares")
    expected = list(funds[funds["shares_vendor"].isin(list(session.settings.vendors))]["symbol"])
    return result(session, batch, ["fund_day"], _behind(session, expected, last), OUTLIERS, pages)


def _sponsors(session: Session, funds: pd.DataFrame) -> Iterator[tuple[str, FundDays, list[str]]]:
    """The sponsors that may be asked, how, and for which funds."""
    portfolios = dict(zip(funds["symbol"], funds["blackrock_portfolio_id"], strict=True))

    def blackrock() -> FundDays:
        client = BlackRock(session.connection("blackrock"))
        return lambda symbol, first, last, basis: client.fund_days(symbol, portfolios[symbol], first, last, basis)

    clients: dict[str, Callable[[], FundDays]] = {
        "blackrock": blackrock,
        "ssga": lambda: StateStreet(session.connection("ssga")).fund_days,
        "proshares": lambda: ProShares(session.connection("proshares")).fund_days,
        "direxion": lambda: Direxion(session.connection("direxion")).fund_days,
    }
    for vendor, client in clients.items():
        if session.asks(vendor):
            yield vendor, client(), list(funds[funds["shares_vendor"] == vendor]["symbol"])


def last_published(now: dt.datetime) -> dt.date:
    """The newest session whose sponsor files are out."""
    session = session_on_or_before(now.date())
    while fund_available_at(session) > now:
        session = previous_session(session)
    return session


def _behind(session: Session, symbols: list[str], last: dt.date) -> dict[str, str]:
    newest = newest_by_key(session.lake, "fund_day", "symbol", "as_of_date", "shares_outstanding", session.now)
    return {
        symbol: f"newest {newest[symbol]}" if symbol in newest else "nothing stored"
        for symbol in symbols
        if symbol not in newest or newest[symbol] < last
    }
