"""Numbers and dates as sponsors print them. A dash or a blank is unknown, never zero."""

from __future__ import annotations

import datetime as dt
import math
import re
from typing import Any

_BLANKS = {"", "-", "--", "n/a", "nan"}
_MONTHS = {
    month: number
    for number, month in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), start=1
    )
}
_US = re.compile(r"([A-Za-z]{3})[a-z]*\.? (\d{1,2}), (\d{4})")  # May 05, 2026
_UK = re.compile(r"(\d{1,2})[-/ ]([A-Za-z]{3})[a-z]*[-/ ](\d{4})")  # 05-May-2026, 27/Aug/2026
_ISO = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})")  # 2026-05-05, 20260505


def words(value: Any) -> str | None:
    """A text with its outer blanks (non-breaking ones too) removed; None where nothing is known."""
    if value is None:
        return None
    text = str(value).replace("\u00a0", " ").strip()
    return None if text in ("", "-", "--") else text


def number(value: Any) -> float | None:
    """A printed number: `1,234.50`, `(12.3)`, `$5`, `0.5%`; None where nothing is known.

    Raises:
        ValueError: Anything else, infinities included.
    """
    if value is None:
        return None
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        result = float(value)
    else:
        text = str(value).replace("\u00a0", " ").strip()
        if text.lower() in _BLANKS:
            return None
        negative = text.startswith("(") and text.endswith(")")
        plain = text.strip("()").replace(",", "").replace("$", "").removesuffix("%").strip()
        if not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", plain):
            raise ValueError(f"not a number: {text[:40]!r}")
        result = -float(plain) if negative else float(plain)
    if math.isnan(result):
        return None
    if math.isinf(result):
        raise ValueError("not a finite number")
    return result


def day(value: Any) -> dt.date | None:
    """A printed date: `May 05, 2026`, `05-May-2026`, `27/Aug/2026`, `2026-05-05`, `20260505`; None for a dash.

    Raises:
        ValueError: Anything else.
    """
    text = words(value)
    if text is None:
        return None
    text = re.sub(r"\s+", " ", text)
    if match := _US.fullmatch(text):
        month, date, year = match.groups()
    elif match := _UK.fullmatch(text):
        date, month, year = match.groups()
    elif match := _ISO.fullmatch(text):
        return dt.date(*(int(part) for part in match.groups()))
    else:
        raise ValueError(f"not a date: {text[:40]!r}")
    if month.lower() not in _MONTHS:
        raise ValueError(f"not a date: {text[:40]!r}")
    return dt.date(int(year), _MONTHS[month.lower()], int(date))
