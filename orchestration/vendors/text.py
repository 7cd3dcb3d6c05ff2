"""Numbers and dates as sponsors print them. A dash or a blank is unknown, never zero."""

from __future__ import annotations

import datetime as dt
import json
import math
import re
from collections.abc import Sequence
from types import NoneType
from typing import Any

import numpy as np

_NOTHING = frozenset({"", "-", "--"})
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
_MONTH_FIRST = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})( \d{1,2}:\d{2}.*)?")  # 05/06/2026, 5/6/2026 12:00:00 AM
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def read_json(body: bytes) -> Any:
    """The document that a body holds; half of a surrogate pair, which no UTF-8 can store, comes back as "?".

    Raises:
        ValueError: The body is no JSON, or nested so deep that it cannot be read.
    """
    try:
        document = json.loads(body)
        if _SURROGATE.search(body):
            document = json.loads(json.dumps(document, ensure_ascii=False).encode("utf-8", "replace"))
    except RecursionError:
        raise ValueError("nested too deep") from None
    return document


def words(value: Any) -> str | None:
    """A text with its outer blanks (non-breaking ones too) removed; None where nothing is known."""
    if value is None:
        return None
    text = str(value).replace("\u00a0", " ").strip()
    return None if text in _NOTHING else text


def words_of(values: Sequence[Any]) -> list[str | None]:
    """`words` of every value of a column."""
    if not set(map(type, values)) <= {str, NoneType}:
        return [words(value) for value in values]
    distinct = set(values)
    if len(distinct) * 4 < len(values):
        known = {value: words(value) for value in distinct}
        return [known[value] for value in values]
    texts = ["" if value is None else value for value in values]
    if not "".join(texts).isascii():
        texts = [text.replace("\u00a0", " ") for text in texts]
    return [None if (text := padded.strip()) in _NOTHING else text for padded in texts]


def number(value: Any) -> float | None:
    """A printed number: `1,234.50`, `(12.3)`, `$5`, `0.5%`; None where nothing is known.

    Raises:
        ValueError: Anything else, infinities included.
    """
    if value is None:
        return None
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        try:
            result = float(value)
        except OverflowError:
            raise ValueError("not a finite number") from None
    else:
        text = str(value).replace("\u00a0", " ").strip()
        if text.lower() in _BLANKS:
            return None
        negative = text.startswith("(") and text.endswith(")")
        plain = text.strip("()").replace(",", "").replace("$", "").removesuffix("%").strip()
        if not _NUMBER.fullmatch(plain):
            raise ValueError(f"not a number: {text[:40]!r}")
        result = -float(plain) if negative else float(plain)
    if math.isnan(result):
        return None
    if math.isinf(result):
        raise ValueError("not a finite number")
    return result


def numbers_of(values: Sequence[Any]) -> tuple[np.ndarray, dict[int, str]]:
    """`number` of every value of a column: NaN where nothing is known, and what is wrong with a value by its place."""
    if set(map(type, values)) <= {float, int, NoneType}:
        try:
            found = np.array(values, dtype="float64")
        except OverflowError:
            pass  # the loop names the place
        else:
            if not np.isinf(found).any():
                return found, {}
    found = np.full(len(values), math.nan)
    faults: dict[int, str] = {}
    for place, value in enumerate(values):
        try:
            known = number(value)
        except ValueError as fault:
            faults[place] = str(fault)
        else:
            found[place] = math.nan if known is None else known
    return found, faults


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


def month_first(text: str) -> dt.date:
    """A date printed as `05/06/2026` or `5/6/2026`, the month first; a time of day may follow.

    Raises:
        ValueError: Anything else, blanks included.
    """
    match = _MONTH_FIRST.fullmatch(text)
    if match is None:
        raise ValueError(f"not a date: {text[:40]!r}")
    month, date, year = (int(part) for part in match.groups()[:3])
    return dt.date(year, month, date)
