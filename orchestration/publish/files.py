"""Files and folders that survive a kill: synced and renamed into place."""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import duckdb

# The same variable and default as in dbt's profiles.yml.
MEMORY_LIMIT = "3GB"
THREADS = 2


@contextmanager
def duckdb_connection(
    data_dir: Path, path: Path | None = None, *, read_only: bool
) -> Generator[duckdb.DuckDBPyConnection]:
    """A DuckDB connection with its limits set: in memory, or on a file."""
    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": os.environ.get("SMALLCAP_DUCKDB_MEMORY", MEMORY_LIMIT),
        "temp_directory": str(data_dir / "build" / "tmp"),
        "threads": THREADS,
        "autoinstall_known_extensions": False,
    }
    con = duckdb.connect(str(path) if path else ":memory:", read_only=read_only, config=config)
    try:
        con.execute("set TimeZone = 'America/New_York'")
        yield con
    finally:
        con.close()


def sync(path: Path) -> None:
    """Flush a file, or the entries of a folder, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(folder: Path) -> None:
    """Flush every file and folder below a folder, and the folder."""
    for path in sorted(folder.rglob("*"), reverse=True):
        sync(path)
    sync(folder)


def replace_link(link: Path, target: str) -> None:
    """Point a relative symlink at another target in one step."""
    temporary = link.with_name(f".{link.name}.tmp")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(target)
    temporary.replace(link)
    sync(link.parent)


def remove_folder(folder: Path) -> None:
    """Remove a folder so that a kill leaves it whole or under a name nobody reads."""
    doomed = folder if folder.name.startswith(".") else folder.with_name(f".partial-removed-{folder.name}")
    if doomed != folder:
        folder.replace(doomed)
    shutil.rmtree(doomed)
