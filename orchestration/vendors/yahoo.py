"""Yahoo Finance through yfinance, with failures read from the wire: daily bars and what goes with them, snapshots."""

from __future__ import annotations

import datetime as dt
import math
import warnings
from collections import defaultdict
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import yfinance as yf

from orchestration.calendars import sessions_between
from orchestration.vendors.answer import Answer, Parsed, Question, Rejected, ask, jsonable
from orchestration.vendors.http import Connection, Reply, Transport, VendorError, check_wire
from orchestration.vendors.tables import table
from orchestration.vendors.text import read_json
from orchestration.vendors.yahoo_funds import fetch_fund_valuation
from orchestration.vendors.yahoo_options import fetch_option_chain
from orchestration.vendors.yahoo_session import YahooSession, is_moment, is_number

CHART_PATH = "/v8/finance/chart/"
PRICES = ("open", "high", "low", "close")
EVENTS = {
    "dividends": ("date", "amount"),
    "capitalGains": ("date", "amount"),
    "splits": ("date", "numerator", "denominator"),
}
# Yahoo answers in single precision: noise is about 1e-7, a price that disagrees is off by a cent.
SAME_PRICE = 1e-5
OHLC_TOLERANCE = 1e-4

# yfinance 1.7 calls pandas functions that pandas 4 will drop, once per request
warnings.filterwarnings("ignore", category=pd.errors.Pandas4Warning, module=r"yfinance\.")


class Yahoo:
    """One symbol at a time: its daily history, its option chain, the valuation of a fund's holdings."""

    def __init__(self, connection: Connection, cache_dir: Path) -> None:
        """Open a session for one run.

        Args:
            connection: How to reach Yahoo.
            cache_dir: Folder for yfinance's time zones and cookies; made if absent.
        """
        cache_dir.mkdir(parents=True, exist_ok=True)
        yf.set_tz_cache_location(str(cache_dir))
        self._transport = Transport(connection)
        self._session = YahooSession(self._transport)

    def history(self, symbol: str, first: dt.date, last: dt.date, basis: dt.date, dataset: str = "prices") -> Answer:
        """Ask for split-adjusted, dividend-unadjusted daily bars, and for dividends, splits and capital gains.

        Args:
            symbol: As Yahoo writes it: IWM, ^RUT, BRK-B.
            first: First session wanted.
            last: Last closed session; a later bar is dropped, so the running session never comes back.
            basis: New York date of the request; splits up to and including it are in the prices.
            dataset: Whose prices these are: prices of the instruments, or member_bars.

        Returns:
            Tables yahoo_bar and yahoo_action; prices in USD or index points, volume in shares, null if unknown.
        """
        question = Question("yahoo", dataset, symbol, first, last, "json")
        return ask(self._transport, question, lambda: self._history(symbol, first, last, basis))

    def option_chain(self, symbol: str, session: dt.date) -> Answer:
        """Ask for today's chain, all expiries up to HORIZON_DAYS ahead, one request each.

        Args:
            symbol: The underlying fund.
            session: The session the chain must describe; a chain of another one is `stale`.

        Returns:
            Table option_quote, whole or not at all; prices in USD, null where Yahoo sends nothing.
        """
        question = Question("yahoo", "options", symbol, session, session, "json")
        return ask(self._transport, question, lambda: fetch_option_chain(self._session, symbol, session))

    def fund_valuation(self, symbol: str, session: dt.date) -> Answer:
        """Ask for a fund's valuation ratios as Yahoo shows them today.

        Args:
            symbol: The fund.
            session: The session the snapshot is filed under.

        Returns:
            Table fund_valuation; each number exactly as Yahoo sends it.
        """
        question = Question("yahoo", "fund_valuation", symbol, session, session, "json")
        return ask(self._transport, question, lambda: fetch_fund_valuation(self._session, symbol, session))

    def _history(self, symbol: str, first: dt.date, last: dt.date, basis: dt.date) -> Parsed:
        with self._session.asking(CHART_PATH, lambda reply, params: _judge(reply, symbol, probe="range" in params)):
            frame = self._fetch(symbol, first, last)
            chart, payload = self._session.newest()
        if chart is None or chart.get("timestamp") is None:
            raise VendorError("malformed", "yfinance answered without asking for the chart")
        zone = ZoneInfo(chart["meta"]["exchangeTimezoneName"])
        wire = _wire_bars(chart, zone)
        bars, rejected = _bars(frame, wire, symbol, first, last, basis)
        actions = _actions(chart, zone, symbol, first, last, basis)
        if not bars and rejected:
            start = chart["meta"].get("firstTradeDate")
            born = _local_date(start, zone) if isinstance(start, (int, float)) else dt.date.min
            before = all(row.row_date is not None and row.row_date < born for row in rejected)
            outcome = "empty" if before else "malformed"
            return Parsed(outcome, rejected=rejected, payload=payload, detail=f"all {len(rejected)} bars rejected")
        if not bars and actions.empty:
            return Parsed("empty", payload=payload, detail="no closed session in the window")
        return Parsed("ok", {"yahoo_bar": table("yahoo_bar", bars), "yahoo_action": actions}, rejected, payload)

    def _fetch(self, symbol: str, first: dt.date, last: dt.date) -> pd.DataFrame:
        return yf.Ticker(symbol, session=self._session).history(
            start=first.isoformat(),
            end=(last + dt.timedelta(days=1)).isoformat(),
            interval="1d",
            auto_adjust=False,
            actions=True,
            keepna=True,
            repair=False,
        )


