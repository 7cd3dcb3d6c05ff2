"""What Yahoo shows of the present only: option chains, and the valuation of funds.

One snapshot a session, from its close to the next open; a session that was missed cannot be asked for later.
"""

import datetime as dt
from collections.abc import Callable, Sequence

import dagster as dg

from orchestration.calendars import NEW_YORK, snapshot_session
from orchestration.ingest.batch import Batch, asked_before, stamp
from orchestration.ingest.common import (
    IngestConfig,
    Session,
    ingest_asset,
    open_session,
    pictures,
    result,
    seed,
)
from orchestration.ingest.plan import is_snapshot_due
from orchestration.ingest.plots import last_year
from orchestration.vendors.answer import Answer
from orchestration.vendors.yahoo import Yahoo

# A fund of stocks has an implied volatility of some 8 to 90 percent near its price.
OPTION_OUTLIERS = """
    select underlying as key, max(session_date || ': ' || contract_symbol || ' at ' || implied_vol) as what
    from option_quote
    where session_date >= ? and bid > 0 and abs(strike / underlying_price - 1) < 0.02
        and expiry_date >= session_date + 14 and implied_vol not between 0.03 and 3
    group by underlying
"""
# Yahoo sends the inverse; either way a fund of stocks costs 4 to 100 times its earnings.
VALUATION_OUTLIERS = """
    select symbol as key, max(session_date || ': price to earnings as sent ' || price_to_earnings) as what
    from fund_valuation
    where session_date >= ? and price_to_earnings > 0
        and price_to_earnings not between 0.01 and 0.25 and price_to_earnings not between 4 and 100
    group by symbol
"""


@ingest_asset("yahoo", "option_quote", subject="prices")
def options(context: dg.AssetExecutionContext, config: IngestConfig) -> dg.MaterializeResult:
    """Option chains of the underlyings in seeds/option_underlying.csv, expiries up to 90 days ahead, once a session.

    Asked from a session's close to the next open and filed under that session. History starts with the first run:
    Yahoo shows the present only. Open interest is of the evening before.
    """
    session = open_session(context, config)
    symbols = list(seed("option_underlying")["symbol"])
    with Batch(session.lake, session.now) as batch:
        skipped = _take(context, session, batch, "options", "option_quote", symbols, Yahoo.option_chain)
    lines = last_year(
        session.lake, "option_quote", "underlying", "session_date", "underlying_price", tuple(symbols), session.now
    )
    pages = pictures(session, "option_quote", "session_date", lines, "underlying, USD")
    behind = session.expected("yahoo", _behind(session, "option_quote", "underlying", symbols, skipped))
    return result(session, batch, ["option_quote"], behind, OPTION_OUTLIERS, pages | _said(skipped))


@ingest_asset("yahoo", "fund_valuation", subject="prices")
def fund_valuation(context: dg.AssetExecutionContext, config: IngestConfig) -> dg.MaterializeResult:
    """Price to earnings, book, sales and cash flow of the funds in seeds/valuation_pair.csv, once a session.

    Numbers are stored as Yahoo sends them, which is the inverse of each ratio. History starts with the first run.
    """
    session = open_session(context, config)
    pairs = seed("valuation_pair")
    symbols = sorted({*pairs["symbol"], *pairs["benchmark_symbol"]})
    with Batch(session.lake, session.now) as batch:
        skipped = _take(context, session, batch, "fund_valuation", "fund_valuation", symbols, Yahoo.fund_valuation)
    lines = last_year(
        session.lake, "fund_valuation", "symbol", "session_date", "price_to_earnings", tuple(symbols), session.now
    )
    pages = pictures(session, "fund_valuation", "session_date", lines, "price to earnings, as sent")
    behind = session.expected("yahoo", _behind(session, "fund_valuation", "symbol", symbols, skipped))
    return result(session, batch, ["fund_valuation"], behind, VALUATION_OUTLIERS, pages | _said(skipped))


def _take(
    context: dg.AssetExecutionContext,
    session: Session,
    batch: Batch,
    dataset: str,
    table: str,
    symbols: Sequence[str],
    ask: Callable[[Yahoo, str, dt.date], Answer],
) -> str:
    """Ask for what the session's snapshot lacks; why nothing may be asked, or an empty text."""
    day = snapshot_session(session.now)
    if day is None:
        skipped = f"not asked: {session.last_closed} is over and the next session is not closed and settled"
    elif not session.first <= day <= session.last:
        skipped = f"not asked: Yahoo shows the session {day} only, which lies outside {session.first} to {session.last}"
    elif not session.asks("yahoo"):
        skipped = "not asked: Yahoo is not among the vendors of this run, or the lake is ahead of its clock"
    elif session.connection("yahoo").base_url is None and snapshot_session(dt.datetime.now(NEW_YORK)) != day:
        skipped = f"not asked: the clock stands still after {day}, and Yahoo shows the present"
    else:
        skipped = ""
    if skipped or day is None:
        context.log.info(f"{dataset} {skipped}")
        return skipped
    asked = asked_before(session.lake, "yahoo", dataset, session.now)
    due = [symbol for symbol in symbols if session.refresh or is_snapshot_due(asked.get(symbol, []), day, session.now)]
    yahoo = Yahoo(session.connection("yahoo"), session.settings.data_dir / "build" / "yahoo_cache")
    for number, symbol in enumerate(due, 1):
        answer = ask(yahoo, symbol, day)
        frame = answer.rows.get(table)
        if frame is None or frame.empty:
            batch.add(answer)
        else:
            # knowable from the moment it was seen: no other history of it exists
            known = stamp(frame["session_date"], lambda _: session.now, session.now, ())
            batch.add(answer, {table: frame.join(known)})
        session.progress(context, "yahoo", number, len(due), f"{symbol}: {answer.outcome}", batch)
    return ""


def _behind(session: Session, table: str, key: str, symbols: Sequence[str], skipped: str) -> dict[str, str]:
    """Keys without the newest session's snapshot; where past months only were asked for, none is expected."""
    if not session.first <= session.last_closed <= session.last:
        return {}
    rows = session.lake.query(
        f"select {key} as key, max(session_date) as newest from {table} where fetched_at <= ? group by all",
        [session.now],
    ).to_pylist()
    newest = {row["key"]: row["newest"] for row in rows}
    why = f" ({skipped})" if skipped else ""
    return {
        symbol: (f"newest {newest[symbol]}" if symbol in newest else "nothing stored") + why
        for symbol in symbols
        if newest.get(symbol, dt.date.min) < session.last_closed
    }


def _said(skipped: str) -> dict[str, dg.MetadataValue]:
    return {"skipped": dg.MetadataValue.text(skipped)} if skipped else {}
