"""Reads SpreadsheetML 2003, the XML that some sponsors send as `.xls`."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from typing import TypeVar

from orchestration.vendors.xml_document import parse_xml

T = TypeVar("T")

# A workbook of BlackRock has under 200,000, the blank ones that an index skips included.
MOST_CELLS = 5_000_000

_NAMESPACE = "{urn:schemas-microsoft-com:office:spreadsheet}"
_BARE_AMPERSAND = re.compile(r"&(?!(?:amp|lt|gt|quot|apos|#\d+|#[xX][0-9a-fA-F]+);)")


def read_sheet(body: bytes, name: str) -> list[list[str]] | None:
    """Rows of one worksheet as texts; None where the workbook has no sheet of this name.

    Rows and cells left out through ss:Index come back as empty ones.

    Raises:
        ValueError: The body is not SpreadsheetML, even after escaping its bare ampersands, or the sheet has more than
            MOST_CELLS cells.
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
            room = _Room()
            return _placed([(row, _cells(row, room)) for row in sheet.iter(f"{_NAMESPACE}Row")], [], room)
    return None


class _Room:
    """How many cells and rows may still be made of a sheet: a wrong index must not allocate without bound."""

    def __init__(self) -> None:
        self.left = MOST_CELLS

    def take(self, count: int) -> int:
        """Take room for some of them, and give their number back.

        Raises:
            ValueError: There is no room left.
        """
        self.left -= count
        if self.left < 0:
            raise ValueError(f"more than {MOST_CELLS:,} cells")
        return count


def _cells(row: ET.Element, room: _Room) -> list[str]:
    cells = []
    for cell in row.iter(f"{_NAMESPACE}Cell"):
        data = cell.find(f"{_NAMESPACE}Data")
        cells.append((cell, "" if data is None else "".join(data.itertext()).strip()))
    return _placed(cells, "", room)


def _placed(items: list[tuple[ET.Element, T]], blank: T, room: _Room) -> list[T]:
    """Items in their places: ss:Index counts from 1 and skips what is empty."""
    out: list[T] = []
    for element, value in items:
        index = element.get(f"{_NAMESPACE}Index", "")
        if index.isascii() and index.isdigit() and len(index) < 10:
            out.extend([blank] * room.take(max(int(index) - 1 - len(out), 0)))
        room.take(1)
        out.append(value)
    return out