def _judge(reply: Reply, symbol: str, *, probe: bool) -> dict[str, Any]:
    """Check one chart answer and return its result.

    Args:
        reply: The answer; neither 429 nor 5xx.
        symbol: The symbol asked for.
        probe: Whether yfinance only asks for the exchange's time zone.

    Raises:
        VendorError: What is wrong with it.
    """
    try:
        document = read_json(reply.body)
        chart = document["chart"]
        error, results = chart.get("error"), chart.get("result")
    except (ValueError, LookupError, TypeError, AttributeError):
        check_wire(reply)
        raise VendorError("malformed", f"not a chart (HTTP {reply.status})", reply.status) from None
    if error:
        text = str(error.get("description") if isinstance(error, dict) else error)
        if reply.status == 404 or "symbol may be delisted" in text:
            raise VendorError("unknown_symbol", text, reply.status)
        if text.startswith("Data doesn't exist"):
            raise VendorError("empty", text, reply.status)
        raise VendorError("malformed", f"HTTP {reply.status}: {text}"[:300], reply.status)
    check_wire(reply)
    try:
        result = results[0]
        meta = result["meta"]
        answered, zone = meta["symbol"], meta["exchangeTimezoneName"]
        ZoneInfo(zone)
    except (LookupError, TypeError, ValueError, OSError) as fault:
        raise VendorError("malformed", f"chart without {fault}", reply.status) from None
    if str(answered).upper() != symbol.upper():
        raise VendorError("malformed", f"asked for {symbol}, answered {answered}", reply.status)
    if not probe:
        _check_arrays(result, reply.status)
    return result


def _check_arrays(result: dict[str, Any], status: int) -> None:
    granularity = result["meta"].get("dataGranularity", "1d")
    if granularity != "1d":
        raise VendorError("malformed", f"bars of {granularity} instead of 1d", status)
    stamps = result.get("timestamp")
    try:
        quote = result["indicators"]["quote"][0]
    except (LookupError, TypeError):
        raise VendorError("malformed", "chart without indicators.quote", status) from None
    if stamps is None and not quote:
        raise VendorError("empty", "no bars in the window", status)
    lengths = {name: len(quote[name]) if isinstance(quote.get(name), list) else None for name in (*PRICES, "volume")}
    wrong = [name for name, length in lengths.items() if not isinstance(stamps, list) or length != len(stamps)]
    if wrong:
        raise VendorError("malformed", f"chart columns missing or of another length: {', '.join(wrong)}", status)
    if not stamps:
        raise VendorError("empty", "no bars in the window", status)
    odd = [name for name in (*PRICES, "volume") if not all(v is None or is_number(v) for v in quote[name])]
    if not all(is_moment(stamp) for stamp in stamps):
        odd.append("timestamp")
    odd += [name for name, fields in EVENTS.items() if not _readable(result.get("events"), name, fields)]
    if odd:
        raise VendorError("malformed", f"not numbers: {', '.join(odd)}", status)


def _readable(events: Any, name: str, fields: tuple[str, ...]) -> bool:
    """Whether the events of one kind are absent, or all have their numbers."""
    group = events.get(name) if isinstance(events, dict) else events
    if not group:
        return True
    return isinstance(group, dict) and all(
        isinstance(event, dict) and all(is_number(event.get(field)) for field in fields) for event in group.values()
    )


def _local_date(stamp: float, zone: ZoneInfo) -> dt.date:
    # the zone, not meta.gmtoffset: that one is today's and shifts bars from before a clock change
    return dt.datetime.fromtimestamp(stamp, zone).date()


def _wire_bars(chart: dict[str, Any], zone: ZoneInfo) -> dict[dt.date, list[dict[str, Any]]]:
    """All bars as sent, by exchange-local date."""
    quote = chart["indicators"]["quote"][0]
    names = (*PRICES, "volume")
    out: dict[dt.date, list[dict[str, Any]]] = defaultdict(list)
    for stamp, *values in zip(chart["timestamp"], *(quote[name] for name in names), strict=True):
        out[_local_date(stamp, zone)].append(dict(zip(names, values, strict=True)))
    return out


