"""BlackRock / iShares: holdings snapshots, and NAV and shares outstanding by day."""

from __future__ import annotations

import csv
import datetime as dt
import hashlib
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from orchestration.calendars import CALENDAR_END, CALENDAR_START, is_session
from orchestration.vendors import text as printed
from orchestration.vendors.answer import Answer, Parsed, Question, Rejected, ask, jsonable
from orchestration.vendors.fund_day import FundDays
from orchestration.vendors.http import Connection, Reply, Transport, VendorError, check_wire
from orchestration.vendors.spreadsheetml import read_sheet
from orchestration.vendors.tables import table, table_of_columns
from orchestration.vendors.text import read_json

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
    """One holdings file, unparsed: its own date, the fund's shares, and texts or numbers by column and line."""

    as_of: dt.date | None
    shares_outstanding: float | None
    line_no: list[int]
    columns: dict[str, list[Any]]
    broken: list[tuple[int, list[str]]]  # line number and cells of lines that do not fit the header


def _snapshot(fund: str, asked: dt.date | None, file: _File, file_format: str, payload: bytes) -> Parsed:
    if file.as_of is None:
        if file.line_no:
            raise VendorError("malformed", f"{len(file.line_no)} lines without an as-of date", 200)
        return Parsed("empty", payload=payload, file_format=file_format, detail="not published")
    note = _check_date(asked, file.as_of)
    if not file.line_no:
        raise VendorError("malformed", f"dated {file.as_of} but without lines", 200)
    line_no, columns, rejected = _lines(fund, file)
    if not len(line_no):
        raise VendorError("malformed", f"all {len(rejected)} lines rejected, first: {rejected[0].detail}", 200)
    weights = columns["weight_pct"]
    keys = {"vendor": "blackrock", "fund": fund, "as_of_date": file.as_of}
    snapshot = {
        **keys,
        "file_format": file_format,
        "lines": len(line_no),
        "weight_sum_pct": math.fsum(weights[~np.isnan(weights)]),
        "shares_outstanding": file.shares_outstanding,
        "lines_sha256": _fingerprint(line_no, columns),
    }
    rows = {
        "holding_snapshot": table("holding_snapshot", [snapshot]),
        "holding": table_of_columns("holding", len(line_no), {**keys, "line_no": line_no, **columns}),
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


def _lines(fund: str, file: _File) -> tuple[np.ndarray, dict[str, Any], list[Rejected]]:
    """Numbers and typed columns of the lines in file order, and the lines with an unreadable or impossible number."""
    rejected = [
        Rejected("holding", fund, file.as_of, "column_count", "the line does not fit the header", {str(no): cells})
        for no, cells in file.broken
    ]
    length = len(file.line_no)
    nothing = [None] * length
    columns: dict[str, Any] = {}
    wrong: dict[int, tuple[str, str]] = {}  # rule and detail by place; the first column at fault is named
    for column in FIELDS:
        raw = file.columns.get(column, nothing)
        if column not in NUMBERS:
            columns[column] = printed.words_of(raw)
            continue
        columns[column], faults = printed.numbers_of(raw)
        for place, fault in faults.items():
            wrong.setdefault(place, ("bad_number", f"{column}: {fault}"))
    prices = columns["price_usd"]
    for place in np.flatnonzero(prices < 0).tolist():
        wrong.setdefault(place, ("negative_price", f"price {float(prices[place])}"))
    line_no = np.array(file.line_no, dtype="int64")
    if not wrong:
        return line_no, columns, rejected
    for place in sorted(wrong):
        raw_line = {"line_no": file.line_no[place]} | {name: values[place] for name, values in file.columns.items()}
        rejected.append(Rejected("holding", fund, file.as_of, *wrong[place], jsonable(raw_line)))
    good = np.array([place for place in range(length) if place not in wrong], dtype="int64")
    kept = {
        column: values[good] if column in NUMBERS else [values[place] for place in good]
        for column, values in columns.items()
    }
    return line_no[good], kept, rejected


def _fingerprint(line_no: np.ndarray, columns: dict[str, Any]) -> str:
    """Hash of the parsed lines, column by column: one byte sequence for one content, on every machine.

    Numbers are little-endian doubles with one NaN and one zero; texts are their lengths, -1 for null, then all of them
    joined, so that no text can pass for two.
    """
    digest = hashlib.sha256(line_no.astype("<i8").tobytes())
    for column, values in columns.items():
        digest.update(f"\n{column}\n".encode())
        if column in NUMBERS:
            digest.update(np.where(np.isnan(values), np.nan, values + 0.0).astype("<f8").tobytes())
        else:
            lengths = [-1 if value is None else len(value) for value in values]
            digest.update(np.array(lengths, dtype="<i8").tobytes())
            digest.update("".join(filter(None, values)).encode())
    return digest.hexdigest()


def _read_json(reply: Reply) -> _File:
    check_wire(reply)
    try:
        document = read_json(reply.body)
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
            return _File(None, None, [], {}, [])
        raise VendorError("malformed", "columns are not arrays", reply.status)
    length = len(columns["ticker"])
    uneven = [f"{FIELDS[column][0]} {len(values)}" for column, values in columns.items() if len(values) != length]
    if uneven:
        raise VendorError("malformed", f"arrays of unequal length: ticker {length}, {', '.join(uneven)}", reply.status)
    return _File(as_of, None, list(range(1, length + 1)), columns, [])


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
    return _File(as_of, shares, *blocks[0])


_Block = tuple[list[int], dict[str, list[str]], list[tuple[int, list[str]]]]


def _block(rows: list[list[str]], start: int, status: int) -> _Block:
    """The table below one header line; it ends at the first line that holds one cell or none."""
    header = [cell.lower() for cell in rows[start]]
    places = {
        column: next((header.index(name) for name in names if name in header), None)
        for column, (_, names) in FIELDS.items()
    }
    _require(rows[start], [FIELDS[column][1][0] for column in REQUIRED if places[column] is None], status)
    line_no: list[int] = []
    lines: list[list[str]] = []
    broken: list[tuple[int, list[str]]] = []
    for number, row in enumerate(rows[start + 1 :], start=1):
        cells = row[: len(header)] if row[len(header) :] == [""] else row
        if len([cell for cell in cells if cell]) <= 1:
            break
        if len(cells) != len(header):
            broken.append((number, cells))
            continue
        line_no.append(number)
        lines.append(cells)
    columns = {column: [cells[place] for cells in lines] for column, place in places.items() if place is not None}
    return line_no, columns, broken


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
    labels = {"nav_usd": "NAV", "shares_outstanding": "shares"}
    days = FundDays("blackrock", symbol, first, last, basis=basis, labels=labels)
    for cells in sheet[(start or 0) + 1 :]:
        if any(cells):
            numbers = {column: cells[place] if place < len(cells) else "" for column, place in places.items()}
            days.add({"as_of_date": cells[0]} | numbers)
    return days.parsed(reply.body)
