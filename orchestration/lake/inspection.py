"""A look at every byte of the raw zone: what a run has no time for, and a backup has to be sure of."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from orchestration.lake.account import PATTERN, LakeError
from orchestration.lake.contracts import TABLES
from orchestration.lake.parts import differing_columns
from orchestration.lake.store import raw_problems

RECEIVED = "files"


def inspect(data_dir: Path) -> list[str]:
    """What is wrong with a raw zone, a line each: parts, their columns, and the files as received.

    Call it under the lock of the lake. An account that cannot be read is a line like any other.
    """
    try:
        found = raw_problems(data_dir, read_all=True)
    except LakeError as error:
        found = [str(error)]
    return [*found, *_other_columns(data_dir), *_received_files(data_dir)]


def _other_columns(data_dir: Path) -> Iterator[str]:
    """Parts whose columns are not those of the table, as of another version."""
    for name, table in sorted(TABLES.items()):
        for part in sorted((data_dir / "raw" / name).glob(PATTERN)):
            try:
                if differing := differing_columns(part, table.schema):
                    yield f"{part} has other columns than this version reads: {', '.join(differing)}"
            except (pa.ArrowException, OSError) as error:
                yield f"{part} cannot be read: {error}"


def _received_files(data_dir: Path) -> Iterator[str]:
    """Files as received that are gone, or are not what their names say: the beginning of the hash of their content."""
    raw = data_dir / "raw"
    for path in sorted((raw / RECEIVED).rglob("*.gz")):
        try:
            digest = hashlib.sha256(gzip.decompress(path.read_bytes())).hexdigest()
        except (OSError, EOFError, zlib.error) as error:
            yield f"{path} cannot be unpacked: {error}"
            continue
        if digest[:16] != path.name.partition(".")[0]:
            yield f"{path} was altered: its content is not what was received"
    for name, table in sorted(TABLES.items()):
        if "file_path" in table.schema.names:
            missing = sorted(path for path in _named_files(raw / name) if not (raw / path).exists())
            yield from (f"{raw / path} is missing, and rows of {name} come from it" for path in missing)


def _named_files(folder: Path) -> set[str]:
    """The files as received that a table names, in parts that can be read; the others are lines of their own."""
    named: set[str] = set()
    for part in folder.glob(PATTERN):
        with suppress(pa.ArrowException, OSError):
            named.update(path for path in pq.read_table(part, columns=["file_path"]).column(0).to_pylist() if path)
    return named
