"""Direxion: shares outstanding of the current day, with NAV and assets worked out from the holdings."""

from __future__ import annotations

import csv
import datetime as dt
import io
import statistics

from orchestration.calendars import CALENDAR_START, is_session
from orchestration.vendors import text as printed
from orchestration.vendors.answer import Answer, Parsed, Question, Rejected, ask, jsonable
from orchestration.vendors.http import Connection, Reply, Transport, VendorError, check_wire
from orchestration.vendors.tables import table

HOLDINGS = "/holdings/{}.csv"
DATE, VALUE, PERCENT = "tradedate", "marketvalue", "holdingspercent"
# percent of net assets: a smaller line says too little about the whole, its weight being rounded
SIZEABLE_PCT = 5.0
# lines that put the assets further apart than this are worth a note
SPREAD = 0.01


class Direxion:
    """Files of Direxion funds."""

    def __init__(self, connection: Connection) -> None:
        self._transport = Transport(connection)

    def fund_days(self, symbol: str, first: dt.date, last: dt.date, basis: dt.date) -> Answer:
        """Ask for the shares outstanding of the newest day of a fund; there is no history.

        The file prints no assets: they are market value over weight, the median of all sizeable lines.

        Args:
            symbol: Ticker of the fund.
            first: First session wanted; an earlier file is kept under its own date.
            last: Last session wanted; a later file is not used.
            basis: New York date of the request. The one row is as it was printed, so its split basis is its own date.

        Returns:
            Table fund_day with one row; NAV in USD per share and assets in USD are derived.
        """
        question = Question("direxion", "etf_shares", symbol, first, last, "csv")

        def work() -> Parsed:
            return _fund_day(symbol, first, last, self._transport.get(HOLDINGS.format(symbol), {}))

        return ask(self._transport, question, work)


def _fund_day(symbol: str, first: dt.date, last: dt.date, reply: Reply) -> Parsed:
    rows = _read(reply)
    start, header = _header(rows, reply.status)
    shares = _shares(symbol, [row for row in rows[:start] if any(row)], reply.status)
    lines, rejected = _lines(symbol, header, rows[start + 1 :])
    day = _trade_date(lines, reply.status)
    if day > last:
        return Parsed("empty", payload=reply.body, detail=f"the file is of {day}, after {last}")
    raw = {"as_of_date": day, "shares_outstanding": shares}
    if day < dt.date.fromisoformat(CALENDAR_START) or not is_session(day):
        closed = Rejected("fund_day", symbol, day, "not_a_session", "the NYSE is closed on this date", jsonable(raw))
        return Parsed("empty", rejected=(closed,), payload=reply.body, detail=f"the file is of {day}, not a session")
    if shares <= 0:
        bad = Rejected("fund_day", symbol, day, "non_positive", f"shares {shares}", jsonable(raw))
        return Parsed("malformed", rejected=(bad,), payload=reply.body, detail=f"shares outstanding {shares}")
    estimates, doubtful = _assets(symbol, day, lines)
    rejected += doubtful
    if not estimates:
        detail = f"no line of {SIZEABLE_PCT:g} % or more to work the assets out from"
        return Parsed("malformed", rejected=tuple(rejected), payload=reply.body, detail=detail)
    assets = statistics.median(estimates)
    row = {
        "vendor": "direxion",
        "symbol": symbol,
        "as_of_date": day,
        "nav_usd": assets / shares,
        "shares_outstanding": shares,
        "aum_usd": assets,
        "share_basis": "as_reported",
        "split_basis_date": day,
    }
    notes = [f"asked from {first}, the file is of {day}"] if day < first else []
    if max(estimates) - min(estimates) > SPREAD * assets:
        notes.append(f"lines put the assets between {min(estimates):.0f} and {max(estimates):.0f}")
    return Parsed("ok", {"fund_day": table("fund_day", [row])}, tuple(rejected), reply.body, detail="; ".join(notes))


