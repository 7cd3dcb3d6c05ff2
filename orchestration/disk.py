"""A full disk, told in one line, whoever noticed it: Python, Arrow, DuckDB, dbt or SQLite."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
# as the libraries below say it, lower case; DuckDB gives its temporary files what the disk has left
SIGNS = (
    "no space left on device",
    "disk quota exceeded",
    "file too large",
    "database or disk is full",
    "max_temp_directory_size",
)
# what SQLite says of a disk that is full, and of one that is broken
UNCLEAR_SIGN = "disk i/o error"
DISK_FULL = "The disk is full"
# with less left, the next file of a run may not fit
SCARCE_BYTES = 200_000_000


def is_disk_full(error: BaseException, data_dir: Path) -> bool:
    """Whether an error comes from a full disk, itself or by its causes."""
    return any(
        (isinstance(one, OSError) and one.errno in FULL)
        or says_disk_full(str(one))
        or (UNCLEAR_SIGN in str(one).lower() and bool(_scarce(data_dir)))
        for one in _with_causes(error)
    )


def says_disk_full(text: str) -> bool:
    """Whether a message speaks of a full disk."""
    return any(sign in text.lower() for sign in SIGNS)


def disk_full(data_dir: Path) -> str:
    """What is full, what stands, and what to do."""
    link = data_dir / "exports" / "latest"
    stands = f"release {link.readlink().name} stands" if link.is_symlink() else "nothing was published before"
    # where no place has little left, a quota or a limit of files is the reason
    full = ", ".join(_scarce(data_dir)) or f"nothing more can be written in {data_dir}"
    return (
        f"{DISK_FULL}: {full}. Nothing new is published, {stands}, and what vendors "
        "answered before stays stored. Free 3 GB or more (docs/operating.md says what may go), and run again."
    )


def _scarce(data_dir: Path) -> list[str]:
    """The places a run writes to that have little left."""
    homes = [os.environ.get("DAGSTER_HOME", ""), tempfile.gettempdir()]
    places = [data_dir, *(Path(home) for home in homes if home)]
    left = {place: shutil.disk_usage(place).free for place in places if place.is_dir()}
    return [f"{place} has {free / 1e6:.0f} MB left" for place, free in left.items() if free < SCARCE_BYTES]


def _with_causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    found: BaseException | None = error
    while found is not None and id(found) not in seen:
        yield found
        seen.add(id(found))
        found = found.__cause__ or found.__context__
