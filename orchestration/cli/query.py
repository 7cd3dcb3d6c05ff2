"""`make query SQL="..."`: SQL on the served database, read-only.

The SQL is an argument, a file (`@file.sql`) or standard input. The Makefile hands it over in the environment, where no
shell and no make looks at its quotes and dollar signs.
"""

from __future__ import annotations

import argparse
import io
import os
import shutil
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path

import duckdb

from orchestration.foreign_text import say
from orchestration.publish.files import duckdb_connection
from orchestration.publish.served import NAME
from orchestration.settings import SettingsError, load_settings_to_read

NARROWEST = 80
# set by the Makefile
HANDED_OVER = "QUERY_SQL"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the answer as a table.

    Returns:
        0, or 1 with one line on standard error.
    """
    parser = argparse.ArgumentParser(prog="query", description="Run SQL read-only on the served database.")
    parser.add_argument(
        "sql",
        nargs="?",
        default=os.environ.get(HANDED_OVER) or None,
        help="one or more statements; try: show tables. @file.sql reads a file; without it standard input is read",
    )
    parser.add_argument("--rows", type=int, default=40, help="most rows to print (default 40)")
    options = parser.parse_args(arguments)
    try:
        settings = load_settings_to_read()
    except SettingsError as error:
        return _fail(str(error))
    path = settings.data_dir / NAME
    if not path.exists():
        return _fail(f"{path} does not exist: nothing was published yet. Run: make run")
    try:
        sql = _sql(options.sql)
    except (OSError, UnicodeDecodeError) as error:
        return _fail(f"{options.sql[1:] if options.sql else 'standard input'} cannot be read: {error}")
    if not sql.strip():
        return _fail('no SQL given. Try: make query SQL="show tables"')
    width = max(shutil.get_terminal_size((160, 24)).columns, NARROWEST)
    try:
        with duckdb_connection(settings.data_dir, path, read_only=True) as con:
            answer = con.sql(sql)
            if answer is not None:
                # DuckDB writes out control characters, and leaves those that turn the direction of writing
                shown = io.StringIO()
                with redirect_stdout(shown):
                    answer.show(max_width=width, max_rows=options.rows)
                say(shown.getvalue().rstrip("\n"))
    except duckdb.Error as error:
        return _fail(_one_line(error))
    return 0


def _sql(given: str | None) -> str:
    """The statements themselves, read from where they are."""
    if given is None:
        return "" if sys.stdin.isatty() else sys.stdin.read()
    return Path(given[1:]).expanduser().read_text(encoding="utf-8") if given.startswith("@") else given


def _one_line(error: duckdb.Error) -> str:
    """DuckDB's message without the copy of the query and its pointer."""
    return " ".join(str(error).partition("\nLINE ")[0].split())


def _fail(message: str) -> int:
    say(message, error=True)
    return 1


if __name__ == "__main__":
    sys.exit(main())
