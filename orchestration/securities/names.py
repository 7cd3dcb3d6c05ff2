"""Tickers, names and share classes of securities, written so that two files can be compared."""

from __future__ import annotations

import re
from collections.abc import Mapping

from rapidfuzz import fuzz

# files cut names at 34 or 35 characters
CUT_LENGTH = 33

CLASS_WORD = re.compile(r"\b(?:CLASS|CL|SERIES|SER)\s+([A-Z0-9]{1,2})\b")
NON_VOTING = re.compile(r"\bNON[ -]?VOTING\b")
FORMS = frozenset(
    """
    INC INCORPORATED CORP CORPORATION CO COMPANY LTD LIMITED PLC LLC LP SA NV AG SE AB ASA BV SPA AS
    HOLDING HOLDINGS HLDG HLDGS HOLDIN REIT THE COM SHS ORD ADR SHARES STOCK COMMON NEW
    CLASS CLAS CLA CL SERIES SER VOTING NON NONVOTING
    """.split()  # noqa: SIM905 - a wall of quotes reads worse
)
WORDS = {
    "AND": "", "INTL": "INTERNATIONAL", "PHARMACEUTICAL": "PHARMACEUTICALS", "TECH": "TECHNOLOGIES",
    "TECHNOLOGY": "TECHNOLOGIES", "FINL": "FINANCIAL", "BANCORPORATION": "BANCORP", "SVCS": "SERVICES",
    "SERVICE": "SERVICES", "INDS": "INDUSTRIES", "LABS": "LABORATORIES", "SYS": "SYSTEMS", "NATL": "NATIONAL",
}  # fmt: skip


def plain_ticker(ticker: str, share_classes: Mapping[str, str]) -> str:
    """The ticker without separators: BF.B, BF/B and BFB are one."""
    return re.sub(r"[^A-Z0-9]", "", share_classes.get(ticker, ticker).upper())


def plain_name(name: str) -> str:
    """The name without legal form, share class and punctuation, in the words most files use."""
    text = CLASS_WORD.sub(" ", name.upper().replace("&", " AND ").replace("'", ""))
    words = [WORDS.get(word, word) for word in re.sub(r"[^A-Z0-9]+", " ", text).split()]
    kept = [word for word in words if word and word not in FORMS]
    return " ".join(kept or [word for word in words if word])


def share_class(ticker: str, name: str, share_classes: Mapping[str, str]) -> str | None:
    """The class the name states, else the one its ticker has; null where neither does."""
    found = CLASS_WORD.search(name.upper())
    if found:
        return found.group(1)
    if NON_VOTING.search(name.upper()):
        return "NON VOTING"
    symbol = share_classes.get(ticker)
    return symbol.rpartition("-")[2] if symbol and "-" in symbol else None


def name_score(one: str, other: str, *, strict: bool = False) -> float:
    """Similarity of two names, 0 to 100, without legal forms and whatever was cut off.

    Args:
        one: A name as the file writes it.
        other: Another.
        strict: Names must have the same words; otherwise one may have words that the other lacks.
    """
    first, second = plain_name(one), plain_name(other)
    if not first or not second:
        return 0.0
    score = fuzz.token_sort_ratio(first, second) if strict else fuzz.token_set_ratio(first, second)
    # the longer name was cut, or the shorter one ends in the middle of a word
    if max(len(one), len(other)) >= CUT_LENGTH:
        a, b = first.replace(" ", ""), second.replace(" ", "")
        length = min(len(a), len(b))
        if length >= 12:
            score = max(score, fuzz.ratio(a[:length], b[:length]))
    return float(score)
