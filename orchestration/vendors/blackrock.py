"""BlackRock / iShares: holdings snapshots, and NAV and shares outstanding by day."""

from __future__ import annotations

import csv
import datetime as dt
import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from orchestration.calendars import CALENDAR_END, CALENDAR_START, is_session, sessions_between
from orchestration.vendors import text as printed
from orchestration.vendors.answer import Answer, Parsed, Question, Rejected, ask, jsonable
from orchestration.vendors.http import Connection, Reply, Transport, VendorError, check_wire
from orchestration.vendors.spreadsheetml import read_sheet
from orchestration.vendors.tables import table

API = "/varnish-api/blk-one01-product-data/product-data/api/"
DOCUMENT = API + "v1/get-fund-document"
PRODUCT = API + "v2/get-product-data"
COMMON = {
    "appType": "PRODUCT_PAGE",
    "appSubType": "ISHARES",
    "targetSite": "us-ishares",
    "locale": "en_US",
    "userType": "individual",
}
# the API answers its own product pages: same application id, same kind of client
BROWSER = "Mozilla/5.0 (X11; Linux x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"
JSON_HEADERS = {"Accept": "application/json", "x-application-id": "pp-ui-csr", "User-Agent": BROWSER}
FILE_HEADERS = {"Accept": "*/*", "User-Agent": BROWSER}

# our column: its name in the JSON answer, and the names it has had in the CSV
FIELDS: dict[str, tuple[str, tuple[str, ...]]] = {
    "ticker": ("ticker", ("ticker",)),
    "name": ("issueName", ("name",)),
    "sector": ("sectorName", ("sector",)),
    "asset_class": ("assetClass", ("asset class",)),
    "market_value_usd": ("marketValue", ("market value",)),
    "weight_pct": ("holdingPercent", ("weight (%)", "weight(%)", "weight")),
    "notional_value_usd": ("notionalValue", ("notional value",)),
    "shares": ("unitsHeld", ("quantity", "shares")),
    "price_usd": ("unitPrice", ("price",)),
    "location": ("countryOfRisk", ("location",)),
    "exchange": ("exchange", ("exchange",)),
    "currency": ("currencyCode", ("currency",)),
    "market_currency": ("marketCurrencyCode", ("market currency",)),
    "cusip": ("cusip", ("cusip",)),
    "isin": ("isin", ("isin",)),
    "sedol": ("sedol", ("sedol",)),
}
REQUIRED = ("ticker", "name", "weight_pct")
NUMBERS = ("market_value_usd", "weight_pct", "notional_value_usd", "shares", "price_usd")


class BlackRock:
    """Files of iShares funds."""

    def __init__(self, connection: Connection) -> None:
        self._transport = Transport(connection)

    def holdings(self, fund: str, portfolio_id: int | str, as_of: dt.date | None) -> Answer:
        """Ask for one holdings snapshot: as JSON and, where that fails, as CSV.

        Args:
            fund: Ticker of the fund.
            portfolio_id: BlackRock's number for it.
            as_of: Session wanted; None for the newest file.

        Returns:
            Tables holding_snapshot (one row) and holding (one row per line; USD, percent, shares), keyed by the
            as-of date in the file. `empty` means that the date is not published.
        """
        question = Question("blackrock", "constituents", fund, as_of, as_of, "json")
        params: dict[str, Any] = {**COMMON, "portfolioId": portfolio_id}
        if as_of:
            params["asOfDate"] = f"{as_of:%Y%m%d}"

        def work() -> Parsed:
            try:
                reply = self._transport.get(PRODUCT, {**params, "component": "holdings.all"}, JSON_HEADERS)
                return _snapshot(fund, as_of, _read_json(reply), "json", reply.body)
            except VendorError as error:
                first = error
            try:
                reply = self._transport.get(DOCUMENT, {**params, "component": "holdings"}, FILE_HEADERS)
                parsed = _snapshot(fund, as_of, _read_csv(reply), "csv", reply.body)
            except VendorError as second:
                text = f"JSON {first.outcome}: {first.detail}; CSV {second.outcome}: {second.detail}"
                raise VendorError(second.outcome, text, second.http_status) from None
            note = f"CSV used, because JSON {first.outcome}: {first.detail}"
            return Parsed(
                parsed.outcome,
                parsed.rows,
                parsed.rejected,
                parsed.payload,
                "csv",
                "; ".join(filter(None, (parsed.detail, note))),
            )

        return ask(self._transport, question, work)

    def fund_days(self, symbol: str, portfolio_id: int | str, first: dt.date, last: dt.date, basis: dt.date) -> Answer:
        """Ask for the NAV and the shares outstanding of every day of a fund.

        Args:
            symbol: Ticker of the fund.
            portfolio_id: BlackRock's number for it.
            first: First session wanted.
            last: Last session wanted.
            basis: New York date of the request: BlackRock restates its history at splits up to here.

        Returns:
            Table fund_day; NAV and dividends in USD per share, null where the file has a dash.
        """
        question = Question("blackrock", "etf_shares", symbol, first, last, "xml")

        def work() -> Parsed:
            params = {**COMMON, "portfolioId": portfolio_id, "component": "fundDownload"}
            reply = self._transport.get(DOCUMENT, params, FILE_HEADERS)
            return _fund_days(symbol, first, last, basis, reply)

        return ask(self._transport, question, work)


