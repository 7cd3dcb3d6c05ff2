"""SEC: the portfolio reports of funds (Form N-PORT), public each quarter, and the files of fails to deliver."""

from __future__ import annotations

import datetime as dt
import gc
import hashlib
import math
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from orchestration.calendars import CALENDAR_START, NEW_YORK, month_end, previous_session, session_on_or_before
from orchestration.vendors.answer import Answer, Parsed, Question, Rejected, ask, jsonable
from orchestration.vendors.http import Connection, Reply, Transport, VendorError, check_wire, is_web_page
from orchestration.vendors.sec_fails import file_path, read_fails
from orchestration.vendors.tables import table, table_of_columns
from orchestration.vendors.xml_document import parse_xml

FEED = "/cgi-bin/browse-edgar"
ARCHIVE = "/Archives/edgar/data"
FORM = "NPORT-P"
FEED_PAGE = 100
# Monthly publication would give a series some 12 a year: ten pages are eighty years.
FEED_PAGES = 10
# What the funds write, and the SEC where it withholds a value, when there is none.
NOTHING = frozenset({"", "N/A", "XXXX", "000000000"})
# Weights of an index fund's shares; cash and futures make up the rest.
EQUITY_WEIGHT_PCT = (95.0, 101.0)

_TITLE = re.compile(rb"<title>\s*(.*?)\s*</title>", re.IGNORECASE | re.DOTALL)
_NPORT = "{http://www.sec.gov/edgar/nport}"
_ATOM = "{http://www.w3.org/2005/Atom}"
_ACCESSION = re.compile(r"\d{10}-\d{2}-\d{6}")
_FOLDER = re.compile(r"/Archives/edgar/data/0*(\d+)/")


@dataclass(frozen=True)
class Entry:
    """One filing as a feed lists it.

    Attributes:
        cik: The registrant that filed, without leading zeros.
        accession: Number of the filing, with dashes.
        form: NPORT-P, or NPORT-P/A for an amendment.
        filed_date: Its date of filing.
        accepted_at: When EDGAR took it in.
    """

    cik: str
    accession: str
    form: str
    filed_date: dt.date
    accepted_at: dt.datetime


