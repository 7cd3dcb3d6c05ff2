"""Reads one sheet of an Office Open XML workbook, the `.xlsx` that some sponsors send."""

from __future__ import annotations

import datetime as dt
import io
from itertools import islice
from typing import Any

import openpyxl

# as many as the format allows; a row number far beyond would come with all the blank rows before it
MOST_ROWS = 1_048_576


def read_sheet(body: bytes, name: str) -> list[list[str]] | None:
    """Rows of one worksheet as texts, dates as ISO dates; None where the workbook has no sheet of this name.

    Raises:
        ValueError: The body is not a workbook, or a part of it cannot be read.
    """
    try:
        book = openpyxl.load_workbook(io.BytesIO(body), read_only=True, data_only=True)
        try:
            if name not in book.sheetnames:
                return None
            sheet = book[name]
            # the size written in the file may be wrong, and rows would be cut to it
            sheet.reset_dimensions()
            return [[_text(cell) for cell in row] for row in islice(sheet.iter_rows(values_only=True), MOST_ROWS)]
        finally:
            book.close()
    except Exception as fault:  # a broken part raises whatever the code that meets it raises
        raise ValueError(f"not an xlsx workbook: {type(fault).__name__}: {fault}") from None


def _text(cell: Any) -> str:
    if cell is None:
        return ""
    if isinstance(cell, dt.datetime):
        return cell.date().isoformat()
    return str(cell).replace("\u00a0", " ").strip()
