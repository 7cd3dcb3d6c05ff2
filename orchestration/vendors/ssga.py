"""State Street (SPDR): NAV, shares outstanding and net assets by day."""

from __future__ import annotations

import datetime as dt

from orchestration.vendors import text as printed
from orchestration.vendors.answer import Answer, Parsed, Question, ask
from orchestration.vendors.fund_day import FundDays
from orchestration.vendors.http import Connection, Reply, Transport, VendorError, check_wire
from orchestration.vendors.xlsx import read_sheet

HISTORY = "/library-content/products/fund-data/etfs/us/navhist-us-en-{}.xlsx"
SHEET = "navhist"
# our column: its name in the sheet
FIELDS = {
    "as_of_date": "date",
    "nav_usd": "nav",
    "shares_outstanding": "shares outstanding",
    "aum_usd": "total net assets",
}
LABELS = {"nav_usd": "NAV", "shares_outstanding": "shares", "aum_usd": "net assets"}


class StateStreet:
    """Files of SPDR funds."""

    def __init__(self, connection: Connection) -> None:
        self._transport = Transport(connection)

    def fund_days(self, symbol: str, first: dt.date, last: dt.date, basis: dt.date) -> Answer:
        """Ask for the NAV, the shares outstanding and the net assets of every day of a fund.

        Args:
            symbol: Ticker of the fund.
            first: First session wanted.
            last: Last session wanted.
            basis: New York date of the request. State Street leaves a day as it was printed, so the split basis of a
                row is its own date, whenever it is asked for.

        Returns:
            Table fund_day; NAV in USD per share, net assets in USD, null where the file has a dash.
        """
        question = Question("ssga", "etf_shares", symbol, first, last, "xlsx")

        def work() -> Parsed:
            reply = self._transport.get(HISTORY.format(symbol.lower()), {})
            return _fund_days(symbol, first, last, reply)

        return ask(self._transport, question, work)


def _fund_days(symbol: str, first: dt.date, last: dt.date, reply: Reply) -> Parsed:
    sheet = _read(reply)
    if not any(any(row) for row in sheet):
        return Parsed("empty", payload=reply.body, detail="the sheet is empty")
    start, places = _header(symbol, sheet, reply.status)
    days = FundDays("ssga", symbol, first, last, basis=None, labels=LABELS)
    for cells in sheet[start + 1 :]:
        raw = {column: cells[place] if place < len(cells) else "" for column, place in places.items()}
        if _holds_a_number(raw) or _is_dated(raw):  # else it is a line of the disclaimer
            days.add(raw)
    return days.parsed(reply.body)


def _read(reply: Reply) -> list[list[str]]:
    check_wire(reply)
    try:
        sheet = read_sheet(reply.body, SHEET)
    except ValueError as fault:
        raise VendorError("malformed", f"{fault} (HTTP {reply.status})", reply.status) from None
    if sheet is None:
        raise VendorError("malformed", f"no worksheet '{SHEET}'", reply.status)
    return sheet


def _header(symbol: str, sheet: list[list[str]], status: int) -> tuple[int, dict[str, int]]:
    """The row that names the columns, and their places; the fund named above it must be the one asked for."""
    start = next((n for n, row in enumerate(sheet) if "date" in map(str.lower, row)), None)
    if start is None:
        raise VendorError("malformed", "columns missing: date (no row holds it)", status)
    for row in sheet[:start]:
        if len(row) > 1 and row[0].lower().startswith("ticker") and row[1].upper() not in ("", symbol.upper()):
            raise VendorError("malformed", f"asked for {symbol}, the file is of {row[1]}", status)
    names = [cell.lower() for cell in sheet[start]]
    missing = [name for name in FIELDS.values() if name not in names]
    if missing:
        have = ", ".join(filter(None, names))
        raise VendorError("malformed", f"columns missing: {', '.join(missing)} (found: {have})", status)
    return start, {column: names.index(name) for column, name in FIELDS.items()}


def _holds_a_number(raw: dict[str, str]) -> bool:
    for column in LABELS:
        try:
            if printed.number(raw[column]) is not None:
                return True
        except ValueError:
            continue
    return False


def _is_dated(raw: dict[str, str]) -> bool:
    try:
        return printed.day(raw["as_of_date"]) is not None
    except ValueError:
        return False