class Sec:
    """Portfolio reports of funds, and files of fails to deliver.

    Args:
        connection: How to reach www.sec.gov.
        user_agent: Who asks, `Name contact@domain`; without a contact the SEC answers every request with 403.
    """

    def __init__(self, connection: Connection, user_agent: str) -> None:
        self._transport = Transport(connection)
        self._headers = {"User-Agent": user_agent, "Accept-Encoding": "gzip, deflate"}

    def feed(self, fund: str, filer: str, first: dt.date, last: dt.date) -> Answer:
        """Ask which portfolio reports a fund has filed.

        Args:
            fund: Ticker of the fund.
            filer: Its series id, or the CIK of a trust that is one fund.
            first: Filings before this date are left out.
            last: New York date of the request.

        Returns:
            Table fund_filing_entry, one row per filing, amendments included. A feed shows no report dates.
        """
        question = Question("sec", "filing_feed", fund, first, last, "xml")
        params = {
            "action": "getcompany", "CIK": filer, "type": FORM, "dateb": "", "owner": "include",
            "count": FEED_PAGE, "output": "atom",
        }  # fmt: skip

        def work() -> Parsed:
            found: dict[str, Entry] = {}
            bodies = []
            for page in range(FEED_PAGES):
                start = {"start": page * FEED_PAGE} if page else {}
                reply = self._transport.get(FEED, params | start, self._headers)
                entries = _entries(reply)
                bodies.append(reply.body)
                found |= {entry.accession: entry for entry in entries}
                if len(entries) < FEED_PAGE:
                    break
            rows = [
                {"vendor": "sec", "fund": fund, **vars(entry)} for entry in found.values() if entry.filed_date >= first
            ]
            payload = b"\n".join(bodies)
            if not rows:
                return Parsed("empty", payload=payload, detail=f"no {FORM} filed since {first}")
            return Parsed("ok", {"fund_filing_entry": table("fund_filing_entry", rows)}, payload=payload)

        return ask(self._transport, question, work)

    def filing(
        self,
        fund: str,
        series_id: str | None,
        entry: Entry,
        with_lines: bool,
        first: dt.date,
        held: Mapping[dt.date, int] = MappingProxyType({}),
    ) -> Answer:
        """Ask for one filing.

        Args:
            fund: Ticker of the fund.
            series_id: Series that the filing must name; None for a trust that is one fund.
            entry: The filing.
            with_lines: Whether its portfolio is wanted, which must then be that of an index fund of shares.
            first: First report date wanted; an earlier report is `empty`.
            held: Lines of the periods that are stored: a report with fewer than half of them is no portfolio.

        Returns:
            Tables fund_filing (one row), fund_month (its three months; USD and percent) and, where wanted,
            fund_filing_line (one row per line; USD, percent, units as filed).
        """
        question = Question("sec", "filing", f"{fund} {entry.accession}", entry.filed_date, entry.filed_date, "xml")

        def work() -> Parsed:
            path = f"{ARCHIVE}/{entry.cik}/{entry.accession.replace('-', '')}/primary_doc.xml"
            reply = self._transport.get(path, {}, self._headers)
            with _without_collecting():
                return _filing(reply, fund, series_id, entry, with_lines, first, held)

        return ask(self._transport, question, work)

    def fails(self, period_end: dt.date) -> Answer:
        """Ask which symbols the CUSIPs traded under in half a month.

        Args:
            period_end: The 15th of a month or its last day.

        Returns:
            Table settlement_fail, one row per CUSIP and symbol; `not_found` where the SEC shows no such file.
        """
        question = Question("sec", "fails", f"{period_end}", period_end, period_end, "zip")

        def work() -> Parsed:
            reply = self._transport.get(file_path(period_end), {}, self._headers)
            _check(reply)
            return read_fails(reply, period_end)

        return ask(self._transport, question, work)


def book_date(report_date: dt.date) -> dt.date:
    """The session whose portfolio a filing shows: the one before the last session of the period.

    Trades count from the day after, so those of the last session are not in it; its prices are the period's last.
    """
    return previous_session(session_on_or_before(report_date))


