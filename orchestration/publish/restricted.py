"""Which rows a vendor forbids to redistribute, read from the licences in dim_instrument and dim_series."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from orchestration.publish.edition import OPEN_LICENCE
from orchestration.publish.tables import SCHEMA, Table, quoted

# The catalogues themselves are ours: they say what exists and under which licence.
CATALOGUES = {"symbol": "dim_instrument", "series_id": "dim_series"}
ROW_COLUMNS = {
    "symbol": "symbol",
    "benchmark_symbol": "symbol",
    "fund": "symbol",
    "underlying": "symbol",
    "series_id": "series_id",
}
# A table with one of these is read from the holdings files of BlackRock, which allows no redistribution.
HOLDINGS_COLUMNS = frozenset({"security_id", "index_code", "tier_before", "sedol"})


@dataclass(frozen=True)
class Licensing:
    """The licences of one table's rows.

    Attributes:
        licence: The table's licence, or those of its rows, joined; of the rows that are exported.
        is_restricted: Some row may not be redistributed.
        is_left_out: No row may be redistributed, by nature of the table.
        allowed_where: Condition of the rows that may be redistributed.
    """

    licence: str | None
    is_restricted: bool
    is_left_out: bool
    allowed_where: str


def licensing(
    con: duckdb.DuckDBPyConnection, table: Table, published: Sequence[Table], *, with_restricted: bool = True
) -> Licensing:
    """What the licences say about a table of the build database.

    Args:
        con: A connection to the build database.
        table: The table, as an edition reads it.
        published: All published tables, among them the catalogues.
        with_restricted: Whether rows that may not be redistributed are exported too.
    """
    by_source = table.may_redistribute is False or (
        table.may_redistribute is None
        and table.name not in CATALOGUES.values()
        and not HOLDINGS_COLUMNS.isdisjoint(table.column_names)
    )
    if by_source:
        # where filings have a version of their own, the table holds rows of both
        licence = "; ".join(("BlackRock: personal use", *([OPEN_LICENCE] if table.open_edition else [])))
        return Licensing(table.licence or licence, True, True, "false")
    present = {t.name: t for t in published}
    links = {
        column: (CATALOGUES[key], key)
        for column, key in ROW_COLUMNS.items()
        if column in table.column_names
        and table.name not in CATALOGUES.values()
        and {key, "licence", "may_redistribute"} <= set(getattr(present.get(CATALOGUES[key]), "column_names", ()))
    }
    if not links or table.may_redistribute:
        return Licensing(table.licence, False, False, "true")
    allowed = " and ".join(
        f"({quoted(column)} is null or {quoted(column)} in "
        f"(select {quoted(key)} from {SCHEMA}.{catalogue} where may_redistribute))"
        for column, (catalogue, key) in links.items()
    )
    hidden = _value(con, f"select count(*) from {table.source} where not ({allowed})")
    exported = "true" if with_restricted else allowed
    licences = " union ".join(
        f"select c.licence from {SCHEMA}.{catalogue} as c "
        f"semi join (select * from {table.source} where {exported}) as t on c.{quoted(key)} = t.{quoted(column)}"
        for column, (catalogue, key) in links.items()
    )
    texts = con.execute(f"select distinct licence from ({licences}) where licence is not null order by 1").fetchall()
    of_rows = "; ".join(text for (text,) in texts) or None
    # a licence of the whole table says what forbids some of its rows; what is exported is under that of its own rows
    licence = table.licence or of_rows if with_restricted else of_rows
    return Licensing(licence, bool(hidden), False, allowed)


def restricted_keys(con: duckdb.DuckDBPyConnection, published: Sequence[Table]) -> dict[str, list[str]]:
    """The instruments and series whose rows may not be redistributed."""
    out = {}
    for key, catalogue in CATALOGUES.items():
        columns = next((t.column_names for t in published if t.name == catalogue), ())
        if {key, "may_redistribute"} <= set(columns):
            rows = con.execute(
                f"select {quoted(key)} from {SCHEMA}.{catalogue} where not coalesce(may_redistribute, false) order by 1"
            ).fetchall()
            out[key] = [value for (value,) in rows]
    return out


def _value(con: duckdb.DuckDBPyConnection, sql: str) -> int:
    row = con.execute(sql).fetchone()
    return int(row[0]) if row else 0
