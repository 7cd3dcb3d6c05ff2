"""`make query SQL="..."`: SQL on the served database, read-only."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Sequence

import duckdb

from orchestration.publish.files import duckdb_connection
from orchestration.publish.served import NAME
from orchestration.settings import SettingsError, load_settings

NARROWEST = 80


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the answer as a table.

    Returns:
        0, or 1 with one line on standard error.
    """
    parser = argparse.ArgumentParser(prog="query", description="Run SQL read-only on the served database.")
    parser.add_argument("sql", help="one or more statements; try: show tables")
    parser.add_argument("--rows", type=int, default=40, help="most rows to print (default 40)")
    options = parser.parse_args(arguments)
    try:
        settings = load_settings()
    except SettingsError as error:
        return _fail(str(error))
    path = settings.data_dir / NAME
    if not path.exists():
        return _fail(f"{path} does not exist: nothing was published yet. Run: make run")
    if not options.sql.strip():
        return _fail('no SQL given. Try: make query SQL="show tables"')
    width = max(shutil.get_terminal_size((160, 24)).columns, NARROWEST)
    try:
        with duckdb_connection(settings.data_dir, path, read_only=True) as con:
            answer = con.sql(options.sql)
            if answer is not None:
                answer.show(max_width=width, max_rows=options.rows)
    except duckdb.Error as error:
        return _fail(_one_line(error))
    return 0


def _one_line(error: duckdb.Error) -> str:
    """DuckDB's message without the copy of the query and its pointer."""
    return " ".join(str(error).partition("\nLINE ")[0].split())


def _fail(message: str) -> int:
    print(message, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
