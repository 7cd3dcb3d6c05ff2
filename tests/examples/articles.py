"""Reads examples/articles.sql: one block for each claim, its header lines and its query."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass

from orchestration.settings import REPOSITORY

ARTICLES = REPOSITORY / "examples" / "articles.sql"
HEADER = re.compile(r"^-- (claim|published|as of|verdict|expect|no free source): (.+)$")


@dataclass(frozen=True)
class Claim:
    """One block of the file.

    Attributes:
        fields: Header lines by name.
        query: SQL; empty where no free source answers the claim.
    """

    fields: dict[str, str]
    query: str

    @property
    def name(self) -> str:
        """Number of the claim and the start of what was published."""
        return f"{self.fields['claim']} {self.fields.get('published', 'no free source')[:40]}"

    def agrees(self, rows: list[tuple]) -> bool:
        """Whether an answer is the expected one."""
        expected = self.fields["expect"]
        if expected == "no rows":
            return rows == []
        if not rows or rows[0][0] is None:
            return False
        found = rows[0][0]
        if expected in ("true", "false"):
            return found is (expected == "true")
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", expected):
            return isinstance(found, dt.date) and str(found)[:10] == expected
        value, _, tolerance = expected.partition(" ± ")
        return abs(float(found) - float(value)) <= float(tolerance) + 1e-9


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
            fields[header[1]] = header[2]
        elif fields and not line.startswith("--"):
            query.append(line)
    return [*found, Claim(fields, "\n".join(query).strip())]
