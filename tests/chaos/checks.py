"""What must hold of a data directory: after every kill, and once a run was left to its end."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import duckdb
from filelock import FileLock, Timeout

from orchestration.lake.account import PATTERN
from orchestration.lake.contracts import TABLES
from orchestration.lake.inspection import inspect
from orchestration.publish.manifest import is_whole, load_manifest
from orchestration.publish.release import LATEST
from orchestration.publish.served import NAME as SERVED
from orchestration.publish.served import served_release

# they name the run and its requests, and a run that was repaired has asked twice
OF_THE_RUN = ("dim_release", "fct_request_ledger")
NUMBERS = ("ingest_seq", "request_id")
LOCKS = ("raw/.lock", "build/.publish.lock", "build/.build.lock")
TEMPORARY = (".*.tmp", ".*.tmp.wal", ".partial-*", ".merging", "*.wal")


def raw_contents(data: Path) -> dict[str, str]:
    """A hash of the rows of each raw table, by table: of what vendors said, without the numbers of requests.

    Of the ledger it is what was asked and how it ended, as a run that was repaired asks twice.
    """
    found = {}
    with closing(duckdb.connect(config={"threads": 1})) as con:
        for name in sorted(TABLES):
            rows = f"read_parquet('{data / 'raw' / name / PATTERN}')"
            if name == "request":
                rows = f"(select distinct vendor, dataset, key, window_start, window_end, outcome, rows from {rows})"
            else:
                rows = f"(select * exclude ({', '.join(NUMBERS)}) from {rows})"
            said = con.execute(f"select count(*), coalesce(sum(hash(held)), 0)::hugeint from {rows} as held").fetchone()
            assert said
            found[name] = f"{said[0]} rows, {said[1]}"
    return found


def release_contents(data: Path) -> dict[str, str]:
    """The content hash of each table of the newest release, by table; of the run's own tables there is none."""
    manifest = load_manifest(data / "exports" / LATEST) or {"tables": {}}
    return {
        name: f"{table['rows']} rows, {table['sha256']}"
        for name, table in manifest["tables"].items()
        if name not in OF_THE_RUN
    }


def build_contents(data: Path) -> dict[str, str]:
    """A hash of the rows of each table that a release of the build would hold, by table."""
    found = {}
    with closing(duckdb.connect(str(data / "build" / "warehouse.duckdb"), read_only=True)) as con:
        names = con.execute("select table_name from duckdb_tables() where schema_name = 'main' order by 1").fetchall()
        for (name,) in names:
            if name not in OF_THE_RUN:
                sql = f"select count(*), coalesce(sum(hash(held)), 0)::hugeint from {name} as held"
                ((rows, digest),) = con.execute(sql).fetchall()
                found[f"build/{name}"] = f"{rows} rows, {digest}"
    return found


def differences(found: dict[str, str], wanted: dict[str, str]) -> list[str]:
    """Tables that are not those of an undisturbed history."""
    return [
        f"table {name} differs: {found.get(name)} instead of {wanted.get(name)}"
        for name in sorted(found.keys() | wanted.keys())
        if found.get(name) != wanted.get(name)
    ]


def standing(data: Path) -> Iterator[str]:
    """What is wrong with what readers see, at any moment: `latest` is a whole release, and the served file opens."""
    latest = data / "exports" / LATEST
    manifest = load_manifest(latest)
    if manifest is None:
        yield f"{latest} is no release"
        return
    if manifest["release_id"] != latest.readlink().name:
        yield f"{latest} points at {latest.readlink().name}, which says that it is {manifest['release_id']}"
    if not is_whole(latest, manifest):
        yield f"{latest} is not whole"
    served = served_release(data)
    named = load_manifest(data / "exports" / str(served))
    if named is None:
        yield f"{SERVED} holds {served}, which is no release below exports"
        return
    with closing(duckdb.connect(str(data / SERVED), read_only=True)) as con:
        for name, table in named["tables"].items():
            counted = con.execute(f"select count(*) from {name}").fetchone()
            if counted != (table["rows"],):
                yield f"{SERVED}: {name} has {counted} rows, the release {served} has {table['rows']}"


def is_apart(data: Path) -> bool:
    """Whether the served file and `latest` are two releases: the two names move one after the other."""
    return served_release(data) != (data / "exports" / LATEST).readlink().name


def leftovers(data: Path) -> Iterator[str]:
    """What a run that was killed left behind, and the next one did not remove."""
    for pattern in TEMPORARY:
        yield from (f"{path.relative_to(data)} was left" for path in sorted(data.rglob(pattern)))
    held = [path for path in (data / "build" / "tmp").glob("*") if path.exists()]
    yield from (f"{path.relative_to(data)} was left" for path in held)


def locked(data: Path) -> Iterator[str]:
    """Locks that somebody still holds."""
    for name in LOCKS:
        if (data / name).exists():
            try:
                FileLock(data / name, timeout=0.1).acquire().lock.release()
            except Timeout:
                yield f"{name} is held"
    try:
        duckdb.connect(str(data / "build" / "warehouse.duckdb"), read_only=True).close()
    except duckdb.Error as error:
        yield f"build/warehouse.duckdb cannot be opened: {error}"


def altered(data: Path) -> Iterator[str]:
    """Files of the raw zone and of the newest release that are not what is said of them; every byte is read."""
    yield from inspect(data)
    latest = data / "exports" / LATEST
    for table in (load_manifest(latest) or {"tables": {}})["tables"].values():
        for file in table["files"]:
            if hashlib.sha256((latest / file["path"]).read_bytes()).hexdigest() != file["sha256"]:
                yield f"{latest / file['path']} is not what the manifest says"


def repaired(data: Path) -> list[str]:
    """What is wrong with a directory after a run that nobody disturbed."""
    found = [*standing(data), *leftovers(data), *locked(data), *altered(data)]
    return [*found, f"{SERVED} and latest are two releases"] if is_apart(data) else found
