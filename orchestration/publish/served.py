"""smallcap.duckdb: the published tables for SQL users, built aside and swapped in.

Readers hold the file they opened: the swap gives the name to another file and leaves theirs as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb

from orchestration.publish.exports import relation
from orchestration.publish.files import duckdb_connection, sync
from orchestration.publish.known_at import KNOWN_AT
from orchestration.publish.macros import BETWEEN, RELEASE_MACRO, create_macros
from orchestration.publish.tables import SCHEMA, Table, literal, quoted

NAME = "smallcap.duckdb"


class ServedDatabaseError(Exception):
    """The database built aside is not what the build holds; the served one was left as it was."""


def build_served(data_dir: Path, database: Path, tables: Sequence[Table], release_id: str) -> Path:
    """Build the served database beside its place, and check it.

    Args:
        data_dir: The data directory.
        database: The build database; attached read-only.
        tables: What to serve, with the types the build holds.
        release_id: The release it belongs to.

    Returns:
        The checked temporary file; `swap_in` gives it its name.
    """
    temporary = data_dir / f".smallcap-{release_id}.duckdb.tmp"
    remove_temporaries(data_dir)
    # views in it name the database they were made in
    build = database.stem
    with duckdb_connection(data_dir, temporary, read_only=False) as con:
        con.execute(f"attach {literal(str(database))} as {quoted(build)} (read_only)")
        for table in tables:
            name = f"{SCHEMA}.{quoted(table.name)}"
            rows = relation(table, release_id, build)
            con.execute(f"create table {name} as {rows} order by {table.order_by}")
            con.execute(f"comment on table {name} is {literal(table.comment)}")
            for column in table.columns:
                con.execute(f"comment on column {name}.{quoted(column.name)} is {literal(column.comment)}")
        counts = {table.name: _rows(con, f"{quoted(build)}.{SCHEMA}.{quoted(table.name)}") for table in tables}
        macros = create_macros(con, (*BETWEEN, *KNOWN_AT), tables, release_id)
        con.execute(f"detach {quoted(build)}")
        con.execute("checkpoint")
    _verify(data_dir, temporary, counts, macros)
    sync(temporary)
    return temporary


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
