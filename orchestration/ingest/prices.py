"""Daily bars and corporate actions from Yahoo."""

import datetime as dt
from collections.abc import Container, Sequence
from functools import cache

import dagster as dg
import pandas as pd

from orchestration.calendars import price_available_at
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
from orchestration.ingest.plan import OVERLAP_SESSIONS, Asked, sessions_before, window_to_ask
from orchestration.ingest.plots import last_year
from orchestration.vendors.answer import Answer
from orchestration.vendors.yahoo import Yahoo

# the date of a row, by table
DATES = {"yahoo_bar": "session_date", "yahoo_action": "ex_date"}
# A stored close that moved by more than this was restated, not rounded.
RESTATED = 1e-4
# The largest true moves of a day in a 3x fund are about 40 percent; more is a split nobody told.
OUTLIERS = """
    select symbol as key, max(session_date || ': ' || round(100 * move) || ' % in a day') as what
    from (
        select symbol, session_date, split_basis_date, close / lag(close) over by_day - 1 as move,
            lag(split_basis_date) over by_day as basis_before
        from (
            select * from yahoo_bar where session_date >= ? and symbol not like '^%'
            qualify row_number() over (partition by symbol, session_date order by fetched_at desc, ingest_seq desc) = 1
        )
        window by_day as (partition by symbol order by session_date)
    ) as moves
    where abs(move) > 0.6
        -- two bars on either side of a known split are re-based by dbt
        and not exists (
            select 1 from yahoo_action as split
            where split.action_type = 'split' and split.symbol = moves.symbol
            and split.ex_date > moves.basis_before and split.ex_date <= moves.split_basis_date
        )
    group by symbol
"""


@ingest_asset("yahoo", "yahoo_bar", "yahoo_action", subject="prices")
def prices(context: dg.AssetExecutionContext, config: IngestConfig) -> dg.MaterializeResult:
    """Daily bars, dividends and splits of every instrument, as Yahoo gives them.

    Prices are split-adjusted as of the fetch and never dividend-adjusted. The last five sessions are asked again once
    a day; a symbol with a new split or a restated close is pulled again from the first session.
    """
    session = open_session(context, config)
    symbols = list(seed("instrument")["symbol"])
    last = min(session.last, session.last_closed)
    with Batch(session.lake, session.now) as batch:
        if session.asks("yahoo"):
            yahoo = Yahoo(session.connection("yahoo"), session.settings.data_dir / "build" / "yahoo_cache")
            asked = asked_before(session.lake, "yahoo", "prices", session.now)
            stale_basis = _mixed_basis(session)
            for number, symbol in enumerate(symbols, 1):
                history = asked.get(symbol, [])
                window = window_to_ask(
                    history,
                    session.first,
                    last,
                    session.now,
                    sessions_before(last, OVERLAP_SESSIONS - 1),
                    session.refresh,
                )
                if window is None and symbol not in stale_basis:
                    continue
                whole = (session.settings.start, session.last_closed)
                answer = ask(yahoo, session, symbol, *(whole if symbol in stale_basis else window or whole))
                if answer.outcome == "ok" and window != whole and symbol not in stale_basis:
                    why = _restated(session, symbol, answer)
                    if why:
                        context.log.info(f"{symbol}: {why}; asking for its whole history again")
                        _add(batch, session, answer, history)
                        batch.flush()
                        answer = ask(yahoo, session, symbol, *whole)
                _add(batch, session, answer, history)
                session.progress(context, "yahoo", number, len(symbols), f"{symbol}: {answer.outcome}", batch)
    lines = last_year(
        session.lake, "yahoo_bar", "symbol", "session_date", "close", ("^RUT", "^GSPC", "IWM", "QQQ"), session.now
    )
    indexed = {name: 100 * series / series.iloc[0] for name, series in lines.items()}
    pages = pictures(session, "yahoo_bar", "session_date", indexed, "a year ago = 100")
    behind = session.expected("yahoo", _behind(session, symbols, last))
    return result(session, batch, ["yahoo_bar", "yahoo_action"], behind, OUTLIERS, pages)


