"""Parquet files of one release: sorted, typed, and byte for byte the same for the same build."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from orchestration.lake.account import sha256_of
from orchestration.lake.store import file_state
from orchestration.publish.edition import IDENTIFIERS, Edition, identifiers_of
from orchestration.publish.files import duckdb_connection
from orchestration.publish.parts import BIG_TABLE_ROWS, YEAR_COLUMNS, Parts, parts_of
from orchestration.publish.restricted import Licensing, licensing, restricted_keys
from orchestration.publish.standing import FileState, link_or_copy
from orchestration.publish.tables import SCHEMA, Column, Table, literal, quoted

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
        licence: Of the rows in its files.
        open_edition: The model its rows come from; None where it is the published one.
        third_party_identifiers: Kinds of identifiers in its files that belong to somebody else, with their owners.
        sha256: Over the lines `<sha256 of file>  <path>`, in path order.
        content_date_column: The date column whose newest value is the as-of date.
        as_of_date: Newest content date up to the day of the clock; calendars reach further.
        headlines: The same of each key that readers look at first.
    """

    description: str
    grain: str
    primary_key: tuple[str, ...]
    licence: str | None
    may_redistribute: bool
    open_edition: str | None
    third_party_identifiers: dict[str, str]
    content_date_column: str | None
    as_of_date: str | None
    headlines: Mapping[str, str]
    rows: int
    bytes: int
    sha256: str
    files: tuple[ExportedFile, ...]
    columns: tuple[dict[str, str | None], ...]


@dataclass(frozen=True)
class LeftOut:
    """What the exports do not hold because it may not be redistributed or belongs to somebody else.

    Attributes:
        tables: Per table the rows left out, whether these are all, the model that stands for them, the kinds of
            identifiers left out, and the hash of the table with all of it, which tells when it changes.
        keys: The instruments (`symbol`) and series (`series_id`) concerned.
    """

    tables: dict[str, dict[str, str | int | bool | list[str] | None]]
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
    edition: Edition | None = None,
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
        edition: What of it is written; None writes everything.
        release_id: Name written into dim_release, where it differs from the build's.
        big_table_rows: Tables with more rows become one file a year.
        last: An earlier export of the same edition; what did not change since is linked from it.
    """
    edition = edition or Edition()
    done = Export({}, None if edition.is_whole else LeftOut({}, {}), {}, {})
    with duckdb_connection(data_dir, database, read_only=True) as con:
        for table in tables:
            shown = edition.of(table)
            rights = licensing(con, shown, tables, with_restricted=edition.with_restricted)
            condition = shown.where if edition.with_restricted else f"{shown.where} and {rights.allowed_where}"
            rows = f"({relation(shown, release_id)} where {condition})"
            parts = done.parts[table.name] = parts_of(con, table, f"({relation(table, release_id)})", big_table_rows)
            is_left_out = rights.is_left_out and not edition.with_restricted
            lacks_rows = rights.is_restricted and not edition.with_restricted
            if done.left_out and (lacks_rows or shown != table):
                lost = _left_out(con, table, shown, rows, parts)
                kinds = [] if edition.with_identifiers else list(identifiers_of(table))
                done.left_out.tables[table.name] = {**lost, "is_whole_table": is_left_out, "identifiers": kinds}
                if is_left_out:
                    continue
                parts = parts_of(con, shown, rows, big_table_rows)
            files = _write(con, shown, rows, parts, folder, last)
            done.fingerprints.update({file.path: parts.fingerprint(_year_of(file.path)) for file in files})
            done.tables[table.name] = _described(con, shown, files, folder, rights, rows, clock_day, edition)
        if done.left_out and not edition.with_restricted:
            done.left_out.keys.update(restricted_keys(con, tables))
    return done


@contextmanager
def exported_tables(
    data_dir: Path, folder: Path, tables: Mapping[str, ExportedTable]
) -> Generator[duckdb.DuckDBPyConnection]:
    """A connection that sees what was exported, and nothing else, under the names of the tables."""
    with duckdb_connection(data_dir, read_only=False) as con:
        for name, table in tables.items():
            paths = ", ".join(literal(str(folder / file.path)) for file in table.files)
            con.execute(
                f"create view {SCHEMA}.{quoted(name)} as from read_parquet([{paths}], hive_partitioning = false)"
            )
        yield con


def relation(table: Table, release_id: str | None = None, catalog: str | None = None) -> str:
    """`select … from …` of a table in its published types; ends where a `where` may follow."""
    prefix = f"{quoted(catalog)}." if catalog else ""
    named = literal(release_id) if table.name == "dim_release" and release_id else None
    columns = ", ".join(
        f"cast({_value(column, named)} as {column.data_type}) as {quoted(column.name)}" for column in table.columns
    )
    return f"select {columns} from {prefix}{table.source}"


def _value(column: Column, release_id: str | None) -> str:
    if column.is_emptied:
        return "null"
    return release_id if release_id and column.name == "release_id" else quoted(column.name)


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
    rows: str,
    clock_day: dt.date,
    edition: Edition,
) -> ExportedTable:
    types = {c.name: c.data_type for c in table.columns}
    date_column = next((name for name in CONTENT_DATES if types.get(name) == "DATE"), None)
    as_of = None
    if date_column:
        day = quoted(date_column)
        newest = con.execute(f"select max({day}) from {rows} where {day} <= ?", [clock_day]).fetchone()
        as_of = newest[0].isoformat() if newest and newest[0] else None
    headlines = {}
    if date_column and table.headlines:
        key = quoted(table.headlines.column)
        found = con.execute(
            f"select {key}, max({quoted(date_column)}) from {rows} "
            f"where {quoted(date_column)} <= ? and {key} in (select unnest(?)) group by all order by all",
            [clock_day, list(table.headlines.keys)],
        ).fetchall()
        headlines = {name: day.isoformat() for name, day in found}
    arrow = pq.read_schema(folder / files[0].path)
    return ExportedTable(
        description=table.description,
        grain=table.grain,
        primary_key=table.primary_key,
        licence=rights.licence,
        may_redistribute=not (rights.is_restricted and edition.with_restricted),
        open_edition=table.read_from.name if table.read_from else None,
        third_party_identifiers={k: IDENTIFIERS[k] for k in identifiers_of(table) if edition.with_identifiers},
        content_date_column=date_column,
        as_of_date=as_of,
        headlines=headlines,
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
    con: duckdb.DuckDBPyConnection, table: Table, shown: Table, rows: str, whole: Parts
) -> dict[str, str | int | bool | list[str] | None]:
    """What a table loses, and its hash with it: the served database holds it, so it must notice its changes.

    Args:
        con: A connection to the build database.
        table: The table itself.
        shown: The table as the edition reads it.
        rows: A parenthesised select of the rows that are exported.
        whole: What the table itself holds.
    """
    all_rows = _count(con, table.source)
    model = shown.read_from
    return {
        "rows": all_rows if model else all_rows - _count(con, rows),
        "open_edition": model.name if model else None,
        "content_sha256": hashlib.sha256("".join(map(whole.fingerprint, whole.years)).encode()).hexdigest(),
    }


def _count(con: duckdb.DuckDBPyConnection, rows: str) -> int:
    counted = con.execute(f"select count(*) from {rows}").fetchone()
    return int(counted[0]) if counted else 0
