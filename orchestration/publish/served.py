"""smallcap.duckdb: the published tables for SQL users, built aside and swapped in.

Readers hold the file they opened: the swap gives the name to another file and leaves theirs as it is.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import duckdb

from orchestration.lake.store import file_state
from orchestration.publish.exports import relation
from orchestration.publish.files import duckdb_connection, sync
from orchestration.publish.known_at import KNOWN_AT
from orchestration.publish.macros import BETWEEN, RELEASE_MACRO, create_macros
from orchestration.publish.parts import Parts
from orchestration.publish.standing import Standing
from orchestration.publish.tables import SCHEMA, Table, literal, quoted

NAME = "smallcap.duckdb"
# a served database that grew to more than this times its size when built from nothing is built from nothing again
GROWTH = 1.5


class ServedDatabaseError(Exception):
    """The database built aside is not what the build holds; the served one was left as it was."""


def build_served(
    data_dir: Path,
    database: Path,
    tables: Sequence[Table],
    release_id: str,
    parts: Mapping[str, Parts],
    standing: Standing | None = None,
) -> tuple[Path, bool]:
    """Build the served database beside its place, and check it.

    Args:
        data_dir: The data directory.
        database: The build database; attached read-only.
        tables: What to serve, with the types the build holds.
        release_id: The release it belongs to.
        parts: What each table holds, by table.
        standing: What was noted of the served database; a copy of it is brought up to date. None builds from nothing.

    Returns:
        The checked temporary file, to which `swap_in` gives its name, and whether it was built from nothing.
    """
    temporary = data_dir / f".smallcap-{release_id}.duckdb.tmp"
    remove_temporaries(data_dir)
    held = _held(data_dir, standing)
    if held:
        shutil.copyfile(data_dir / NAME, temporary)
    with duckdb_connection(data_dir, temporary, read_only=False) as con:
        # under the name it was built with, by which its views call their tables
        build = database.stem
        con.execute(f"attach {literal(str(database))} as {quoted(build)} (read_only)")
        _drop(con, held.keys() - parts.keys())
        for table in tables:
            _bring_up_to_date(con, table, relation(table, release_id, build), parts[table.name], held.get(table.name))
        counts = {table.name: _rows(con, f"{quoted(build)}.{SCHEMA}.{quoted(table.name)}") for table in tables}
        macros = create_macros(con, (*BETWEEN, *KNOWN_AT), tables, release_id)
        con.execute(f"detach {quoted(build)}")
        con.execute("checkpoint")
    _verify(data_dir, temporary, counts, macros)
    sync(temporary)
    return temporary, not held


def _held(data_dir: Path, standing: Standing | None) -> Mapping[str, Mapping[str, str]]:
    """The parts that the served database holds by table; nothing where it is to be built from nothing."""
    served = data_dir / NAME
    if standing is None or standing.served_state is None or file_state(served) != standing.served_state:
        return {}
    # rows that were replaced leave gaps in the file
    return standing.served if served.stat().st_size <= GROWTH * standing.served_bytes else {}


def _drop(con: duckdb.DuckDBPyConnection, tables: Iterable[str]) -> None:
    """Remove tables no longer published, and all macros, which are made anew."""
    for name in tables:
        con.execute(f"drop table {SCHEMA}.{quoted(name)}")
    macros = con.execute(
        "select distinct function_name, function_type = 'table_macro' from duckdb_functions() "
        "where not internal and function_type in ('macro', 'table_macro')"
    ).fetchall()
    for name, is_table in macros:
        con.execute(f"drop macro {'table ' if is_table else ''}{quoted(name)}")


def _bring_up_to_date(
    con: duckdb.DuckDBPyConnection, table: Table, rows: str, parts: Parts, held: Mapping[str, str] | None
) -> None:
    """Make a table what the build holds: only the months that changed where it is divided, the whole otherwise."""
    name = f"{SCHEMA}.{quoted(table.name)}"
    # no month is as it was where a column came or went: the old table cannot take the new rows
    if held is None or "" in parts.months or not held.items() & parts.months.items():
        if held != parts.months:
            con.execute(f"create or replace table {name} as {rows} order by {table.order_by}")
    else:
        for month in sorted(held.keys() | parts.months.keys()):
            if held.get(month) != parts.months.get(month):
                con.execute(f"delete from {name} where {parts.where(month)}")
                con.execute(f"insert into {name} {rows} where {parts.where(month)} order by {table.order_by}")
    con.execute(f"comment on table {name} is {literal(table.comment)}")
    for column in table.columns:
        con.execute(f"comment on column {name}.{quoted(column.name)} is {literal(column.comment)}")


def swap_in(data_dir: Path, temporary: Path) -> Path:
    """Give the checked database its name, in one step."""
    target = data_dir / NAME
    temporary.replace(target)
    sync(data_dir)
    return target


def served_release(data_dir: Path) -> str | None:
    """The release the served database holds; None where there is none, or none that opens."""
    path = data_dir / NAME
    if not path.exists():
        return None
    try:
        with duckdb_connection(data_dir, path, read_only=True) as con:
            row = con.execute(f"select {RELEASE_MACRO}()").fetchone()
    except duckdb.Error:
        return None
    return row[0] if row else None


def remove_temporaries(data_dir: Path) -> None:
    """Remove what a killed run left beside the served database."""
    for leftover in data_dir.glob(".smallcap-*.duckdb.tmp*"):
        leftover.unlink()


def _verify(data_dir: Path, path: Path, counts: dict[str, int], macros: Sequence[str]) -> None:
    wal = path.with_name(f"{path.name}.wal")
    if wal.exists():
        raise ServedDatabaseError(f"{wal} was left after the checkpoint; nothing was replaced.")
    with duckdb_connection(data_dir, path, read_only=True) as con:
        found = {name: _rows(con, f"{SCHEMA}.{quoted(name)}") for name in counts}
        known = {
            name
            for (name,) in con.execute("select function_name from duckdb_functions() where not internal").fetchall()
        }
    wrong = [
        f"{name}: {found[name]} rows, the build has {rows}" for name, rows in counts.items() if found[name] != rows
    ]
    wrong += [f"macro {name} is missing" for name in macros if name not in known]
    if wrong:
        raise ServedDatabaseError("The served database was not replaced: " + "; ".join(wrong))


def _rows(con: duckdb.DuckDBPyConnection, relation_name: str) -> int:
    row = con.execute(f"select count(*) from {relation_name}").fetchone()
    return int(row[0]) if row else 0
