"""ProShares: NAV, shares outstanding and assets by day."""

from __future__ import annotations

import csv
import datetime as dt
import io

from orchestration.vendors import text as printed
from orchestration.vendors.answer import Answer, Parsed, Question, ask
from orchestration.vendors.fund_day import FundDays, Numbers
from orchestration.vendors.http import Connection, Reply, Transport, VendorError, check_wire

HISTORY = "/etfdata/ByFund/{}-historical_nav.csv"
# our column: its name in the file
FIELDS = {
    "as_of_date": "date",
    "nav_usd": "nav",
    "shares_outstanding": "shares outstanding (000)",
    "aum_usd": "assets under management",
}


class ProShares:
    """Files of ProShares funds."""

    def __init__(self, connection: Connection) -> None:
        self._transport = Transport(connection)

    def fund_days(self, symbol: str, first: dt.date, last: dt.date, basis: dt.date) -> Answer:
        """Ask for the NAV, the shares outstanding and the assets of every day of a fund.

        Shares are printed in thousands after all later splits are put into them. What is left of the early days of
        an inverse fund rounds to zero: such a day keeps its NAV and assets, and its shares are unknown.

        Args:
            symbol: Ticker of the fund.
            first: First session wanted.
            last: Last session wanted.
            basis: New York date of the request: ProShares restates NAV and shares at splits up to here.

        Returns:
            Table fund_day; NAV in USD per share, assets in USD, null where the file has a dash.
        """
        question = Question("proshares", "etf_shares", symbol, first, last, "csv")

        def work() -> Parsed:
            return _fund_days(symbol, first, last, basis, self._transport.get(HISTORY.format(symbol), {}))

        return ask(self._transport, question, work)


def _fund_days(symbol: str, first: dt.date, last: dt.date, basis: dt.date, reply: Reply) -> Parsed:
    days = FundDays(
        "proshares",
        symbol,
        first,
        last,
        basis=basis,
        labels={"nav_usd": "NAV", "shares_outstanding": "shares", "aum_usd": "assets"},
        read_date=printed.month_first,
        adjust=_whole_shares,
    )
    for raw in _read(symbol, reply):
        if raw.keys() == FIELDS.keys():
            days.add(raw)
        else:
            days.reject(None, "column_count", "the line does not fit the header", raw)
    return days.parsed(reply.body)


def _whole_shares(numbers: Numbers) -> Numbers:
    """Shares are printed in thousands; those that rounding took away are unknown."""
    thousands = numbers["shares_outstanding"]
    if thousands is None:
        return numbers
    shares = round(thousands * 1000)
    rounded_away = shares == 0 and (numbers["aum_usd"] or 0) > 0
    return numbers | {"shares_outstanding": None if rounded_away else float(shares)}


def _read(symbol: str, reply: Reply) -> list[dict[str, str]]:
    """Lines by our column, in file order; a line that does not fit the header is keyed by place instead.

    Raises:
        VendorError: Not this fund's file, not CSV, or a column is missing.
    """
    check_wire(reply)
    try:
        text = reply.body.decode("utf-8-sig")
        rows = [[cell.replace("\u00a0", " ").strip() for cell in row] for row in csv.reader(io.StringIO(text))]
    except (UnicodeDecodeError, csv.Error) as fault:
        raise VendorError("malformed", f"not CSV (HTTP {reply.status}): {fault}", reply.status) from None
    rows = [row for row in rows if any(row)]
    header = [cell.lower() for cell in rows[0]] if rows else []
    missing = [name for name in FIELDS.values() if name not in header]
    if missing:
        have = ", ".join(header)[:200] or "none"
        raise VendorError("malformed", f"columns missing: {', '.join(missing)} (found: {have})", reply.status)
    lines: list[dict[str, str]] = []
    for row in rows[1:]:
        cells = row[: len(header)] if row[len(header) :] == [""] else row
        if [cell.lower() for cell in cells] == header:  # the content can come twice
            continue
        if len(cells) != len(header):
            lines.append({str(place): cell for place, cell in enumerate(cells)})
            continue
        named = dict(zip(header, cells, strict=True))
        if named.get("ticker", symbol).upper() != symbol.upper():
            raise VendorError("malformed", f"asked for {symbol}, a line is of {named['ticker']}", reply.status)
        lines.append({column: named[name] for column, name in FIELDS.items()})
    return lines
