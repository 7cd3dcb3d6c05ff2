"""The SEC's fails-to-deliver files: which symbol each CUSIP traded under, twice a month since 2004.

Layout: https://www.sec.gov/data-research/sec-markets-data/fails-deliver-data. Only CUSIP, symbol, name and the dates
are taken from them; how many shares were not delivered is left in the file.
"""

from __future__ import annotations

import datetime as dt
import re
import zipfile
import zlib
from dataclasses import dataclass, field

from orchestration.vendors.answer import Parsed, Rejected
from orchestration.vendors.http import Reply, VendorError
from orchestration.vendors.tables import table
from orchestration.vendors.zip_archive import open_archive

ARCHIVE = "/files/data/fails-deliver-data"
HEADER = ("SETTLEMENT DATE", "CUSIP", "SYMBOL", "QUANTITY (FAILS)", "DESCRIPTION", "PRICE")
SECOND_HALF = 16

_TRAILER = re.compile(r"Trailer record count (\d+)")
_CUSIP = re.compile(r"[0-9A-Z]{8}[0-9A-Z*@#]")
_SYMBOL = re.compile(r"[A-Z][A-Z0-9]{0,9}")


@dataclass
class _Named:
    """What a file says of one CUSIP under one symbol."""

    name: str
    days: list[dt.date] = field(default_factory=list)


def file_path(period_end: dt.date) -> str:
    """Path of the file of the half month that ends on a date."""
    return f"{ARCHIVE}/cnsfails{period_end:%Y%m}{'a' if period_end.day < SECOND_HALF else 'b'}.zip"


def read_fails(reply: Reply, period_end: dt.date) -> Parsed:
    """The symbols of one file.

    Args:
        reply: A file with HTTP status 200.
        period_end: Last day of its half month.

    Returns:
        Table settlement_fail, one row per CUSIP and symbol, and the lines that could not be read.

    Raises:
        VendorError: malformed: no ZIP archive of one text, other columns, or fewer lines than the last line counts.
    """
    lines = _text(reply).splitlines()
    if not lines or tuple(lines[0].strip().split("|")) != HEADER:
        found = lines[0][:80] if lines else ""
        raise VendorError("malformed", f"columns {found!r}, expected {'|'.join(HEADER)!r}", reply.status)
    counted = next((int(found[1]) for line in lines[-3:] if (found := _TRAILER.match(line))), None)
    body = [line for line in lines[1:] if line.strip() and not line.startswith("Trailer ")]
    if counted is None or counted != len(body):
        said = "no count" if counted is None else f"a count of {counted}"
        raise VendorError("malformed", f"{len(body)} lines and {said} in the last line: the file is cut", reply.status)
    first = period_end.replace(day=1 if period_end.day < SECOND_HALF else SECOND_HALF)
    named: dict[tuple[str, str], _Named] = {}
    rejected = []
    for number, line in enumerate(body, 2):
        try:
            day, cusip, symbol, name = _line(line, first, period_end)
        except ValueError as fault:
            row = {"line_no": number, "line": line[:200]}
            rejected.append(
                Rejected("settlement_fail", f"line {number}", period_end, "unreadable_line", str(fault), row)
            )
            continue
        if symbol is not None:
            named.setdefault((cusip, symbol), _Named(name)).days.append(day)
    if not named:
        raise VendorError("malformed", f"none of {len(body)} lines can be read", reply.status)
    rows = [
        {
            "vendor": "sec",
            "period_end": period_end,
            "cusip": cusip,
            "symbol": symbol,
            "name": said.name,
            "first_settlement_date": min(said.days),
            "last_settlement_date": max(said.days),
        }
        for (cusip, symbol), said in sorted(named.items())
    ]
    return Parsed("ok", {"settlement_fail": table("settlement_fail", rows)}, tuple(rejected), reply.body)


def _text(reply: Reply) -> str:
    try:
        with open_archive(reply.body) as archive:
            (member,) = archive.infolist()
            return archive.read(member).decode("iso-8859-1")
    # what zipfile raises on a body that is damaged, encrypted or packed in another way
    except (zipfile.BadZipFile, zlib.error, ValueError, EOFError, RuntimeError) as fault:
        raise VendorError("malformed", f"not a ZIP archive of one text: {fault}", reply.status) from None


def _line(line: str, first: dt.date, last: dt.date) -> tuple[dt.date, str, str | None, str]:
    """Day, CUSIP, symbol and name; the symbol is None where the line has none, ValueError where it cannot be read."""
    # a few names hold a bar themselves
    parts = line.split("|", 4)
    if len(parts) != len(HEADER) - 1 or "|" not in parts[4]:
        raise ValueError(f"fewer than {len(HEADER)} columns")
    text, cusip, symbol, _ = (part.strip() for part in parts[:4])
    day = dt.datetime.strptime(text, "%Y%m%d").date()  # noqa: DTZ007 - a date has no time zone
    if not first <= day <= last:
        raise ValueError(f"settled on {day}, not between {first} and {last}")
    if not _CUSIP.fullmatch(cusip):
        raise ValueError(f"no CUSIP: {cusip[:20]!r}")
    if symbol and not _SYMBOL.fullmatch(symbol):
        raise ValueError(f"no symbol: {symbol[:20]!r}")
    return day, cusip, symbol or None, parts[4].rsplit("|", 1)[0].strip()
