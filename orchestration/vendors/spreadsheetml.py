"""Reads SpreadsheetML 2003, the XML that some sponsors send as `.xls`."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from typing import TypeVar

from orchestration.vendors.xml_document import parse_xml

T = TypeVar("T")

_NAMESPACE = "{urn:schemas-microsoft-com:office:spreadsheet}"
_BARE_AMPERSAND = re.compile(r"&(?!(?:amp|lt|gt|quot|apos|#\d+|#[xX][0-9a-fA-F]+);)")


def read_sheet(body: bytes, name: str) -> list[list[str]] | None:
    """Rows of one worksheet as texts; None where the workbook has no sheet of this name.

    Rows and cells left out through ss:Index come back as empty ones.

    Raises:
        ValueError: The body is not SpreadsheetML, even after escaping its bare ampersands.
    """
    try:
        text = _BARE_AMPERSAND.sub("&amp;", body.decode("utf-8-sig").strip())
        # the declaration may name another encoding than the bytes have
        text = re.sub(r"^<\?xml[^>]*\?>", "", text)
        root = parse_xml(text.encode())
    except ValueError as fault:
        raise ValueError(f"not SpreadsheetML: {fault}") from None
    for sheet in root.iter(f"{_NAMESPACE}Worksheet"):
        if sheet.get(f"{_NAMESPACE}Name") == name:
            return _placed([(row, _cells(row)) for row in sheet.iter(f"{_NAMESPACE}Row")], [])
    return None


def _cells(row: ET.Element) -> list[str]:
    cells = []
    for cell in row.iter(f"{_NAMESPACE}Cell"):
        data = cell.find(f"{_NAMESPACE}Data")
        cells.append((cell, "" if data is None else "".join(data.itertext()).strip()))
    return _placed(cells, "")


def _placed(items: list[tuple[ET.Element, T]], blank: T) -> list[T]:
    """Items in their places: ss:Index counts from 1 and skips what is empty."""
    out: list[T] = []
    for element, value in items:
        index = element.get(f"{_NAMESPACE}Index", "")
        if index.isdigit():
            # a wrong index must not allocate without bound
            out.extend([blank] * min(int(index) - 1 - len(out), 100_000))
        out.append(value)
    return out
