"""The Parquet files of one raw table: each written once under a name of its own, and few of them.

A part is named by the first and the last ingest_seq it may hold. An append adds a part. Where many small neighbours
have come together, they are merged into one; a part that is large is never touched again.
"""

from __future__ import annotations

import ctypes
import errno
import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from orchestration.lake import account
from orchestration.lake.account import PATTERN, LakeError, load_account, open_account, save_account, sync, unnamed

NAME = re.compile(r"part-(\d{8})(?:-(\d{8}))?\.parquet")
# a query opens a file in some 0.3 ms, and a run puts about a hundred queries to raw tables
SMALL_PARTS = 32
# a month of daily holdings of five funds is larger, ten years of requests are not: what is merged again and again
# stays cheap to merge
SMALL_BYTES = 4 * 2**20
# what a merge holds in memory at once
MERGED_ROWS = 500_000
# the system, or the disk, cannot link files or exchange folders
UNABLE = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EPERM, errno.EXDEV)


def parts_of(folder: Path) -> list[Path]:
    """The parts of a raw table, oldest first."""
    return sorted((path for path in folder.glob(PATTERN) if NAME.fullmatch(path.name)), key=sequences)


def sequences(part: Path) -> tuple[int, int]:
    """The first and the last ingest_seq that a part may hold, both included."""
    found = NAME.fullmatch(part.name)
    if not found:
        raise LakeError(f"{part} is not named as a part of a raw table.")
    return int(found[1]), int(found[2] or found[1])


def last_sequence(folder: Path) -> int:
    """The highest ingest_seq that a raw table may hold; 0 where it has no parts."""
    return max((sequences(part)[1] for part in parts_of(folder)), default=0)


def write_part(folder: Path, rows: pa.Table, first: int, last: int | None = None) -> Path:
    """Write rows of these sequences as one part, whole or not at all, and into the table's account.

    The account comes before the name: a run that was killed in between left a file that `settle` gives its name.
    """
    name = f"part-{first:08d}.parquet" if last is None else f"part-{first:08d}-{last:08d}.parquet"
    path = folder / name
    if path.exists():
        raise LakeError(f"{path} exists already: two writers used sequence {first}. Run one pipeline at a time.")
    folder.mkdir(parents=True, exist_ok=True)
    kept = load_account(folder) or open_account(folder)
    temporary = unnamed(path)
    pq.write_table(rows, temporary, compression="zstd")
    sync(temporary)
    save_account(folder, kept.with_part(temporary, rows.num_rows, path.name))
    temporary.replace(path)
    # rows first and the ledger last, also after a power failure
    sync_folder(folder)
    return path


def check_parts(folder: Path) -> None:
    """Refuse a table of which a part lies within another: a backup copied over it brought merged parts back."""
    for one, other in pairwise(parts_of(folder)):
        if sequences(other)[0] <= sequences(one)[1]:
            raise LakeError(
                f"{folder} holds rows twice: {one.name} and {other.name} overlap, and a merged part holds the rows of "
                "all parts in its range. Move these out of the folder, or restore all of raw/ into an empty folder."
            )


def differing_columns(part: Path, schema: pa.Schema) -> list[str]:
    """Columns that a part has and a table has not, or that have other types there; raises where it cannot be read."""
    wanted, given = ({field.name: field.type for field in one} for one in (schema, pq.read_schema(part)))
    return sorted(column for column in wanted.keys() | given.keys() if wanted.get(column) != given.get(column))


def is_scattered(folder: Path) -> bool:
    """Whether a raw table has many small parts that can be merged; looks at names and sizes only."""
    return sum(len(run) - 1 for run in _small_runs(folder)) >= SMALL_PARTS


