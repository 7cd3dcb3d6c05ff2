"""Parquet files of one release: sorted, typed, and byte for byte the same for the same build."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from orchestration.lake.store import file_state
from orchestration.publish.files import duckdb_connection, sha256_of
from orchestration.publish.parts import BIG_TABLE_ROWS, YEAR_COLUMNS, Parts, parts_of
from orchestration.publish.restricted import Licensing, licensing, restricted_keys
from orchestration.publish.standing import FileState, link_or_copy
from orchestration.publish.tables import SCHEMA, Table, literal, quoted

ROW_GROUP_ROWS = 122_880
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


@dataclass(frozen=True)
class LastExport:
    """The release exported last, whose files stand for parts that did not change.

    Attributes:
        folder: Its folder.
        files: Its files by path, as its manifest lists them.
        noted: By path, the fingerprint of the rows and the state the file had.
    """

    folder: Path
    files: Mapping[str, ExportedFile]
    noted: Mapping[str, tuple[str, FileState | None]]

    def holds(self, path: str, fingerprint: str) -> bool:
        """Whether a file with these rows stands there, untouched."""
        return path in self.files and self.noted.get(path) == (fingerprint, file_state(self.folder / path))


@dataclass(frozen=True)
class Export:
    """What an export wrote.

    Attributes:
        tables: By name, as the manifest describes them.
        left_out: What was left out; None where nothing was to be.
        fingerprints: By path of a file, of its rows.
        parts: By table, of all its rows, those left out included.
    """

    tables: dict[str, ExportedTable]
    left_out: LeftOut | None
    fingerprints: dict[str, str]
    parts: dict[str, Parts]


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
    last: LastExport | None = None,
) -> Export:
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
        last: An earlier export; what did not change since is linked from it.
    """
    done = Export({}, None if with_restricted else LeftOut({}, {}), {}, {})
    with duckdb_connection(data_dir, database, read_only=True) as con:
        for table in tables:
            rights = licensing(con, table, tables)
            source = relation(table, release_id)
            whole = done.parts[table.name] = parts_of(con, table, f"({source})", big_table_rows)
            where, parts = "true", whole
            if rights.is_restricted and done.left_out:
                done.left_out.tables[table.name] = _left_out(con, table, rights, whole)
                if rights.is_left_out:
                    continue
                where = rights.allowed_where
                parts = parts_of(con, table, f"({source} where {where})", big_table_rows)
            files = _write(con, table, f"({source} where {where})", parts, folder, last)
            done.fingerprints.update({file.path: parts.fingerprint(_year_of(file.path)) for file in files})
            done.tables[table.name] = _described(con, table, files, folder, rights, where, clock_day, with_restricted)
        if done.left_out:
            done.left_out.keys.update(restricted_keys(con, tables))
    return done


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
    con: duckdb.DuckDBPyConnection, table: Table, relation: str, parts: Parts, folder: Path, last: LastExport | None
) -> tuple[ExportedFile, ...]:
    """Write the files of a table, and link those of which the last export holds the same rows."""
    files = []
    for year in parts.years:
        path = f"{table.name}/year={year}/{table.name}.parquet" if year else f"{table.name}.parquet"
        if last and last.holds(path, parts.fingerprint(year)):
            link_or_copy(last.folder / path, folder / path)
            files.append(last.files[path])
        else:
            files.append(_write_file(con, table, relation, parts.where(year), folder, path))
    return tuple(files)


def _year_of(path: str) -> str:
    """The year in the path of a file; the empty text where the table is one file."""
    return path.partition("/year=")[2][:4]


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
    con: duckdb.DuckDBPyConnection, table: Table, rights: Licensing, whole: Parts
) -> dict[str, str | int | bool]:
    """Rows a table loses, and its hash with them: the served database holds them, so it must notice their changes."""
    name = f"{SCHEMA}.{quoted(table.name)}"
    rows = con.execute(f"select count(*) from {name} where ({rights.allowed_where}) is not true").fetchone()
    return {
        "rows": rows[0] if rows else 0,
        "is_whole_table": rights.is_left_out,
        "content_sha256": hashlib.sha256("".join(map(whole.fingerprint, whole.years)).encode()).hexdigest(),
    }
