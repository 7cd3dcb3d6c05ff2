"""The parts of a published table, and what tells whether one changed since the last release.

A table of more rows than a file should hold has a file for each year; the served database takes it in month by month.
The rows of a part are hashed by DuckDB and the hashes summed, which no order of rows changes: a table of a million rows
costs some tenths of a second, where sorting, compressing and hashing its files takes as many seconds.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

import duckdb

from orchestration.publish.tables import Table, literal, quoted

BIG_TABLE_ROWS = 1_000_000
YEAR_COLUMNS = ("session_date", "flow_date", "as_of_date")


@dataclass(frozen=True)
class Parts:
    """What a table holds, month by month where it is big.

    Attributes:
        column: The date column that divides the table; None where it is one part.
        months: For each `YYYY-MM`, or the empty text of an undivided table, a fingerprint of the rows and columns.
    """

    column: str | None
    months: Mapping[str, str]

    @property
    def years(self) -> list[str]:
        """Years the table has rows of; one empty text for an undivided table."""
        return sorted({month[:4] for month in self.months})

    def fingerprint(self, year: str) -> str:
        """What changes when a row, a type or a column of a year does."""
        return _digest([[month, print_] for month, print_ in sorted(self.months.items()) if month[:4] == year])

    def where(self, part: str) -> str:
        """Condition of the rows of a year or a month."""
        if self.column is None:
            return "true"
        unit = "month" if "-" in part else "year"
        first = f"date {literal(f'{part}-01' if unit == 'month' else f'{part}-01-01')}"
        return f"{quoted(self.column)} >= {first} and {quoted(self.column)} < {first} + interval 1 {unit}"


def parts_of(con: duckdb.DuckDBPyConnection, table: Table, relation: str, big_table_rows: int) -> Parts:
    """Divide and fingerprint a table.

    Args:
        con: A connection that sees what `relation` names.
        table: The table, whose columns, types and order are part of each fingerprint.
        relation: A parenthesised select of the rows.
        big_table_rows: Tables with more rows are divided, where each row has a date.
    """
    column = _date_column(con, table, relation, big_table_rows)
    month = f"strftime({quoted(column)}, '%Y-%m')" if column else "''"
    rows = con.execute(
        f"select {month}, count(*), sum(hash(line)::hugeint)::varchar from {relation} as line group by 1"
    ).fetchall()
    form = [duckdb.__version__, table.order_by, [[c.name, c.data_type] for c in table.columns]]
    return Parts(column, {part: _digest([form, count, total]) for part, count, total in rows or [("", 0, None)]})


def _date_column(con: duckdb.DuckDBPyConnection, table: Table, relation: str, big_table_rows: int) -> str | None:
    dates = {c.name for c in table.columns if c.data_type == "DATE"}
    column = next((name for name in YEAR_COLUMNS if name in dates), None)
    if column is None:
        return None
    found = con.execute(f"select count(*), count({quoted(column)}) from {relation}").fetchone()
    rows, dated = found or (0, 0)
    # a row without a date has no year to lie in
    return column if rows > big_table_rows and rows == dated else None


def _digest(said: object) -> str:
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()