@dataclass(frozen=True)
class _File:
    """One holdings file, unparsed: its own date, the fund's shares, and texts or numbers by line and column."""

    as_of: dt.date | None
    shares_outstanding: float | None
    lines: list[dict[str, Any]]
    broken: list[tuple[int, list[str]]]  # line number and cells of lines that do not fit the header


def _snapshot(fund: str, asked: dt.date | None, file: _File, file_format: str, payload: bytes) -> Parsed:
    if file.as_of is None:
        if file.lines:
            raise VendorError("malformed", f"{len(file.lines)} lines without an as-of date", 200)
        return Parsed("empty", payload=payload, file_format=file_format, detail="not published")
    note = _check_date(asked, file.as_of)
    if not file.lines:
        raise VendorError("malformed", f"dated {file.as_of} but without lines", 200)
    lines, rejected = _lines(fund, file)
    if not lines:
        raise VendorError("malformed", f"all {len(rejected)} lines rejected, first: {rejected[0].detail}", 200)
    content = json.dumps(lines, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    keys = {"vendor": "blackrock", "fund": fund, "as_of_date": file.as_of}
    snapshot = {
        **keys,
        "file_format": file_format,
        "lines": len(lines),
        "weight_sum_pct": sum(line["weight_pct"] or 0.0 for line in lines),
        "shares_outstanding": file.shares_outstanding,
        "lines_sha256": hashlib.sha256(content.encode()).hexdigest(),
    }
    rows = {
        "holding_snapshot": table("holding_snapshot", [snapshot]),
        "holding": table("holding", [keys | line for line in lines]),
    }
    return Parsed("ok", rows, tuple(rejected), payload, file_format, note)


def _check_date(asked: dt.date | None, header: dt.date) -> str:
    """Believe the file's own date, within reason; returns a note where it is not the one asked for."""
    if asked and header > asked:
        raise VendorError("malformed", f"asked for {asked}, the file is of {header}", 200)
    within = dt.date.fromisoformat(CALENDAR_START) <= header <= dt.date.fromisoformat(CALENDAR_END)
    if not within or not is_session(header):
        raise VendorError("malformed", f"the file is of {header}, which is not a session", 200)
    return f"asked for {asked}, the file is of {header}" if asked and header != asked else ""


def _lines(fund: str, file: _File) -> tuple[list[dict[str, Any]], list[Rejected]]:
    """Typed lines in file order, and those with an unreadable or impossible number."""
    lines: list[dict[str, Any]] = []
    rejected = [
        Rejected("holding", fund, file.as_of, "column_count", "the line does not fit the header", {str(no): cells})
        for no, cells in file.broken
    ]
    for raw in file.lines:
        line: dict[str, Any] = {"line_no": raw["line_no"]}
        try:
            for column in FIELDS:
                value = raw.get(column)
                line[column] = printed.number(value) if column in NUMBERS else printed.words(value)
        except ValueError as fault:
            rejected.append(Rejected("holding", fund, file.as_of, "bad_number", f"{column}: {fault}", jsonable(raw)))
            continue
        if line["price_usd"] is not None and line["price_usd"] < 0:
            detail = f"price {line['price_usd']}"
            rejected.append(Rejected("holding", fund, file.as_of, "negative_price", detail, jsonable(raw)))
            continue
        lines.append(line)
    return lines, rejected


def _read_json(reply: Reply) -> _File:
    check_wire(reply)
    try:
        document = json.loads(reply.body)
    except ValueError as fault:
        raise VendorError("malformed", f"not JSON (HTTP {reply.status}): {fault}", reply.status) from None
    try:
        points = document["componentsByNameMap"]["holdings"]["containersByNameMap"]["all"]["dataPointsByNameMap"]
        columns = {column: points[name]["value"] for column, (name, _) in FIELDS.items() if name in points}
        date = points["asOfDate"]
        as_of = printed.day(_only(date["value"]) or _only(date.get("formattedValue")))
    except (LookupError, TypeError, AttributeError, ValueError) as fault:
        text = f"not a holdings answer: {type(fault).__name__}: {fault}"
        raise VendorError("malformed", text, reply.status) from None
    _require(columns, [FIELDS[column][0] for column in REQUIRED if column not in columns], reply.status)
    if not all(isinstance(values, list) for values in columns.values()):
        if as_of is None and not any(columns.values()):
            return _File(None, None, [], [])
        raise VendorError("malformed", "columns are not arrays", reply.status)
    length = len(columns["ticker"])
    uneven = [f"{FIELDS[column][0]} {len(values)}" for column, values in columns.items() if len(values) != length]
    if uneven:
        raise VendorError("malformed", f"arrays of unequal length: ticker {length}, {', '.join(uneven)}", reply.status)
    lines = [
        {"line_no": n, **dict(zip(columns, values, strict=True))}
        for n, values in enumerate(zip(*columns.values(), strict=True), start=1)
    ]
    return _File(as_of, None, lines, [])


def _only(value: Any) -> Any:
    return value[0] if isinstance(value, list) and value else value or None


def _require(found: Any, missing: Sequence[str], status: int) -> None:
    if missing:
        have = ", ".join(found) or "none"
        raise VendorError("malformed", f"columns missing: {', '.join(missing)} (found: {have})", status)


def _read_csv(reply: Reply) -> _File:
    check_wire(reply)
    try:
        text = reply.body.decode("utf-8-sig").replace("\ufeff", "")
        rows = [[cell.replace("\u00a0", " ").strip() for cell in row] for row in csv.reader(io.StringIO(text))]
    except (UnicodeDecodeError, csv.Error) as fault:
        raise VendorError("malformed", f"not CSV (HTTP {reply.status}): {fault}", reply.status) from None
    labels = {row[0].lower(): row[1] for row in reversed(rows) if len(row) > 1}
    if "fund holdings as of" not in labels:
        raise VendorError("malformed", "no line 'Fund Holdings as of'", reply.status)
    try:
        as_of = printed.day(labels["fund holdings as of"])
        shares = printed.number(labels.get("shares outstanding"))
    except ValueError as fault:
        raise VendorError("malformed", f"preamble: {fault}", reply.status) from None
    starts = [n for n, row in enumerate(rows) if row and row[0].lower() == "ticker"]
    if not starts:
        _require((), ["Ticker"], reply.status)
    blocks = [_block(rows, start, reply.status) for start in starts]
    # iShares has sent the whole content twice
    if any(block != blocks[0] for block in blocks[1:]):
        raise VendorError("malformed", "two different tables in one file", reply.status)
    lines, broken = blocks[0]
    return _File(as_of, shares, lines, broken)


def _block(rows: list[list[str]], start: int, status: int) -> tuple[list[dict[str, Any]], list[tuple[int, list[str]]]]:
    """The table below one header line; it ends at the first line that holds one cell or none."""
    header = [cell.lower() for cell in rows[start]]
    places = {
        column: next((header.index(name) for name in names if name in header), None)
        for column, (_, names) in FIELDS.items()
    }
    _require(rows[start], [FIELDS[column][1][0] for column in REQUIRED if places[column] is None], status)
    lines: list[dict[str, Any]] = []
    broken: list[tuple[int, list[str]]] = []
    for number, row in enumerate(rows[start + 1 :], start=1):
        cells = row[: len(header)] if row[len(header) :] == [""] else row
        if len([cell for cell in cells if cell]) <= 1:
            break
        if len(cells) != len(header):
            broken.append((number, cells))
            continue
        known = {column: cells[place] for column, place in places.items() if place is not None}
        lines.append({"line_no": number, **known})
    return lines, broken


def _fund_days(symbol: str, first: dt.date, last: dt.date, basis: dt.date, reply: Reply) -> Parsed:
    check_wire(reply)
    try:
        sheet = read_sheet(reply.body, "Historical")
    except ValueError as fault:
        raise VendorError("malformed", f"{fault} (HTTP {reply.status})", reply.status) from None
    if sheet is None:
        raise VendorError("malformed", "no worksheet 'Historical'", reply.status)
    start = next((n for n, row in enumerate(sheet) if row and row[0].lower() == "as of"), None)
    if start is None:
        if not any(any(row) for row in sheet):
            return Parsed("empty", payload=reply.body, detail="the sheet is empty")
        _require((), ["As Of"], reply.status)
    header = [cell.lower() for cell in sheet[start or 0]]
    names = {"nav_usd": "nav per share", "shares_outstanding": "shares outstanding", "ex_dividend_usd": "ex-dividends"}
    needed = [names[column] for column in ("nav_usd", "shares_outstanding") if names[column] not in header]
    _require(header, needed, reply.status)
    places = {column: header.index(name) for column, name in names.items() if name in header}
    sessions = set(sessions_between(first, last))
    kept: dict[dt.date, dict[str, Any]] = {}
    rejected: list[Rejected] = []
    clashing: set[dt.date] = set()
    for cells in sheet[(start or 0) + 1 :]:
        if not any(cells):
            continue
        raw = {"as_of_date": cells[0]} | {c: cells[n] if n < len(cells) else "" for c, n in places.items()}

        def reject(day: dt.date | None, rule: str, detail: str, row: dict[str, Any] = raw) -> None:
            rejected.append(Rejected("fund_day", symbol, day, rule, detail, jsonable(row)))

        try:
            day = printed.day(cells[0])
        except ValueError as fault:
            reject(None, "bad_date", str(fault))
            continue
        if day is None:
            reject(None, "bad_date", "no date")
            continue
        if not first <= day <= last:
            continue
        try:
            values = {column: printed.number(raw[column]) for column in places}
        except ValueError as fault:
            reject(day, "bad_number", str(fault))
            continue
        known = [value for value in (values["nav_usd"], values["shares_outstanding"]) if value is not None]
        if day not in sessions:
            reject(day, "not_a_session", "the NYSE is closed on this date")
        elif not known:
            reject(day, "no_value", "neither NAV nor shares")
        elif min(known) <= 0:
            reject(day, "non_positive", f"NAV {values['nav_usd']}, shares {values['shares_outstanding']}")
        elif day in kept and any(kept[day][column] != value for column, value in values.items()):
            clashing.add(day)
            reject(day, "duplicate_date", "two different lines of one date")
        else:
            fixed = {"vendor": "blackrock", "symbol": symbol, "share_basis": "restated", "split_basis_date": basis}
            kept[day] = {**fixed, "as_of_date": day, **values}
    for day in sorted(clashing):
        row = kept.pop(day)
        detail = "two different lines of one date"
        rejected.append(Rejected("fund_day", symbol, day, "duplicate_date", detail, jsonable(row)))
    if not kept:
        expected = {"not_a_session", "no_value"}
        outcome = "empty" if all(row.rule in expected for row in rejected) else "malformed"
        detail = f"all {len(rejected)} days rejected" if rejected else "no days in the window"
        return Parsed(outcome, rejected=tuple(rejected), payload=reply.body, detail=detail)
    days = table("fund_day", [kept[day] for day in sorted(kept)])
    return Parsed("ok", {"fund_day": days}, tuple(rejected), reply.body)
