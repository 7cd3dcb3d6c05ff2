"""`make diff A=<release> B=<release>`: tables, schemas, rows and restated values between two releases."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from orchestration.foreign_text import say
from orchestration.publish.files import duckdb_connection
from orchestration.publish.manifest import load_manifest
from orchestration.publish.release import LATEST, latest_release, releases
from orchestration.publish.tables import literal, quoted
from orchestration.settings import SettingsError, load_settings_to_read

SAMPLE = 5


class UnknownReleaseError(Exception):
    """There is no such release; the message lists those there are."""


@dataclass(frozen=True)
class Restated:
    """One value that is another in the newer release."""

    key: tuple[Any, ...]
    column: str
    old: Any
    new: Any


@dataclass(frozen=True)
class TableDiff:
    """What changed in one table that both releases hold.

    Attributes:
        schema: Changes of columns, types and key, one sentence each.
        restated_columns: Number of changed values by column.
        is_key_changed: Rows were not compared, since they have no common key.
    """

    name: str
    schema: tuple[str, ...] = ()
    added: int = 0
    removed: int = 0
    changed: int = 0
    restated_columns: Mapping[str, int] = field(default_factory=dict)
    sample: tuple[Restated, ...] = ()
    is_key_changed: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether nothing changed."""
        return not (self.schema or self.added or self.removed or self.changed)


@dataclass(frozen=True)
class ReleaseDiff:
    """What changed from release `a` to release `b`."""

    a: str
    b: str
    tables_added: tuple[str, ...]
    tables_removed: tuple[str, ...]
    tables: tuple[TableDiff, ...]


def diff(data_dir: Path, a: str, b: str) -> ReleaseDiff:
    """Compare two releases by the primary keys their manifests name.

    Args:
        data_dir: The data directory.
        a: The older release, or `latest`.
        b: The newer release, or `latest`.

    Raises:
        UnknownReleaseError: One of them does not exist.
    """
    exports = data_dir / "exports"
    (folder_a, old), (folder_b, new) = _open(exports, a), _open(exports, b)
    common = sorted(old["tables"].keys() & new["tables"].keys())
    tables = []
    with duckdb_connection(data_dir, read_only=False) as con:
        for name in common:
            one, other = old["tables"][name], new["tables"][name]
            if one["sha256"] != other["sha256"] or any(_schema_changes(one, other)):
                tables.append(_compare(con, name, (folder_a, one), (folder_b, other)))
    return ReleaseDiff(
        a=old["release_id"],
        b=new["release_id"],
        tables_added=tuple(sorted(new["tables"].keys() - old["tables"].keys())),
        tables_removed=tuple(sorted(old["tables"].keys() - new["tables"].keys())),
        tables=tuple(table for table in tables if not table.is_empty),
    )


def _open(exports: Path, name: str) -> tuple[Path, dict[str, Any]]:
    wanted = latest_release(exports) if name == LATEST else name
    found = releases(exports)
    manifest = load_manifest(exports / wanted) if wanted in found else None
    if wanted is None or manifest is None:
        there = f"There are: {', '.join(found)}" if found else "Nothing was published yet. Run: make run"
        raise UnknownReleaseError(f"No release {name!r} in {exports}. {there}")
    return exports / wanted, manifest


def _compare(
    con: duckdb.DuckDBPyConnection, name: str, a: tuple[Path, dict[str, Any]], b: tuple[Path, dict[str, Any]]
) -> TableDiff:
    schema = tuple(_schema_changes(a[1], b[1]))
    key = a[1]["primary_key"]
    if key != b[1]["primary_key"]:
        return TableDiff(name, schema, is_key_changed=True)
    old_columns = {column["name"] for column in a[1]["columns"]}
    values = [c["name"] for c in b[1]["columns"] if c["name"] in old_columns and c["name"] not in key]
    for alias, (folder, table) in (("a", a), ("b", b)):
        files = ", ".join(literal(str(folder / file["path"])) for file in table["files"])
        con.execute(f"create or replace temp view {alias} as from read_parquet([{files}], hive_partitioning = false)")
    on = " and ".join(f"a.{quoted(k)} is not distinct from b.{quoted(k)}" for k in key)
    differs = [f"a.{quoted(v)} is distinct from b.{quoted(v)}" for v in values]
    any_differs = " or ".join(differs) or "false"
    added = _count(con, f"select count(*) from b anti join a on {on}")
    removed = _count(con, f"select count(*) from a anti join b on {on}")
    counts = con.execute(
        f"select count(*) filter ({any_differs}) {''.join(f', count(*) filter ({test})' for test in differs)} "
        f"from a inner join b on {on}"
    ).fetchone() or (0,)
    return TableDiff(
        name,
        schema,
        added,
        removed,
        counts[0],
        {value: count for value, count in zip(values, counts[1:], strict=True) if count},
        tuple(_sample(con, key, values, on, any_differs)) if counts[0] else (),
    )


