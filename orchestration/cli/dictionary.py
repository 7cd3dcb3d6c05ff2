"""`make dictionary`: the data dictionary, written from the metadata in the dbt YAML and from nothing else."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import dagster as dg

from orchestration.foreign_text import say
from orchestration.publish.tables import PublishRefused, Table, published_tables
from orchestration.settings import REPOSITORY

PATH = REPOSITORY / "docs" / "data_dictionary.md"
PREAMBLE = """\
# Data dictionary

Written by `make dictionary` from `dbt_project/models/**/*.yml`. Change the text there, not here.

Every table is in `data_lake/smallcap.duckdb` (schema `main`) and below `data_lake/exports/latest/`. Columns of the
primary key are in bold.
"""


def current_tables() -> tuple[Table, ...]:
    """The published tables as the dbt project declares them now; parses the project where it changed.

    Raises:
        DagsterInvalidDefinitionError: dbt cannot read the project.
        PublishRefused: A published model does not name its primary key.
    """
    # the import parses the project, which takes seconds and should not delay --help
    from orchestration.build.project import dbt_project

    return published_tables(json.loads(dbt_project().manifest_path.read_text(encoding="utf-8")))


def render(tables: Sequence[Table]) -> str:
    """The dictionary as Markdown."""
    lines = [PREAMBLE, "| table | grain |", "|---|---|"]
    lines += [f"| [{table.name}](#{table.name}) | {_text(table.grain)} |" for table in tables]
    for table in tables:
        lines += ["", *_section(table)]
    return "\n".join(lines) + "\n"


def _section(table: Table) -> Iterator[str]:
    yield f"## {table.name}"
    yield ""
    yield _text(table.description)
    yield ""
    yield f"Grain: {_text(table.grain)}. Primary key: {', '.join(f'`{name}`' for name in table.primary_key)}."
    yield ""
    yield "| column | type | unit | description |"
    yield "|---|---|---|---|"
    for column in table.columns:
        name = f"**{column.name}**" if column.name in table.primary_key else column.name
        yield f"| {name} | {column.data_type} | {_text(column.unit or '')} | {_text(column.description)} |"


def _text(text: str) -> str:
    """Plain text that Markdown shows as it is, in a table cell as well."""
    for special in "\\|<*":
        text = text.replace(special, f"\\{special}")
    return text


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the dictionary.

    Returns:
        0, or 1 with the reason on standard error.
    """
    parser = argparse.ArgumentParser(prog="dictionary", description="Write the data dictionary from the dbt metadata.")
    parser.add_argument("path", nargs="?", type=Path, default=PATH, help="file to write (default: %(default)s)")
    options = parser.parse_args(arguments)
    try:
        text = render(current_tables())
    except (dg.DagsterInvalidDefinitionError, PublishRefused) as error:
        say(error, error=True)
        return 1
    options.path.parent.mkdir(parents=True, exist_ok=True)
    options.path.write_text(text, encoding="utf-8")
    say(f"wrote {options.path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
