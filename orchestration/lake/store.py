"""Append-only Parquet: what was stored before, what an answer adds, atomic files.

A row is never changed or removed. An answer equal to what is stored adds nothing; a different one adds a revision; a
shorter one deletes nothing.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from functools import cached_property
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock

from orchestration.lake.account import (
    NAME,
    PATTERN,
    Account,
    LakeError,
    differences,
    load_account,
    open_account,
    save_account,
    settle,
    sync,
    without_missing,
)
from orchestration.lake.contracts import TABLES, RawTable
from orchestration.lake.parts import (
    check_parts,
    differing_columns,
    is_scattered,
    last_sequence,
    merge_small_parts,
    parts_of,
    sync_folder,
    write_part,
)

LOCK_TIMEOUT_SECONDS = 600
# a message names so many files
NAMED_PROBLEMS = 20
# a holdings file: 3 ms, and 6 % larger than at the default level 9, which takes 26 ms
GZIP_LEVEL = 4
PLAIN_NAME = re.compile(r"[A-Za-z0-9^][A-Za-z0-9^._ -]*")


class Lake:
    """The raw zone of one data directory.

    Args:
        data_dir: The data directory; the lake is its `raw/` folder.
        source: `sandbox` or `live`. The first use writes it down; another source is refused from then on.
        accept_losses: Parts that are missing are struck from the accounts, once.

    Raises:
        LakeError: The directory was filled by another source, or its files are not those that its accounts name.
    """

    def __init__(self, data_dir: Path, source: str, *, accept_losses: bool = False) -> None:
        self.root = data_dir / "raw"
        self.source = source
        self._unsynced: set[Path] = set()
        self._claim()
        with self.lock():
            # what a killed run left
            shutil.rmtree(self._aside, ignore_errors=True)
            for table in TABLES.values():
                self._take_account(table, accept_losses)
            _check_raw(data_dir)
            for table in TABLES.values():
                self._merge_if_scattered(table)

    def _claim(self) -> None:
        marker = self.root / "source.json"
        if marker.exists():
            found = json.loads(marker.read_text(encoding="utf-8"))["source"]
            if found != self.source:
                raise LakeError(
                    f"{self.root.parent} holds {found} data and SMALLCAP_SOURCE is {self.source}: the two never mix. "
                    f"Set SMALLCAP_DATA_DIR to another folder, or SMALLCAP_SOURCE={found}."
                )
            return
        self.root.mkdir(parents=True, exist_ok=True)
        write_atomically(marker, json.dumps({"source": self.source}).encode())

    def _take_account(self, table: RawTable, accept_losses: bool) -> None:
        """Open the account of a table that has none, and finish what a killed run had begun."""
        folder = self._folder(table)
        folder.mkdir(parents=True, exist_ok=True)
        account = load_account(folder)
        if account is None:
            check_parts(folder)
            account = open_account(folder)
        settle(folder, account)
        if accept_losses and (kept := without_missing(folder, account)) != account:
            save_account(folder, kept)
            account = kept
        if not account.parts and not any(folder.glob(PATTERN)):
            # readers glob the folder, and a glob that matches nothing is an error
            self._write(table, table.schema.empty_table(), 0)

    def lock(self) -> FileLock:
        """The lock under which rows are compared and appended."""
        return raw_lock(self.root.parent)

    def next_sequence(self) -> int:
        """The next ingest_seq: above every part of every table. Call it under the lock."""
        return max(last_sequence(self._folder(table)) for table in TABLES.values()) + 1

    def query(self, sql: str, parameters: Sequence[object] | None = None, **frames: pa.Table) -> pa.Table:
        """Run SQL in which every raw table is a view of its own name; frames are registered as tables."""
        with closing(self._engine.cursor()) as con:
            # a view reads a file of its table, so only those named are made
            for table in (table for table in TABLES.values() if table.name in sql.lower()):
                con.execute(f"create temp view {table.name} as select * from read_parquet('{self._glob(table)}')")
            for name, frame in frames.items():
                con.register(name, frame)
            return con.execute(sql, parameters).to_arrow_table()

    @cached_property
    def _engine(self) -> duckdb.DuckDBPyConnection:
        """What runs the queries: starting it takes four times as long as a query on a small table."""
        engine = duckdb.connect()
        engine.execute("set global TimeZone = 'UTC'")
        return engine

    def append(
        self, table: RawTable, rows: pa.Table, sequence: int, identity: tuple[str, ...] | None = None
    ) -> pa.Table:
        """Store the rows that say something new, in one file; call it under the lock.

        Args:
            table: The contract; `rows` carry its columns and the bookkeeping except ingest_seq.
            rows: What was fetched. Of rows with one key the last counts.
            sequence: The ingest_seq of this append.
            identity: Columns that name the fact, where narrower than the table's key.

        Returns:
            The rows added, with the column `is_revision`.
        """
        self._sync_archive()
        incoming = _typed(table, rows, sequence)
        if table.is_log:
            added = _as_new(incoming)
        elif table.is_snapshot:
            added = self._new_snapshots(table, incoming)
        else:
            added = self.query(_new_rows(table, identity or table.key), incoming=incoming)
        if added.num_rows:
            self._write(table, added.select(table.schema.names).cast(table.schema), sequence)
            # here and not at the next start: that run may have nothing to store, and names that changed mean a build
            self._merge_if_scattered(table)
        return added

    def _new_snapshots(self, table: RawTable, incoming: pa.Table) -> pa.Table:
        """Rows of new keys as they are, and of known keys where the newest stored set of rows differs."""
        keys = incoming.select(table.key).group_by(list(table.key)).aggregate([])
        known = self.query(
            f"select distinct {', '.join(table.key)} from {table.name} semi join keys using ({', '.join(table.key)})",
            keys=keys,
        )
        if known.num_rows:
            return self.query(_changed_snapshots(table), incoming=incoming, known=known)
        # the usual case, and by far the largest appends: nothing to compare
        return _as_new(incoming)

    def archive(self, payload: bytes, suffix: str, *folders: str) -> str:
        """Keep a sponsor's file as received, gzip-compressed, named by its hash; the path below raw/.

        Raises:
            LakeError: A folder or the suffix is no plain name. Names that vendors write have no place in a path.
        """
        if odd := [name for name in (*folders, suffix) if not PLAIN_NAME.fullmatch(name)]:
            raise LakeError(f"raw/files: {odd[0][:80]!r} is no name of a folder or file")
        digest = hashlib.sha256(payload).hexdigest()
        path = self.root.joinpath("files", *folders, f"{digest[:16]}.{suffix}.gz")
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            # mtime 0: the same payload always makes the same file
            write_atomically(path, gzip.compress(payload, GZIP_LEVEL, mtime=0))
        # also where the file is there: the run that wrote it may have ended before its rows were
        self._unsynced.update(folder for folder in path.parents if folder.is_relative_to(self.root))
        return path.relative_to(self.root).as_posix()

    def _sync_archive(self) -> None:
        """Make the names of archived files durable, before rows that speak of them are."""
        for folder in self._unsynced:
            sync_folder(folder)
        self._unsynced.clear()

    def _folder(self, table: RawTable) -> Path:
        return self.root / table.name

    def _glob(self, table: RawTable) -> str:
        return str(self._folder(table) / PATTERN).replace("'", "''")

    def _write(self, table: RawTable, rows: pa.Table, sequence: int) -> None:
        write_part(self._folder(table), rows, sequence)

    @property
    def _aside(self) -> Path:
        return self.root / ".merging"

    def _merge_if_scattered(self, table: RawTable) -> None:
        if is_scattered(self._folder(table)):
            merge_small_parts(self._folder(table), self._aside / table.name)
            self._aside.rmdir()


def raw_lock(data_dir: Path) -> FileLock:
    """The lock of a raw zone, which must exist."""
    return FileLock(data_dir / "raw" / ".lock", timeout=LOCK_TIMEOUT_SECONDS)


def raw_accounts(data_dir: Path) -> dict[str, dict[str, int | str]]:
    """Compare the files of all raw tables with their accounts.

    Returns:
        Parts, rows and the chained hash of each table's account, by table; nothing where there is no raw zone.

    Raises:
        LakeError: A file is missing, altered or foreign; the message names each.
    """
    if not (data_dir / "raw").is_dir():
        return {}
    with raw_lock(data_dir):
        _check_raw(data_dir)
        return {
            folder.name: {"parts": len(account.parts), "rows": account.rows, "head": account.head}
            for folder, account in _accounts(data_dir)
        }


def _check_raw(data_dir: Path) -> None:
    """Refuse a raw zone whose files are not those of its accounts; call it under the lock."""
    found = raw_problems(data_dir)
    if found:
        more = [f"and {len(found) - NAMED_PROBLEMS:,} more"] if len(found) > NAMED_PROBLEMS else []
        raise LakeError(
            "The raw zone is not what was stored, so nothing is asked, built or published from it:\n  - "
            + "\n  - ".join(found[:NAMED_PROBLEMS] + more)
            + "\nRestore these files from a backup of raw/, and move foreign ones out. Where there is no backup, "
            + "remove what was altered and run once with SMALLCAP_ACCEPT_LOSSES=true: then what is missing counts as "
            + "lost. make doctor reads every file."
        )
    found = list(_of_other_versions(data_dir))
    if found:
        raise LakeError(
            "The raw zone was written by another version, so nothing is asked, built or published from it:\n  - "
            + "\n  - ".join(found)
            + "\nRun the version that wrote it, or convert these tables as CHANGELOG.md says under "
            + '"Schema changes" of the version that changed them.'
        )


def _of_other_versions(data_dir: Path) -> Iterator[str]:
    """Tables whose first or last part has other columns; a change of version lies between two parts."""
    for folder, _ in _accounts(data_dir):
        parts = parts_of(folder)
        for part in {parts[0], parts[-1]} if parts and folder.name in TABLES else ():
            if differing := differing_columns(part, TABLES[folder.name].schema):
                yield f"{part} has other columns than this version reads: {', '.join(differing)}"


def raw_problems(data_dir: Path, *, read_all: bool = False) -> list[str]:
    """What the raw tables hold other than their accounts say, a line each; with `read_all` every file is read."""
    return [
        problem
        for folder, account in _accounts(data_dir)
        for problem in differences(folder, account, read_all=read_all)
    ]


def _accounts(data_dir: Path) -> Iterator[tuple[Path, Account]]:
    for path in sorted((data_dir / "raw").glob(f"*/{NAME}")):
        if account := load_account(path.parent):
            yield path.parent, account


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that readers see the old content or the new, never a part of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        temporary.write_bytes(content)
        sync(temporary)
        temporary.replace(path)
    except OSError:
        # on a full disk a half file would only be in the way
        temporary.unlink(missing_ok=True)
        raise


def file_state(path: Path) -> tuple[int, int] | None:
    """Bytes and modification time in nanoseconds of a file, which change when it does; None where there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_size, found.st_mtime_ns