def ask(yahoo: Yahoo, session: Session, symbol: str, first: dt.date, last: dt.date) -> Answer:
    """One symbol's bars; the prices carry all splits up to the clock's date."""
    return yahoo.history(symbol, first, last, basis=session.today)


def _add(batch: Batch, session: Session, answer: Answer, history: Sequence[Asked]) -> None:
    if answer.rows and answer.key in _of_stocks():
        impossible = held_back.impossible_bars(answer.rows["yahoo_bar"])
        answer = held_back.without(answer, "yahoo_bar", "session_date", impossible)
    batch.add(answer, stamped(answer, session.now, history))


def stamped(answer: Answer, now: dt.datetime, history: Sequence[Asked]) -> dict[str, pd.DataFrame]:
    """Bars and actions of an answer with when each could first be known, by table; one without rows is left out.

    Args:
        answer: What Yahoo said of a symbol.
        now: The warehouse clock.
        history: Earlier questions about the symbol.
    """
    frames = {name: answer.rows[name] for name in DATES if name in answer.rows and len(answer.rows[name])}
    return {
        name: frame.join(stamp(frame[DATES[name]], price_available_at, now, history)) for name, frame in frames.items()
    }


def new_split(answer: Answer, known: Container[dt.date]) -> dt.date | None:
    """Ex-date of the newest split of an answer that is not among the known ones."""
    actions = answer.rows.get("yahoo_action")
    if actions is None:
        return None
    told = actions.loc[actions["action_type"] == "split", "ex_date"]
    return max((day for day in told if day not in known), default=None)


@cache
def _of_stocks() -> frozenset[str]:
    """Funds and indices: yields and volatilities can double in a session."""
    instruments = seed("instrument")
    return frozenset(instruments["symbol"][instruments["instrument_type"].isin(["etf", "index"])])


def _restated(session: Session, symbol: str, answer: Answer) -> str:
    """Why the stored history of a symbol no longer fits the answer, or an empty text."""
    stored = session.lake.query(
        "select session_date, close from yahoo_bar where symbol = ? "
        "qualify row_number() over (partition by session_date order by fetched_at desc, ingest_seq desc) = 1",
        [symbol],
    ).to_pandas()
    if stored.empty:
        return ""
    known = set(
        session.lake.query(
            "select distinct ex_date from yahoo_action where symbol = ? and action_type = 'split'", [symbol]
        )
        .column("ex_date")
        .to_pylist()
    )
    new = new_split(answer, known)
    if new:
        return f"new split on {new}"
    both = answer.rows["yahoo_bar"].merge(stored, on="session_date", suffixes=("", "_stored"))
    # the newest stored bar may still have been moving when it was fetched
    both = both[both["session_date"] < stored["session_date"].max()]
    moved = both[(both["close"] / both["close_stored"] - 1).abs() > RESTATED]
    return f"close of {moved['session_date'].iloc[-1]} was restated" if len(moved) else ""


def _mixed_basis(session: Session) -> set[str]:
    """Symbols of which a part was stored before a known split and not pulled again after it."""
    rows = session.lake.query(
        """
        with bar as (
            select symbol, session_date, split_basis_date from yahoo_bar
            qualify row_number() over (partition by symbol, session_date order by fetched_at desc, ingest_seq desc) = 1
        ),
        split as (
            select symbol, max(ex_date) as ex_date from yahoo_action
            where action_type = 'split' and ex_date <= ? group by all
        )
        select distinct symbol from bar inner join split using (symbol)
        where session_date < ex_date and split_basis_date < ex_date
        """,
        [session.today],
    )
    return set(rows.column("symbol").to_pylist())


def _behind(session: Session, symbols: Sequence[str], last: dt.date) -> dict[str, str]:
    newest = newest_by_key(session.lake, "yahoo_bar", "symbol", "session_date", "close", session.now)
    expected = min(last, session.last_closed)
    return {
        symbol: f"newest {newest[symbol]}" if symbol in newest else "nothing stored"
        for symbol in symbols
        if symbol not in newest or newest[symbol] < expected
    }
