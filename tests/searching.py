"""Looks for a text in every file below a folder, packed and compressed ones included."""

from __future__ import annotations

import gzip
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import duckdb

TEXTS = ("VARCHAR", "STRUCT", "MAP", "JSON", "BLOB", "ENUM")


def files_with(root: Path, text: str) -> Iterator[str]:
    """The files that hold a text, by their path below the folder."""
    for path in sorted(path for path in root.rglob("*") if path.is_file() and not path.is_symlink()):
        if text in path.name or _holds(path, text):
            yield path.relative_to(root).as_posix()


def _holds(path: Path, text: str) -> bool:
    content = path.read_bytes() if path.stat().st_size < 50_000_000 else path.open("rb").read(16)
    if content.startswith(b"SQLite format 3"):
        return text.encode() in content or _sqlite_holds(path, text)
    if content[8:12] == b"DUCK":
        with duckdb.connect(str(path), read_only=True) as con:
            rows = con.execute("select schema_name, table_name from duckdb_tables() where not internal").fetchall()
            tables = [f'"{schema}"."{name}"' for schema, name in rows]
            return any(_table_holds(con, table, text) for table in tables)
    if content.startswith(b"PAR1"):
        with duckdb.connect() as con:
            return _table_holds(con, f"read_parquet('{path}')", text)
    if content.startswith(b"\x1f\x8b"):
        content = gzip.decompress(content)
    assert len(content) == path.stat().st_size or path.suffix == ".gz", f"{path} is too large to be read"
    return text.encode() in content


def _sqlite_holds(path: Path, text: str) -> bool:
    """Long values lie in parts that are not beside each other."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as con:
        con.text_factory = lambda value: value.decode("utf-8", "replace")
        tables = [name for (name,) in con.execute("select name from sqlite_master where type = 'table'")]
        rows = (row for name in tables for row in con.execute(f'select * from "{name}"'))
        return any(text in str(value) for row in rows for value in row)


def _table_holds(con: duckdb.DuckDBPyConnection, table: str, text: str) -> bool:
    columns = con.execute(f"describe from {table}").fetchall()
    texts = [f'contains("{name}"::varchar, $1)' for name, kind, *_ in columns if kind.startswith(TEXTS) or "[]" in kind]
    if not texts:
        return False
    found = con.execute(f"select count(*) from {table} where {' or '.join(texts)}", [text]).fetchone()
    return found is not None and found[0] > 0
