"""The account that each raw table keeps of its parts: their names, rows, bytes and hashes.

The raw zone is the one thing that cannot be rebuilt, and a query over a folder does not notice that a file is gone. So
every part is written into `account.json` beside it before it gets its name, and every run compares the two.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

NAME = "account.json"
PATTERN = "part-*.parquet"


class LakeError(Exception):
    """The raw lake cannot be used as asked; the message says why and what to do."""


@dataclass(frozen=True)
class Entry:
    """One part as it was written."""

    name: str
    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Account:
    """All parts of one raw table, oldest first.

    Attributes:
        lost: Parts that were gone and that somebody accepted as lost.
    """

    parts: tuple[Entry, ...] = ()
    lost: tuple[Entry, ...] = ()

    @property
    def rows(self) -> int:
        """Rows of all parts."""
        return sum(entry.rows for entry in self.parts)

    @cached_property
    def head(self) -> str:
        """A hash chained over the entries, which no other account has."""
        chained = ""
        for entry in (*self.lost, *self.parts):
            said = f"{chained} {entry.name} {entry.rows} {entry.bytes} {entry.sha256}"
            chained = hashlib.sha256(said.encode()).hexdigest()
        return chained

    def with_part(self, path: Path, rows: int, name: str) -> Account:
        """The account with one more part, as it lies at a path."""
        entry = Entry(name, rows, path.stat().st_size, sha256_of(path))
        return replace(self, parts=tuple(sorted((*self.parts, entry), key=lambda entry: entry.name)))

    def of(self, names: Iterable[str]) -> Account:
        """The account of these parts alone."""
        kept = set(names)
        return replace(self, parts=tuple(entry for entry in self.parts if entry.name in kept))


def load_account(folder: Path) -> Account | None:
    """The account of a raw table; None where it has none yet.

    Raises:
        LakeError: It cannot be read, or was changed by somebody else.
    """
    path = folder / NAME
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        account = Account(*(tuple(Entry(**entry) for entry in said[key]) for key in ("parts", "lost")))
        is_ours = account.head == said["head"]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        is_ours = False
    if not is_ours:
        raise LakeError(
            f"{path} is damaged or was changed by hand. Restore it with the other files of its folder from a backup of "
            "raw/. Where there is none, remove it, and the next run takes account of the parts that are there."
        )
    return account


def save_account(folder: Path, account: Account) -> None:
    """Replace the account of a raw table in one step."""
    entries = {"parts": account.parts, "lost": account.lost}
    said = {"head": account.head} | {key: [asdict(entry) for entry in value] for key, value in entries.items()}
    temporary = folder / f".{NAME}.tmp"
    temporary.write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")
    sync(temporary)
    temporary.replace(folder / NAME)


def open_account(folder: Path) -> Account:
    """The account of the parts that a table of an older version has; it is saved."""
    account = Account()
    for path in sorted(folder.glob(PATTERN)):
        account = account.with_part(path, rows_of(path), path.name)
    save_account(folder, account)
    return account


def settle(folder: Path, account: Account) -> None:
    """Give the part its name that a killed run had written into the account, and remove what it had not got so far."""
    expected = {unnamed(folder / entry.name): entry for entry in account.parts}
    for written in sorted(folder.glob(".*.tmp")):
        entry = expected.get(written)
        if entry is None:
            written.unlink()
        elif not (folder / entry.name).exists() and sha256_of(written) == entry.sha256:
            written.replace(folder / entry.name)


def unnamed(path: Path) -> Path:
    """Where a part is written before it gets its name."""
    return path.with_name(f".{path.name}.tmp")


def differences(folder: Path, account: Account, *, read_all: bool = False) -> Iterator[str]:
    """What a table's folder holds other than its account says, a line each.

    Without `read_all` only parts that changed after the account are read: the others were there when it was written.
    """
    written = (folder / NAME).stat().st_mtime_ns
    for entry in account.parts:
        path = folder / entry.name
        if not path.exists():
            yield f"{path} is missing ({entry.rows:,} rows)"
        elif path.stat().st_size != entry.bytes:
            yield f"{path} was altered: {path.stat().st_size:,} bytes instead of {entry.bytes:,} ({entry.rows:,} rows)"
        elif (read_all or path.stat().st_mtime_ns > written) and sha256_of(path) != entry.sha256:
            yield f"{path} was altered: its content is not what was stored ({entry.rows:,} rows)"
    known = {entry.name for entry in account.parts}
    for path in sorted(folder.glob(PATTERN)):
        if path.name not in known:
            yield f"{path} is foreign: no run of this data directory wrote it"


def without_missing(folder: Path, account: Account) -> Account:
    """The account in which parts that are gone count as lost."""
    missing = tuple(entry for entry in account.parts if not (folder / entry.name).exists())
    kept = account.of(entry.name for entry in account.parts if entry not in missing)
    return replace(kept, lost=(*account.lost, *missing))


def rows_of(part: Path) -> int:
    """Rows of a Parquet file, from its footer.

    Raises:
        LakeError: It cannot be read.
    """
    try:
        return pq.read_metadata(part).num_rows
    except (pa.ArrowException, OSError) as error:
        raise LakeError(f"{part} cannot be read: {error} Restore it from the backup of raw/.") from error


def sha256_of(path: Path) -> str:
    """Hex digest of a file."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def sync(path: Path) -> None:
    """Make the content of a file durable."""
    with path.open("rb") as handle:
        os.fsync(handle.fileno())