def _sample(
    con: duckdb.DuckDBPyConnection, key: Sequence[str], values: Sequence[str], on: str, any_differs: str
) -> Iterator[Restated]:
    selected = [f"b.{quoted(name)}" for name in key]
    for value in values:
        selected += [
            f"a.{quoted(value)}",
            f"b.{quoted(value)}",
            f"a.{quoted(value)} is distinct from b.{quoted(value)}",
        ]
    order = ", ".join(f"b.{quoted(name)} nulls last" for name in key)
    rows = con.execute(
        f"select {', '.join(selected)} from a inner join b on {on} where {any_differs} order by {order} limit {SAMPLE}"
    ).fetchall()
    found = 0
    for row in rows:
        for position, value in enumerate(values):
            old, new, is_restated = row[len(key) + 3 * position :][:3]
            if is_restated and found < SAMPLE:
                found += 1
                yield Restated(row[: len(key)], value, old, new)


def _schema_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    before = {column["name"]: column["type"] for column in old["columns"]}
    after = {column["name"]: column["type"] for column in new["columns"]}
    yield from (f"column {name} added ({kind})" for name, kind in after.items() if name not in before)
    yield from (f"column {name} removed" for name in before if name not in after)
    yield from (
        f"column {name}: {before[name]} → {kind}" for name, kind in after.items() if before.get(name, kind) != kind
    )
    if old["primary_key"] != new["primary_key"]:
        yield f"primary key: {', '.join(old['primary_key'])} → {', '.join(new['primary_key'])}; rows not compared"


def _count(con: duckdb.DuckDBPyConnection, sql: str) -> int:
    row = con.execute(sql).fetchone()
    return int(row[0]) if row else 0


def render(found: ReleaseDiff) -> str:
    """The comparison as text."""
    lines = [f"{found.a} → {found.b}"]
    lines += [f"table {name} added" for name in found.tables_added]
    lines += [f"table {name} removed" for name in found.tables_removed]
    for table in found.tables:
        counts = f"{table.added:,} rows added, {table.removed:,} removed, {table.changed:,} changed"
        lines += ["", f"{table.name}: {'rows not compared' if table.is_key_changed else counts}"]
        lines += [f"  {change}" for change in table.schema]
        if table.restated_columns:
            by_column = ", ".join(f"{name} {count:,}" for name, count in table.restated_columns.items())
            lines.append(f"  values restated: {by_column}")
        for value in table.sample:
            key = ", ".join(map(str, value.key))
            lines.append(f"    ({key}) {value.column}: {value.old} → {value.new}")
    if len(lines) == 1:
        lines.append("no difference")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the comparison.

    Returns:
        0, or 1 with one line on standard error.
    """
    parser = argparse.ArgumentParser(prog="diff", description="What changed between two releases.")
    parser.add_argument("a", help="older release, or latest")
    parser.add_argument("b", nargs="?", default=LATEST, help="newer release (default: latest)")
    options = parser.parse_args(arguments)
    try:
        say(render(diff(load_settings_to_read().data_dir, options.a, options.b)))
    except (SettingsError, UnknownReleaseError) as error:
        say(error, error=True)
        return 1
    except duckdb.Error as error:
        say(f"A release cannot be read: {' '.join(str(error).split())}", error=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
