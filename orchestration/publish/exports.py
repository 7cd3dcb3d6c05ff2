"""Parquet files of one release: sorted, typed, and byte for byte the same for the same build."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from orchestration.publish.files import duckdb_connection, sha256_of
from orchestration.publish.restricted import Licensing, licensing, restricted_keys
from orchestration.publish.tables import SCHEMA, Table, literal, quoted

BIG_TABLE_ROWS = 1_000_000
ROW_GROUP_ROWS = 122_880
YEAR_COLUMNS = ("session_date", "flow_date", "as_of_date")
CONTENT_DATES = (
    *YEAR_COLUMNS,
    "observation_date",
    "observation_month",
    "event_date",
    "ex_date",
    "change_date",
    "effective_date",
    "quarter_start",
    "valid_from",
    "last_seen",
)


@dataclass(frozen=True)
class ExportedFile:
    """One Parquet file, its path relative to the release."""

    path: str
    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True)
class ExportedTable:
    """One table of a release, as manifest.json describes it.

    Attributes:
        sha256: Over the lines `<sha256 of file>  <path>`, in path order.
        content_date_column: The date column whose newest value is the as-of date.
        as_of_date: Newest content date up to the day of the clock; calendars reach further.
    """

    description: str
    grain: str
    primary_key: tuple[str, ...]
    licence: str | None
    may_redistribute: bool
    content_date_column: str | None
    as_of_date: str | None
    rows: int
    bytes: int
    sha256: str
    files: tuple[ExportedFile, ...]
    columns: tuple[dict[str, str | None], ...]


@dataclass(frozen=True)
class LeftOut:
    """What the exports do not hold because it may not be redistributed.

    Attributes:
        tables: Per table the rows left out, and the hash of the table with them, which tells when it changes.
        keys: The instruments (`symbol`) and series (`series_id`) concerned.
    """

    tables: dict[str, dict[str, str | int | bool]]
    keys: dict[str, list[str]]


def export_tables(
    data_dir: Path,
    database: Path,
    tables: Sequence[Table],
    folder: Path,
    *,
    clock_day: dt.date,
    with_restricted: bool = True,
    release_id: str | None = None,
    big_table_rows: int = BIG_TABLE_ROWS,
) -> tuple[dict[str, ExportedTable], LeftOut | None]:
    """Write every table of the build database below a fresh folder.

    Args:
        data_dir: The data directory, for DuckDB's temporary files.
        database: The build database; opened read-only.
        tables: What to write, with the types the database holds.
        folder: An empty folder.
        clock_day: New York date of the build's clock; bounds the as-of dates.
        with_restricted: Whether rows that may not be redistributed are written.
        release_id: Name written into dim_release, where it differs from the build's.
        big_table_rows: Tables with more rows become one file a year.

    Returns:
        What was written by table name, and what was left out (None where nothing was to be).
    """
    exported: dict[str, ExportedTable] = {}
    left_out: dict[str, dict[str, str | int | bool]] = {}
    with duckdb_connection(data_dir, database, read_only=True) as con:
        for table in tables:
            rights = licensing(con, table, tables)
            where = "true" if with_restricted else rights.allowed_where
            if rights.is_restricted and not with_restricted:
                left_out[table.name] = _left_out(con, table, rights, folder / ".full", big_table_rows)
                if rights.is_left_out:
                    continue
            source = relation(table, release_id)
            files = _write(con, table, f"({source} where {where})", folder, big_table_rows)
            exported[table.name] = _described(con, table, files, folder, rights, where, clock_day, with_restricted)
        keys = restricted_keys(con, tables)
    return exported, None if with_restricted else LeftOut(left_out, keys)


def relation(table: Table, release_id: str | None = None, catalog: str | None = None) -> str:
    """`select … from …` of a table in its published types; ends where a `where` may follow."""
    prefix = f"{quoted(catalog)}." if catalog else ""
    renames = table.name == "dim_release" and release_id
    columns = ", ".join(
        f"cast({literal(str(release_id)) if renames and c.name == 'release_id' else quoted(c.name)} as {c.data_type}) "
        f"as {quoted(c.name)}"
        for c in table.columns
    )
    return f"select {columns} from {prefix}{SCHEMA}.{quoted(table.name)}"


def content_hash(files: Sequence[ExportedFile]) -> str:
    """One hash over the files of a table."""
    lines = "".join(f"{f.sha256}  {f.path}\n" for f in sorted(files, key=lambda f: f.path))
    return hashlib.sha256(lines.encode()).hexdigest()


def table_json(table: ExportedTable) -> dict[str, object]:
    """A table as it stands in manifest.json, which is what an earlier manifest is compared with."""
    return json.loads(json.dumps(asdict(table)))


def _write(
    con: duckdb.DuckDBPyConnection, table: Table, relation: str, folder: Path, big_table_rows: int
) -> tuple[ExportedFile, ...]:
    folder.mkdir(parents=True, exist_ok=True)
    year_column = _year_column(con, table, relation, big_table_rows)
    if year_column is None:
        return (_write_file(con, table, relation, "true", folder, f"{table.name}.parquet"),)
    column = quoted(year_column)
    years = con.execute(f"select distinct year({column}) from {relation} order by 1").fetchall()
    files = []
    for (year,) in years:
        path = f"{table.name}/year={year}/{table.name}.parquet"
        where = f"{column} >= date '{year}-01-01' and {column} < date '{year + 1}-01-01'"
        files.append(_write_file(con, table, relation, where, folder, path))
    return tuple(files)


def _write_file(
    con: duckdb.DuckDBPyConnection, table: Table, relation: str, where: str, folder: Path, path: str
) -> ExportedFile:
    target = folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    con.execute(
        f"copy (select * from {relation} where {where} order by {table.order_by}) to {literal(str(target))} "
        f"(format parquet, compression zstd, row_group_size {ROW_GROUP_ROWS})"
    )
    return ExportedFile(path, pq.read_metadata(target).num_rows, target.stat().st_size, sha256_of(target))


def _year_column(con: duckdb.DuckDBPyConnection, table: Table, relation: str, big_table_rows: int) -> str | None:
    dates = {c.name for c in table.columns if c.data_type == "DATE"}
    column = next((name for name in YEAR_COLUMNS if name in dates), None)
    if column is None:
        return None
    found = con.execute(f"select count(*), count({quoted(column)}) from {relation}").fetchone()
    rows, dated = found or (0, 0)
    # a row without a date has no year to lie in
    return column if rows > big_table_rows and rows == dated else None


def _described(
    con: duckdb.DuckDBPyConnection,
    table: Table,
    files: tuple[ExportedFile, ...],
    folder: Path,
    rights: Licensing,
    where: str,
    clock_day: dt.date,
    with_restricted: bool,
) -> ExportedTable:
    types = {c.name: c.data_type for c in table.columns}
    date_column = next((name for name in CONTENT_DATES if types.get(name) == "DATE"), None)
    as_of = None
    if date_column:
        newest = con.execute(
            f"select max({quoted(date_column)}) from {SCHEMA}.{quoted(table.name)} "
            f"where {where} and {quoted(date_column)} <= ?",
            [clock_day],
        ).fetchone()
        as_of = newest[0].isoformat() if newest and newest[0] else None
    arrow = pq.read_schema(folder / files[0].path)
    return ExportedTable(
        description=table.description,
        grain=table.grain,
        primary_key=table.primary_key,
        licence=rights.licence,
        may_redistribute=not (rights.is_restricted and with_restricted),
        content_date_column=date_column,
        as_of_date=as_of,
        rows=sum(f.rows for f in files),
        bytes=sum(f.bytes for f in files),
        sha256=content_hash(files),
        files=files,
        columns=tuple(
            {
                "name": c.name,
                "type": c.data_type,
                "arrow_type": str(arrow.field(c.name).type),
                "unit": c.unit,
                "description": c.description,
            }
            for c in table.columns
        ),
    )


def _left_out(
    con: duckdb.DuckDBPyConnection, table: Table, rights: Licensing, scratch: Path, big_table_rows: int
) -> dict[str, str | int | bool]:
    """Rows a table loses, and its hash with them: the served database holds them, so it must notice their changes."""
    try:
        files = _write(con, table, f"({relation(table)})", scratch, big_table_rows)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    kept = con.execute(f"select count(*) from {SCHEMA}.{quoted(table.name)} where {rights.allowed_where}").fetchone()
    rows = sum(f.rows for f in files) - (kept[0] if kept else 0)
    return {"rows": rows, "is_whole_table": rights.is_left_out, "content_sha256": content_hash(files)}