def write_table_atomically(path: Path, table: pa.Table) -> None:
    """Replace a derived Parquet file as a whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    pq.write_table(table, temporary, compression="zstd")
    temporary.replace(path)


def _typed(table: RawTable, rows: pa.Table, sequence: int) -> pa.Table:
    wanted = table.schema
    rows = rows.append_column("ingest_seq", pa.repeat(pa.scalar(sequence, pa.int64()), rows.num_rows))
    missing = [name for name in wanted.names if name not in rows.column_names]
    if missing:
        raise LakeError(f"raw table {table.name}: the rows lack {', '.join(missing)}")
    return (
        rows.select(wanted.names).cast(wanted).append_column("position", pa.array(np.arange(rows.num_rows), pa.int64()))
    )


def _as_new(incoming: pa.Table) -> pa.Table:
    return incoming.drop_columns("position").append_column(
        "is_revision", pa.repeat(pa.scalar(False), incoming.num_rows)
    )


def _differs(table: RawTable, compared: Iterable[str]) -> str:
    tests = []
    for name in compared:
        new, old = f"i.{name}", f"s.{name}"
        if pa.types.is_floating(table.schema.field(name).type) and table.tolerance:
            tests.append(
                f"({new} is null) <> ({old} is null) "
                f"or abs({new} - {old}) > {table.tolerance} * greatest(abs({new}), abs({old}))"
            )
        else:
            tests.append(f"{new} is distinct from {old}")
    return " or ".join(f"({test})" for test in tests) or "false"


def _new_rows(table: RawTable, identity: tuple[str, ...]) -> str:
    keys = ", ".join(identity)
    compared = [name for name in table.columns.names if name not in {*identity, *table.key, *table.not_compared}]
    join = " and ".join(f"i.{name} is not distinct from s.{name}" for name in identity)
    same = " and ".join(f"t.{name} is not distinct from latest.{name}" for name in identity)
    available = "i.available_at"
    assumed = "i.is_availability_assumed"
    if table.keeps_availability:
        available = "coalesce(s.first_available_at, i.available_at)"
        assumed = "coalesce(s.first_is_assumed, i.is_availability_assumed)"
    elif table.name not in {"request", "quarantine"}:
        available = "case when s.fetched_at is null then i.available_at else i.fetched_at end"
        assumed = "s.fetched_at is null and i.is_availability_assumed"
    return f"""
        with latest as (
            select * from incoming qualify row_number() over (partition by {keys} order by position desc) = 1
        ),
        stored as (
            select
                t.*,
                first_value(t.available_at) over known as first_available_at,
                first_value(t.is_availability_assumed) over known as first_is_assumed
            from {table.name} as t
            semi join latest on {same}
            window known as (partition by {keys} order by t.fetched_at, t.ingest_seq)
            qualify row_number() over (partition by {keys} order by t.fetched_at desc, t.ingest_seq desc) = 1
        )
        select
            i.* exclude (position, available_at, is_availability_assumed),
            {available} as available_at,
            {assumed} as is_availability_assumed,
            s.fetched_at is not null as is_revision
        from latest as i
        left join stored as s on {join}
        where s.fetched_at is null or {_differs(table, compared)} or {_crosses_split(table)}
        order by i.position
    """


def _crosses_split(table: RawTable) -> str:
    if table.basis_date is None:
        return "false"
    return f"""exists (
        select 1 from yahoo_action as a
        where a.action_type = 'split' and a.symbol = i.symbol and a.ex_date > i.{table.basis_date}
        and a.ex_date > s.split_basis_date and a.ex_date <= i.split_basis_date
    )"""


def _changed_snapshots(table: RawTable) -> str:
    """Rows of keys that are not among the known ones, or whose newest stored set of rows differs."""
    keys = ", ".join(table.key)
    values = ", ".join(table.columns.names)
    join = " and ".join(f"i.{name} is not distinct from c.{name}" for name in table.key)
    return f"""
        with stored as (
            select t.* from {table.name} as t
            semi join known using ({keys})
            qualify dense_rank() over (partition by {keys} order by t.fetched_at desc, t.ingest_seq desc) = 1
        ),
        compared as (select * from incoming semi join known using ({keys})),
        difference as (
            (select {values} from compared except all select {values} from stored)
            union all
            (select {values} from stored except all select {values} from compared)
        ),
        changed as (select distinct {keys} from difference)
        select
            i.* exclude (position, available_at, is_availability_assumed),
            case when k.{table.key[0]} is null then i.available_at else i.fetched_at end as available_at,
            k.{table.key[0]} is null and i.is_availability_assumed as is_availability_assumed,
            k.{table.key[0]} is not null as is_revision
        from incoming as i
        left join known as k on {join.replace("c.", "k.")}
        left join changed as c on {join}
        where k.{table.key[0]} is null or c.{table.key[0]} is not null
        order by i.position
    """


def arrow(table: RawTable, frame: pd.DataFrame) -> pa.Table:
    """A vendor's frame in the types of its contract; a value that does not fit is an error naming the column."""
    arrays = []
    for field in table.columns:
        if field.name not in frame.columns:
            raise LakeError(f"raw table {table.name}: the frame lacks {field.name}")
        try:
            arrays.append(pa.array(frame[field.name], type=field.type, from_pandas=True))
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            raise LakeError(f"raw table {table.name}, column {field.name}: {error}") from error
    return pa.table(arrays, schema=table.columns)
