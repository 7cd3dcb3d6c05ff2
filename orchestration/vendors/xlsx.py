"""Reads one sheet of an Office Open XML workbook, the `.xlsx` that some sponsors send."""

from __future__ import annotations

import datetime as dt
import io
import re
from collections.abc import Iterable
from typing import Any

import openpyxl

from orchestration.vendors.xml_document import check_xml
from orchestration.vendors.zip_archive import open_archive

# Thirty years of days have 8,000 rows of six cells. A cell far to the right, or a row far below, comes with all the
# blank ones before it.
MOST_CELLS = 5_000_000
MOST_ROWS = 1_048_576
MOST_TAGS = 1_000_000
# how XML can begin; pictures and settings of printers lie in a workbook as well
_XML = re.compile(rb"\A(\xef\xbb\xbf)?\s*<|\A(\xff\xfe|\xfe\xff|\0)")


def read_sheet(body: bytes, name: str) -> list[list[str]] | None:
    """Rows of one worksheet as texts, dates as ISO dates; None where the workbook has no sheet of this name.

    Raises:
        ValueError: The body is not a workbook, would unpack to more than any has, or a part of it cannot be read.
    """
    try:
        # before anything is parsed
        with open_archive(body) as archive:
            for member in archive.namelist():
                content = archive.read(member)
                if _XML.match(content):
                    check_xml(content, MOST_TAGS)
        book = openpyxl.load_workbook(io.BytesIO(body), read_only=True, data_only=True)
        try:
            if name not in book.sheetnames:
                return None
            sheet = book[name]
            # the size written in the file may be wrong, and rows would be cut to it
            sheet.reset_dimensions()
            return _rows(sheet.iter_rows(values_only=True))
        finally:
            book.close()
    except Exception as fault:  # a broken part raises whatever the code that meets it raises
        raise ValueError(f"not an xlsx workbook: {type(fault).__name__}: {fault}") from None


def _rows(sheet: Iterable[tuple[Any, ...]]) -> list[list[str]]:
    rows, cells = [], 0
    for row in sheet:
        cells += len(row)
        if len(rows) == MOST_ROWS or cells > MOST_CELLS:
            raise ValueError(f"more than {MOST_ROWS:,} rows or {MOST_CELLS:,} cells")
        rows.append([_text(cell) for cell in row])
    return rows


def _text(cell: Any) -> str:
    if cell is None:
        return ""
    if isinstance(cell, dt.datetime):
        return cell.date().isoformat()
    return str(cell).replace("\u00a0", " ").strip()