def _bars(
    frame: pd.DataFrame,
    wire: dict[dt.date, list[dict[str, Any]]],
    symbol: str,
    first: dt.date,
    last: dt.date,
    basis: dt.date,
) -> tuple[list[dict[str, Any]], tuple[Rejected, ...]]:
    """Accepted bars and rejected ones, in date order."""
    sessions = set(sessions_between(first, last))
    accepted: list[dict[str, Any]] = []
    rejected: list[Rejected] = []
    columns = [frame[name].tolist() for name in ("Open", "High", "Low", "Close", "Volume")]
    for stamp, *prices, volume in zip(frame.index, *columns, strict=True):
        day = stamp.date()
        # yfinance adds an empty row for a dividend outside the bars: not the vendor's
        if not first <= day <= last or day not in wire:
            continue
        values = {name: None if math.isnan(value) else value for name, value in zip(PRICES, prices, strict=True)}
        row: dict[str, Any] = {"symbol": symbol, "session_date": day, **values}
        row["volume"] = _volume(volume, values["close"], wire[day])
        row["split_basis_date"] = basis
        fault = _fault(row, sessions)
        if fault:
            rejected.append(Rejected("yahoo_bar", symbol, day, *fault, jsonable(row)))
        else:
            accepted.append(row)
        for other in wire[day]:
            if _disagrees(other["close"], values["close"]):
                detail = f"closes {other['close']} and {values['close']} on one date; the second was kept"
                bar = jsonable({"symbol": symbol, "session_date": day, **other})
                rejected.append(Rejected("yahoo_bar", symbol, day, "duplicate_date", detail, bar))
    return accepted, tuple(rejected)


def _volume(volume: int, close: float | None, wire: list[dict[str, Any]]) -> int | None:
    """Yfinance turns an unknown volume into 0; the wire knows which one it was."""
    same = [bar["volume"] for bar in wire if bar["close"] == close]
    return None if volume == 0 and same and all(value is None for value in same) else volume


def _disagrees(other: float | None, kept: float | None) -> bool:
    return other is not None and kept is not None and abs(other - kept) > SAME_PRICE * abs(kept)


def _fault(row: dict[str, Any], sessions: set[dt.date]) -> tuple[str, str] | None:
    """The first check a bar fails, and why."""
    known = {name: row[name] for name in PRICES if row[name] is not None}
    if row["session_date"] not in sessions:
        return "not_a_session", "the NYSE is closed on this date"
    if "close" not in known:
        return "null_close", "no close"
    if not all(math.isfinite(value) for value in known.values()):
        return "non_finite", "an infinite price"
    if min(known.values()) <= 0:
        return "non_positive_price", f"lowest price {min(known.values())}"
    body = [known[name] for name in ("open", "close") if name in known]
    high, low = known.get("high", max(body)), known.get("low", min(body))
    if high < max(*body, low) * (1 - OHLC_TOLERANCE) or low > min(*body, high) * (1 + OHLC_TOLERANCE):
        return "ohlc_order", f"high {high} and low {low} do not enclose {', '.join(f'{value}' for value in body)}"
    if row["volume"] is not None and row["volume"] < 0:
        return "negative_volume", f"volume {row['volume']}"
    return None


def _actions(
    chart: dict[str, Any], zone: ZoneInfo, symbol: str, first: dt.date, last: dt.date, basis: dt.date
) -> pd.DataFrame:
    """Dividends, splits and capital gains with their own ex-dates.

    Read from the wire: yfinance moves an event without a bar to the session before.
    """
    events = chart.get("events") or {}
    values: dict[tuple[dt.date, str], float] = {}
    for kind, name in (("dividend", "dividends"), ("capital_gain", "capitalGains")):
        for event in (events.get(name) or {}).values():
            key = (_local_date(event["date"], zone), kind)
            values[key] = values.get(key, 0.0) + event["amount"]
    for event in (events.get("splits") or {}).values():
        if event["numerator"] <= 0 or event["denominator"] <= 0:
            raise VendorError("malformed", f"a split of {event['numerator']}:{event['denominator']}", 200)
        key = (_local_date(event["date"], zone), "split")
        values[key] = values.get(key, 1.0) * event["numerator"] / event["denominator"]
    rows = [
        {"symbol": symbol, "ex_date": day, "action_type": kind, "value": value, "split_basis_date": basis}
        for (day, kind), value in sorted(values.items())
        if value and first <= day <= last
    ]
    return table("yahoo_action", rows)
