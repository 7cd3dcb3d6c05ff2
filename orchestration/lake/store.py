"""Append-only Parquet: what was stored before, what an answer adds, atomic files.

A row is never changed or removed. An answer equal to what is stored adds nothing; a different one adds a revision; a
shorter one deletes nothing.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import re
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock

from orchestration.lake.contracts import TABLES, RawTable

PART = re.compile(r"part-(\d{8})\.parquet")
LOCK_TIMEOUT_SECONDS = 600


class LakeError(Exception):
    """The raw lake cannot be used as asked; the message says why and what to do."""


class Lake:
    """The raw zone of one data directory.

    Args:
        data_dir: The data directory; the lake is its `raw/` folder.
        source: `sandbox` or `live`. The first use writes it down; another source is refused from then on.

    Raises:
        LakeError: The directory was filled by another source.
    """

    def __init__(self, data_dir: Path, source: str) -> None:
        self.root = data_dir / "raw"
        self.source = source
        self._claim()
        for table in TABLES.values():
            if not any(self._folder(table).glob("part-*.parquet")):
                # readers glob the folder, and a glob that matches nothing is an error
                self._write(table, table.schema.empty_table(), 0)

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

    def lock(self) -> FileLock:
        """The lock under which rows are compared and appended."""
        return FileLock(self.root / ".lock", timeout=LOCK_TIMEOUT_SECONDS)

    def next_sequence(self) -> int:
        """The next ingest_seq: above every file of every table. Call it under the lock."""
        numbers = (int(m.group(1)) for f in self.root.glob("*/part-*.parquet") if (m := PART.fullmatch(f.name)))
        return max(numbers, default=0) + 1

    def query(self, sql: str, parameters: Sequence[object] | None = None, **frames: pa.Table) -> pa.Table:
        """Run SQL in which every raw table is a view of its own name; frames are registered as tables."""
        with closing(duckdb.connect()) as con:
            con.execute("set TimeZone = 'UTC'")
            for table in TABLES.values():
                con.execute(f"create view {table.name} as select * from read_parquet('{self._glob(table)}')")
            for name, frame in frames.items():
                con.register(name, frame)
            return con.execute(sql, parameters).to_arrow_table()

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
        incoming = _typed(table, rows, sequence)
        sql = _new_snapshots(table) if table.is_snapshot else _new_rows(table, identity or table.key)
        added = self.query(sql, incoming=incoming)
        if added.num_rows:
            self._write(table, added.select(table.schema.names).cast(table.schema), sequence)
        return added

    def archive(self, payload: bytes, suffix: str, *folders: str) -> str:
        """Keep a sponsor's file as received, gzip-compressed, named by its hash; the path below raw/."""
        digest = hashlib.sha256(payload).hexdigest()
        path = self.root.joinpath("files", *folders, f"{digest[:16]}.{suffix}.gz")
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            # mtime 0: the same payload always makes the same file
            write_atomically(path, gzip.compress(payload, mtime=0))
        return path.relative_to(self.root).as_posix()

    def _folder(self, table: RawTable) -> Path:
        return self.root / table.name

    def _glob(self, table: RawTable) -> str:
        return str(self._folder(table) / "part-*.parquet").replace("'", "''")

    def _write(self, table: RawTable, rows: pa.Table, sequence: int) -> None:
        path = self._folder(table) / f"part-{sequence:08d}.parquet"
        if path.exists() and sequence:
            raise LakeError(f"{path} exists already: two writers used sequence {sequence}. Run one pipeline at a time.")
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.tmp")
        pq.write_table(rows, temporary, compression="zstd")
        _sync(temporary)
        temporary.replace(path)


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that readers see the old content or the new, never a part of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_bytes(content)
    _sync(temporary)
    temporary.replace(path)


def write_table_atomically(path: Path, table: pa.Table) -> None:
    """Replace a derived Parquet file as a whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    pq.write_table(table, temporary, compression="zstd")
    temporary.replace(path)


def _sync(path: Path) -> None:
    with path.open("rb") as handle:
        os.fsync(handle.fileno())


def _typed(table: RawTable, rows: pa.Table, sequence: int) -> pa.Table:
    wanted = table.schema
    rows = rows.append_column("ingest_seq", pa.array([sequence] * rows.num_rows, pa.int64()))
    missing = [name for name in wanted.names if name not in rows.column_names]
    if missing:
        raise LakeError(f"raw table {table.name}: the rows lack {', '.join(missing)}")
    return rows.select(wanted.names).cast(wanted).append_column("position", pa.array(range(rows.num_rows), pa.int64()))


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
            semi join latest using ({identity[0]})
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


def _new_snapshots(table: RawTable) -> str:
    """Rows of the keys whose newest stored set of rows differs from the incoming set."""
    keys = ", ".join(table.key)
    values = ", ".join(table.columns.names)
    join = " and ".join(f"i.{name} is not distinct from c.{name}" for name in table.key)
    return f"""
        with stored as (
            select t.* from {table.name} as t
            semi join incoming using ({keys})
            qualify dense_rank() over (partition by {keys} order by t.fetched_at desc, t.ingest_seq desc) = 1
        ),
        difference as (
            (select {values} from incoming except all select {values} from stored)
            union all
            (select {values} from stored except all select {values} from incoming)
        ),
        changed as (select distinct {keys} from difference),
        known as (select distinct {keys} from stored)
        select
            i.* exclude (position, available_at, is_availability_assumed),
            case when k.{table.key[0]} is null then i.available_at else i.fetched_at end as available_at,
            k.{table.key[0]} is null and i.is_availability_assumed as is_availability_assumed,
            k.{table.key[0]} is not null as is_revision
        from incoming as i
        join changed as c on {join}
        left join known as k on {join.replace("c.", "k.")}
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
