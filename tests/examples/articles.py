"""Reads examples/articles.sql: one block for each statement, its header lines and its query."""

from __future__ import annotations

import csv
import datetime as dt
import re
from dataclasses import dataclass
from functools import cached_property

from orchestration.settings import REPOSITORY

ARTICLES = REPOSITORY / "examples" / "articles.sql"
SEEDS = REPOSITORY / "dbt_project" / "seeds"
FIELDS = ("claim", "published", "as of", "verdict", "proxy", "expect", "control", "no free source", "not stored")
HEADER = re.compile(rf"^-- ({'|'.join(FIELDS)}): (.+)$")
LITERAL = re.compile(r"'([^']*)'")
# what an article may call an instrument or a series by; every other name needs a line `proxy`
NAMES = {
    "^RUT": "Russell 2000",
    "^GSPC": "S&P 500",
    "DGS10": "10-year",
    "DFEDTARU": "the Fed",
    "CPIAUCSL": "CPI",
    "BAMLH0A0HYM2": "high-yield",
}


@dataclass(frozen=True)
class Claim:
    """One block of the file.

    Attributes:
        fields: Header lines by name.
        query: SQL; empty where the block gives the reason why there is none.
    """

    fields: dict[str, str]
    query: str

    @property
    def name(self) -> str:
        """Number of the claim and the start of what was published."""
        return f"{self.fields['claim']} {self.fields.get('published', 'no query')[:40]}"

    @cached_property
    def measured(self) -> set[str]:
        """Instruments and series the query names."""
        return set(LITERAL.findall(self.query)) & (_keys("instrument", "symbol") | _keys("series", "series_id"))

    def undeclared(self) -> set[str]:
        """Instruments and series of the query that neither the article names nor a line `proxy`."""
        named = f"{self.fields.get('published', '')} {self.fields.get('proxy', '')}"
        return {key for key in self.measured if not _mentions(named, key) and NAMES.get(key, "\0") not in named}

    def needs_proxy(self) -> bool:
        """Whether the query takes a measure that calls itself a proxy."""
        return "proxy" in self.query

    def idle_proxy(self) -> bool:
        """Whether a line `proxy` names nothing that the query asks."""
        parts = {part for literal in LITERAL.findall(self.query) for part in literal.split("_")} | self.measured
        return "proxy" in self.fields and not any(_mentions(self.fields["proxy"], part) for part in parts if part)

    def agrees(self, rows: list[tuple]) -> bool:
        """Whether an answer is the expected one: each value of `expect` against its column of the only row."""
        if self.fields["expect"] == "no rows":
            return rows == []
        expected = self.fields["expect"].split(", ")
        return len(rows) == 1 and all(_equal(*pair) for pair in zip(expected, rows[0], strict=False))


def claims() -> list[Claim]:
    """Every block of the file, in its order."""
    found: list[Claim] = []
    fields: dict[str, str] = {}
    query: list[str] = []
    for line in ARTICLES.read_text(encoding="utf-8").splitlines():
        header = HEADER.match(line)
        if header and header[1] == "claim" and fields:
            found.append(Claim(fields, "\n".join(query).strip()))
            fields, query = {}, []
        if header:
            if header[1] in fields:
                raise ValueError(f"{ARTICLES.name}, claim {fields['claim']}: two lines `{header[1]}`")
            fields[header[1]] = header[2]
        elif fields and line.startswith("--"):
            raise ValueError(f"{ARTICLES.name}, claim {fields['claim']}: no header of a block is called so: {line}")
        elif fields:
            query.append(line)
    return [*found, Claim(fields, "\n".join(query).strip())]


def _equal(expected: str, found: object) -> bool:
    if expected == "null" or found is None:
        return expected == "null" and found is None
    if expected in ("true", "false"):
        return found is (expected == "true")
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", expected):
        return isinstance(found, dt.date) and str(found)[:10] == expected
    value, between, tolerance = expected.partition(" ± ")
    if not between:
        return found == expected
    return abs(float(str(found)) - float(value)) <= float(tolerance) + 1e-9


def _mentions(text: str, key: str) -> bool:
    return re.search(rf"(?<![\w^]){re.escape(key)}(?!\w)", text) is not None


def _keys(seed: str, column: str) -> set[str]:
    with (SEEDS / f"{seed}.csv").open(encoding="utf-8", newline="") as file:
        return {row[column] for row in csv.DictReader(file)}