@contextmanager
def _without_collecting() -> Generator[None]:
    """Keep Python from looking for cycles among a hundred thousand elements: it takes two thirds of the time."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def _check(reply: Reply) -> None:
    """Refuse what is no file, named as the SEC means it."""
    if reply.status == 403:
        title = _TITLE.search(reply.body)
        said = f": {title.group(1).decode('utf-8', 'replace')[:80]}" if title else ""
        raise VendorError("blocked", f"HTTP 403{said}", 403)
    check_wire(reply)
    if reply.status != 200:
        raise VendorError("malformed", f"HTTP {reply.status}", reply.status)


def _root(reply: Reply) -> ET.Element:
    """The document, if the reply is one."""
    _check(reply)
    try:
        return parse_xml(reply.body)
    except ValueError as fault:
        raise VendorError("malformed", str(fault), reply.status) from None


def _entries(reply: Reply) -> list[Entry]:
    if reply.status == 200 and is_web_page(reply.body) and b"No matching CIK" in reply.body:
        raise VendorError("unknown_symbol", "No matching CIK", 200)
    root = _root(reply)
    if root.tag != f"{_ATOM}feed":
        raise VendorError("malformed", f"a document {root.tag[:60]}, not a feed", reply.status)
    return [_entry(item, reply.status) for item in root.iter(f"{_ATOM}entry")]


def _entry(item: ET.Element, status: int) -> Entry:
    said = {part.tag.removeprefix(_ATOM): (part.text or "").strip() for part in item.iter()}
    folder = _FOLDER.search(said.get("filing-href", ""))
    if not _ACCESSION.fullmatch(said.get("accession-number", "")) or folder is None:
        raise VendorError("malformed", "an entry without accession number or address", status)
    if not said.get("filing-type", "").startswith(FORM):
        raise VendorError("malformed", f"an entry of form {said.get('filing-type', '')[:20]!r}", status)
    try:
        filed = dt.date.fromisoformat(said.get("filing-date", ""))
        accepted = dt.datetime.fromisoformat(said.get("updated", ""))
    except ValueError as fault:
        raise VendorError("malformed", f"an entry with a wrong date: {fault}", status) from None
    accepted = accepted if accepted.tzinfo else accepted.replace(tzinfo=NEW_YORK)
    return Entry(folder.group(1), said["accession-number"], said["filing-type"], filed, accepted.astimezone(dt.UTC))


def _filing(
    reply: Reply,
    fund: str,
    series_id: str | None,
    entry: Entry,
    with_lines: bool,
    first: dt.date,
    held: Mapping[dt.date, int],
) -> Parsed:
    root, status = _root(reply), reply.status
    form, general, facts = (
        root.find("/".join(_NPORT + part for part in path))
        for path in (("headerData", "submissionType"), ("formData", "genInfo"), ("formData", "fundInfo"))
    )
    if root.tag != f"{_NPORT}edgarSubmission" or form is None or general is None or facts is None:
        raise VendorError("malformed", "not a portfolio report: header, genInfo or fundInfo is missing", status)
    _check_owner(general, fund, series_id, entry, status)
    report_date = _day(general, "repPdDate", status)
    if report_date is None or not dt.date.fromisoformat(CALENDAR_START) < report_date <= entry.filed_date:
        raise VendorError("malformed", f"a report of {report_date} filed on {entry.filed_date}", status)
    if report_date < first:
        return Parsed("empty", payload=reply.body, detail=f"a report of {report_date}, before {first}")
    keys = {"vendor": "sec", "fund": fund, "report_date": report_date, "accession": entry.accession}
    net_assets = _amount(facts, "netAssets", status)
    if net_assets is None:
        raise VendorError("malformed", "no net assets", status)
    found = list(root.iter(f"{_NPORT}invstOrSec"))
    filing = {
        **keys,
        "cik": entry.cik,
        "series_id": _text(general, "seriesId"),
        "book_date": book_date(report_date),
        "form": (form.text or "").strip(),
        "filed_date": entry.filed_date,
        "accepted_at": entry.accepted_at,
        "fiscal_year_end": _day(general, "repPdEnd", status),
        "total_assets_usd": _amount(facts, "totAssets", status),
        "total_liabilities_usd": _amount(facts, "totLiabs", status),
        "net_assets_usd": net_assets,
        "cash_usd": _amount(facts, "cshNotRptdInCorD", status),
        "lines": len(found),
    }
    rows = {"fund_month": table("fund_month", _months(facts, keys, report_date, status))}
    rejected: list[Rejected] = []
    if with_lines:
        if 2 * len(found) < (before := held.get(report_date, 0)):
            raise VendorError("malformed", f"{len(found)} lines of {report_date}, where {before} are stored", status)
        columns, rejected = _lines(found, fund, report_date, status)
        length = len(columns["line_no"])
        equity = np.array([kind == "EC" for kind in columns["asset_category"]])
        weight = float(np.nansum(columns["weight_pct"][equity])) if length else 0.0
        low, high = EQUITY_WEIGHT_PCT
        if not low <= weight <= high:
            raise VendorError("malformed", f"weights of {equity.sum()} shares sum to {weight:.2f} %", status)
        filing |= {"equity_weight_pct": round(weight, 6), "lines_sha256": _fingerprint(reply.body)}
        rows["fund_filing_line"] = table_of_columns("fund_filing_line", length, {**keys, **columns})
    return Parsed("ok", {"fund_filing": table("fund_filing", [filing]), **rows}, tuple(rejected), reply.body)


def _check_owner(general: ET.Element, fund: str, series_id: str | None, entry: Entry, status: int) -> None:
    """Refuse the report of another fund: a trust files one for each."""
    if series_id is not None:
        asked, found = series_id, _text(general, "seriesId")
    else:
        asked, found = entry.cik, (_text(general, "regCik") or "").lstrip("0")
    if found != asked:
        raise VendorError("malformed", f"asked for {fund} ({asked}), the report is of {found}", status)


def _months(facts: ET.Element, keys: dict[str, Any], report_date: dt.date, status: int) -> list[dict[str, Any]]:
    """The three months of the quarter; month 3 is that of the report date. A fund of several classes has no return."""
    returns = list(facts.iter(f"{_NPORT}monthlyTotReturn"))
    rows = []
    for number in (1, 2, 3):
        flow = facts.find(f"{_NPORT}mon{number}Flow")
        if flow is None or {"sales", "redemption"} - set(flow.keys()):
            raise VendorError("malformed", f"no flows of month {number}", status)
        gained = returns[0].get(f"rtn{number}") if len(returns) == 1 else None
        rows.append(
            {
                **{name: keys[name] for name in ("vendor", "fund", "accession")},
                "report_date": report_date,
                "month_end": month_end(report_date, number - 3),
                "sales_usd": _number(flow.get("sales"), "sales", status),
                "redemptions_usd": _number(flow.get("redemption"), "redemption", status),
                "reinvested_usd": _number(flow.get("reinvestment"), "reinvestment", status),
                "total_return_pct": _number(gained, f"rtn{number}", status),
            }
        )
    return rows


# our column and the element that holds it
_TEXTS = {
    "name": "name", "title": "title", "lei": "lei", "cusip": "cusip", "units": "units", "payoff": "payoffProfile",
    "country": "invCountry",
}  # fmt: skip
_NUMBERS = {"balance": "balance", "value_usd": "valUSD", "weight_pct": "pctVal"}
_FLAGS = {"is_restricted": "isRestrictedSec", "fair_value_level": "fairValLevel"}
# columns that stand in attributes, or deeper
_NESTED_TEXTS = (
    "isin", "ticker", "other_id", "currency", "asset_category", "asset_description", "issuer_category",
    "derivative_kind",
)  # fmt: skip
_NESTED_NUMBERS = ("on_loan_usd", "notional_usd")
_PLAIN = {f"{_NPORT}{part}": column for column, part in (_TEXTS | _NUMBERS | _FLAGS).items()}
_NUMERIC = (*_NUMBERS, *_NESTED_NUMBERS)
_BLANK = dict.fromkeys((*_PLAIN.values(), *_NESTED_TEXTS, *_NESTED_NUMBERS))


def _lines(
    found: list[ET.Element], fund: str, report_date: dt.date, status: int
) -> tuple[dict[str, Any], list[Rejected]]:
    """Typed columns of the lines in file order, and the lines with a number that cannot be read."""
    if not found:
        raise VendorError("malformed", "no lines", status)
    lines = [_line(element) for element in found]
    missing = [part for column, part in (_NUMBERS | {"name": "name"}).items() if all(x[column] is None for x in lines)]
    if missing:
        raise VendorError("malformed", f"no line has {', '.join(missing)}", status)
    kept = list(enumerate(lines, 1))
    rejected = []
    try:
        numbers = {column: _floats([line[column] for line in lines]) for column in _NUMERIC}
    except ValueError:  # look at each of them
        faults = {number: fault for number, line in kept if (fault := _unreadable(line))}
        rejected = [
            Rejected("fund_filing_line", fund, report_date, "unreadable_number", fault, jsonable(lines[number - 1]))
            for number, fault in faults.items()
        ]
        kept = [(number, line) for number, line in kept if number not in faults]
        numbers = {column: _floats([line[column] for _, line in kept]) for column in _NUMERIC}
    columns: dict[str, Any] = {"line_no": [number for number, _ in kept]}
    for column in (*_TEXTS, *_NESTED_TEXTS):
        columns[column] = [line[column] for _, line in kept]
    columns["is_restricted"] = [{"Y": True, "N": False}.get(line["is_restricted"]) for _, line in kept]
    columns["fair_value_level"] = [{"1": 1, "2": 2, "3": 3}.get(line["fair_value_level"]) for _, line in kept]
    return columns | numbers, rejected


def _line(element: ET.Element) -> dict[str, Any]:
    """The texts of one line by column; None where the fund writes that there is none."""
    line: dict[str, Any] = _BLANK.copy()
    for part in element:
        column = _PLAIN.get(part.tag)
        if column is not None:
            line[column] = _known(part.text)
        elif (reader := _NESTED.get(part.tag)) is not None:
            reader(part, line)
    return line


def _identifiers(part: ET.Element, line: dict[str, Any]) -> None:
    for item in part:
        column = _IDENTIFIERS.get(item.tag)
        if column is not None:
            line[column] = _known(item.get("value"))


_IDENTIFIERS = {f"{_NPORT}isin": "isin", f"{_NPORT}ticker": "ticker", f"{_NPORT}other": "other_id"}


def _derivative(part: ET.Element, line: dict[str, Any]) -> None:
    for item in part:
        line["derivative_kind"] = item.get("derivCat") or item.tag.removeprefix(_NPORT)
    line["notional_usd"] = _known(part.findtext(f".//{_NPORT}notionalAmt"))


def _lending(part: ET.Element, line: dict[str, Any]) -> None:
    loan = part.find(f"{_NPORT}loanByFundCondition")
    line["on_loan_usd"] = None if loan is None else _known(loan.get("loanVal"))


def _asset(part: ET.Element, line: dict[str, Any]) -> None:
    line["asset_category"] = _known(part.get("assetCat") or part.text)
    line["asset_description"] = _known(part.get("desc"))


def _issuer(part: ET.Element, line: dict[str, Any]) -> None:
    line["issuer_category"] = _known(part.get("issuerCat") or part.text)


def _currency(part: ET.Element, line: dict[str, Any]) -> None:
    line["currency"] = _known(part.get("curCd") or part.text)


_NESTED: dict[str, Callable[[ET.Element, dict[str, Any]], None]] = {
    f"{_NPORT}identifiers": _identifiers,
    f"{_NPORT}derivativeInfo": _derivative,
    f"{_NPORT}securityLending": _lending,
    f"{_NPORT}assetCat": _asset,
    f"{_NPORT}assetConditional": _asset,
    f"{_NPORT}issuerCat": _issuer,
    f"{_NPORT}issuerConditional": _issuer,
    f"{_NPORT}curCd": _currency,
    f"{_NPORT}currencyConditional": _currency,
}


def _floats(texts: list[str | None]) -> np.ndarray:
    """A column of numbers, NaN where there is none; ValueError where one cannot be read."""
    values = np.array([math.nan if text is None else float(text) for text in texts])
    if np.isinf(values).any() or np.isnan(values).sum() != texts.count(None):
        raise ValueError("not finite numbers")
    return values


def _unreadable(line: dict[str, Any]) -> str:
    """What is wrong with the first number of a line that cannot be read."""
    for column in _NUMERIC:
        try:
            _floats([line[column]])
        except ValueError:
            return f"{column} {line[column][:40]!r}"
    return ""


def _finite(text: str) -> float:
    return float(_floats([text])[0])


def _known(text: str | None) -> str | None:
    return None if text is None or (text := text.strip()) in NOTHING else text


def _text(parent: ET.Element, name: str) -> str | None:
    return _known(parent.findtext(f"{_NPORT}{name}"))


def _day(parent: ET.Element, name: str, status: int) -> dt.date | None:
    text = _text(parent, name)
    try:
        return None if text is None else dt.date.fromisoformat(text)
    except ValueError:
        raise VendorError("malformed", f"{name} {text!r} is no date", status) from None


def _amount(parent: ET.Element, name: str, status: int) -> float | None:
    return _number(parent.findtext(f"{_NPORT}{name}"), name, status)


def _number(text: str | None, name: str, status: int) -> float | None:
    known = _known(text)
    try:
        return None if known is None else _finite(known)
    except ValueError:
        raise VendorError("malformed", f"{name} {known!r} is no number", status) from None


def _fingerprint(body: bytes) -> str:
    """Hash over the lines as filed: an amendment that leaves them alone has the same."""
    start, end = body.find(b"<invstOrSecs>"), body.rfind(b"</invstOrSecs>")
    return hashlib.sha256(body[start:end]).hexdigest()