def _read(reply: Reply) -> list[list[str]]:
    check_wire(reply)
    try:
        text = reply.body.decode("utf-8-sig")
        return [[cell.replace("\u00a0", " ").strip() for cell in row] for row in csv.reader(io.StringIO(text))]
    except (UnicodeDecodeError, csv.Error) as fault:
        raise VendorError("malformed", f"not CSV (HTTP {reply.status}): {fault}", reply.status) from None


def _header(rows: list[list[str]], status: int) -> tuple[int, list[str]]:
    """The row that names the columns; it comes after the block about the fund."""
    start = next((n for n, row in enumerate(rows) if {DATE, VALUE, PERCENT} & set(map(str.lower, row))), None)
    header = [] if start is None else [cell.lower() for cell in rows[start]]
    missing = [name for name in (DATE, VALUE, PERCENT) if name not in header]
    if start is None or missing:
        have = ", ".join(header) or "none"
        raise VendorError("malformed", f"columns missing: {', '.join(missing)} (found: {have})", status)
    return start, header


def _shares(symbol: str, block: list[list[str]], status: int) -> float:
    """Shares outstanding from the block about the fund: its name, its ticker, `Shares Outstanding: n`."""
    ticker = block[1][0] if len(block) > 1 else ""
    if ticker.upper() != symbol.upper():
        raise VendorError("malformed", f"asked for {symbol}, the file is of {ticker[:40] or 'no fund'}", status)
    # commas in the number part it into cells
    texts = [",".join(row) for row in block[2:]]
    found = next((text for text in texts if text.lower().startswith("shares outstanding")), "")
    try:
        shares = printed.number(found.partition(":")[2].strip(" ,"))
    except ValueError as fault:
        raise VendorError("malformed", f"Shares Outstanding: {fault}", status) from None
    if shares is None:
        raise VendorError("malformed", "no number in a line 'Shares Outstanding:'", status)
    return shares


def _lines(symbol: str, header: list[str], rows: list[list[str]]) -> tuple[list[dict[str, str]], list[Rejected]]:
    """Holdings by column name, without blank lines and remarks, and those that do not fit the header."""
    lines: list[dict[str, str]] = []
    rejected: list[Rejected] = []
    for row in rows:
        cells = row[: len(header)] if row[len(header) :] == [""] else row
        if len([cell for cell in cells if cell]) <= 1 or [cell.lower() for cell in cells] == header:
            continue
        if len(cells) == len(header):
            lines.append(dict(zip(header, cells, strict=True)))
        else:
            detail = "the line does not fit the header"
            shown = {str(place): cell for place, cell in enumerate(cells)}
            rejected.append(Rejected("fund_day", symbol, None, "column_count", detail, shown))
    return lines, rejected


def _trade_date(lines: list[dict[str, str]], status: int) -> dt.date:
    try:
        days = {printed.month_first(line[DATE]) for line in lines}
    except ValueError as fault:
        raise VendorError("malformed", f"TradeDate: {fault}", status) from None
    if len(days) != 1:
        found = ", ".join(str(day) for day in sorted(days)[:5]) or "no line"
        raise VendorError("malformed", f"not one TradeDate: {found}", status)
    return days.pop()


def _assets(symbol: str, day: dt.date, lines: list[dict[str, str]]) -> tuple[list[float], list[Rejected]]:
    """What each sizeable line says the net assets are, and the lines that cannot be believed."""
    estimates: list[float] = []
    rejected: list[Rejected] = []
    for line in lines:
        try:
            value, percent = printed.number(line[VALUE]), printed.number(line[PERCENT])
        except ValueError as fault:
            rejected.append(Rejected("fund_day", symbol, day, "bad_number", str(fault), jsonable(line)))
            continue
        if value is None or percent is None or abs(percent) < SIZEABLE_PCT:
            continue
        if value * percent <= 0:
            detail = f"market value {value}, weight {percent} %"
            rejected.append(Rejected("fund_day", symbol, day, "non_positive", detail, jsonable(line)))
            continue
        estimates.append(value / (percent / 100))
    return estimates, rejected
