"""ProShares: NAV, shares outstanding and assets by day."""

from __future__ import annotations

import csv
import datetime as dt
import io
import re

from orchestration.calendars import sessions_between
from orchestration.vendors import text as printed
from orchestration.vendors.answer import Answer, Parsed, Question, Rejected, ask, jsonable
from orchestration.vendors.http import Connection, Reply, Transport, VendorError, check_wire
from orchestration.vendors.tables import table

HISTORY = "/etfdata/ByFund/{}-historical_nav.csv"
# our column: its name in the file
FIELDS = {
    "as_of_date": "date",
    "nav_usd": "nav",
    "shares_outstanding": "shares outstanding (000)",
    "aum_usd": "assets under management",
}
NUMBERS = ("nav_usd", "shares_outstanding", "aum_usd")


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
    lines = _read(symbol, reply)
    sessions = set(sessions_between(first, last))
    kept: dict[dt.date, dict[str, float | None]] = {}
    rejected: list[Rejected] = []
    clashing: set[dt.date] = set()
    for raw in lines:

        def reject(day: dt.date | None, rule: str, detail: str, row: dict[str, str] = raw) -> None:
            rejected.append(Rejected("fund_day", symbol, day, rule, detail, jsonable(row)))

        if raw.keys() != FIELDS.keys():
            reject(None, "column_count", "the line does not fit the header")
            continue
        try:
            day = _day(raw["as_of_date"])
        except ValueError as fault:
            reject(None, "bad_date", str(fault))
            continue
        if not first <= day <= last:
            continue
        try:
            values = {column: printed.number(raw[column]) for column in NUMBERS}
        except ValueError as fault:
            reject(day, "bad_number", str(fault))
            continue
        thousands, assets = values["shares_outstanding"], values["aum_usd"]
        if thousands is not None:
            shares = round(thousands * 1000)
            rounded_away = shares == 0 and (assets or 0) > 0
            values["shares_outstanding"] = None if rounded_away else float(shares)
        known = [value for value in values.values() if value is not None]
        if day not in sessions:
            reject(day, "not_a_session", "the NYSE is closed on this date")
        elif not known:
            reject(day, "no_value", "neither NAV nor shares nor assets")
        elif min(known) <= 0:
            detail = f"NAV {values['nav_usd']}, shares {values['shares_outstanding']}, assets {assets}"
            reject(day, "non_positive", detail)
        elif kept.setdefault(day, values) != values:
            clashing.add(day)
            reject(day, "duplicate_date", "two different lines of one date")
    for day in sorted(clashing):
        row = {"as_of_date": day} | kept.pop(day)
        detail = "two different lines of one date"
        rejected.append(Rejected("fund_day", symbol, day, "duplicate_date", detail, jsonable(row)))
    if not kept:
        expected = {"not_a_session", "no_value"}
        outcome = "empty" if all(row.rule in expected for row in rejected) else "malformed"
        detail = f"all {len(rejected)} days rejected" if rejected else "no days in the window"
        return Parsed(outcome, rejected=tuple(rejected), payload=reply.body, detail=detail)
    fixed = {"vendor": "proshares", "symbol": symbol, "share_basis": "restated"}
    rows = [fixed | {"as_of_date": day, "split_basis_date": basis} | kept[day] for day in sorted(kept)]
    return Parsed("ok", {"fund_day": table("fund_day", rows)}, tuple(rejected), reply.body)


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


def _day(text: str) -> dt.date:
    """A date printed as `05/06/2026`, the month first."""
    match = re.fullmatch(r"(\d{1,2})/(\d{1,2})/(\d{4})", text)
    if match is None:
        raise ValueError(f"not a date: {text[:40]!r}")
    month, day, year = map(int, match.groups())
    return dt.date(year, month, day)