def merge_small_parts(folder: Path, aside: Path, reached: Callable[[str], None] = lambda _: None) -> None:
    """Replace each run of neighbouring small parts by one; all other files stay the same files.

    A second folder is made of the merged parts and of hard links to everything else. The merged rows are compared with
    those stored, by their number and by a hash that knows no order. Then the two folders are exchanged in one step. A
    process killed before that has changed nothing; one killed after it leaves the old folder, which the next one
    removes. Where the system cannot exchange folders the parts stay as they are.

    Args:
        folder: The raw table; the caller holds the lock of the lake.
        aside: Where the second folder is made, on the same disk; removed first where an earlier merge was killed.
        reached: Told each point that is reached.

    Raises:
        LakeError: A part cannot be read, or the merged parts do not hold the rows of the others.
    """
    shutil.rmtree(aside, ignore_errors=True)
    tried = aside.with_name(f"{aside.name}.tried")
    kept = load_account(folder) or open_account(folder)
    for empty in (aside, tried):
        empty.mkdir(parents=True, exist_ok=True)
    reached("begun")
    runs = _small_runs(folder)
    small = {path for run in runs for path in run}
    try:
        # on two empty folders first, before parts are merged in vain
        _exchange(aside, tried)
        for path in folder.iterdir():
            if path not in small and path.suffix != ".tmp" and path.name != account.NAME:
                os.link(path, aside / path.name)
        save_account(aside, kept.of(entry.name for entry in kept.parts if folder / entry.name not in small))
        reached("linked")
        for run in runs:
            merged = [write_part(aside, rows, *bounds) for bounds, rows in _chunks(run)]
            reached("written")
            if content(merged) != content(run):
                raise LakeError(f"{folder}: the merged parts would not hold the rows of the others; nothing changed.")
        reached("compared")
        _exchange(folder, aside)
        reached("exchanged")
        sync_folder(folder.parent)
    except OSError as error:
        if error.errno not in UNABLE:
            raise
    for left in (aside, tried):
        shutil.rmtree(left)
    reached("removed")


def content(parts: Sequence[Path]) -> tuple[int, int]:
    """How many rows parts hold, and a hash of them that depends neither on their order nor on their division."""
    with closing(duckdb.connect(config={"threads": 1})) as con:
        sql = "select count(*), coalesce(sum(hash(held)), 0)::hugeint from read_parquet(?) as held"
        rows, digest = con.execute(sql, [[str(path) for path in parts]]).fetchall()[0]
    return int(rows), int(digest)


def _small_runs(folder: Path) -> list[list[Path]]:
    """Neighbouring small parts, so that a merged part holds sequences that no other part lies between."""
    runs: list[list[Path]] = [[]]
    for path in parts_of(folder):
        if path.stat().st_size < SMALL_BYTES:
            runs[-1].append(path)
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if len(run) > 1]


def _chunks(run: Sequence[Path]) -> Iterator[tuple[tuple[int, int], pa.Table]]:
    """The rows of small parts in the order of the parts, some hundred thousand at a time, with their sequences."""
    schema = _read(run[-1]).schema
    parts: list[Path] = []
    tables: list[pa.Table] = []
    count = 0
    for path in run:
        rows = _read(path)
        if not rows.schema.equals(schema):
            raise LakeError(f"{path} has other columns than {run[-1].name}: restore it, or move it out of the folder.")
        if parts and count + rows.num_rows > MERGED_ROWS:
            yield (sequences(parts[0])[0], sequences(parts[-1])[1]), pa.concat_tables(tables)
            parts, tables, count = [], [], 0
        parts.append(path)
        tables.append(rows)
        count += rows.num_rows
    yield (sequences(parts[0])[0], sequences(parts[-1])[1]), pa.concat_tables(tables)


def _read(path: Path) -> pa.Table:
    try:
        return pq.ParquetFile(path).read()
    except (pa.ArrowException, OSError) as error:
        raise LakeError(f"{path} cannot be read: {error} Restore it from the backup of raw/.") from error


def _exchange(one: Path, other: Path) -> None:
    """Swap two folders in a single step; OSError with ENOSYS where the system has no such call."""
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:
        raise OSError(errno.ENOSYS, "no renameat2")
    here, exchange = -100, 2  # AT_FDCWD and RENAME_EXCHANGE, of fcntl.h and linux/fs.h
    if rename(here, os.fsencode(one), here, os.fsencode(other), exchange):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), str(one))


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable."""
    if not hasattr(os, "O_DIRECTORY"):  # Windows cannot open a folder
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
