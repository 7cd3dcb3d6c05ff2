"""Which rules of a table are broken, by how many rows, with an example of each."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb

from orchestration.build.record import read_json
from orchestration.calendars import NEW_YORK

# the generic test of dbt_project/tests/generic, whose query gives a row for each broken rule
RULES = "rules"


def name_broken_rules(outcomes: Iterable[dict[str, Any]], manifest_path: Path, database: Path) -> None:
    """Say in the message of each failed test of rules which of them are broken; dbt says only how many rows.

    Args:
        outcomes: The results of a build; their messages are replaced.
        manifest_path: The manifest of that build.
        database: The build database, closed.
    """
    failed = [result for result in outcomes if result["status"] in {"fail", "warn"}]
    if not failed:
        return
    nodes = read_json(manifest_path)["nodes"]
    with closing(duckdb.connect(str(database), read_only=True)) as con:
        con.execute(f"set TimeZone = '{NEW_YORK.key}'")
        for result in failed:
            test = nodes[result["unique_id"]].get("test_metadata") or {}
            if test.get("name") == RULES:
                table = nodes[nodes[result["unique_id"]]["attached_node"]]
                key = test["kwargs"].get("primary_key") or table["config"]["meta"].get("primary_key") or ()
                result["message"] = "; ".join(_broken(con, result["compiled_code"], key))


def _broken(con: duckdb.DuckDBPyConnection, query: str, key: Iterable[str]) -> Iterator[str]:
    for rule, failing_rows, rows_query in con.execute(query).fetchall():
        found = con.execute(f"from ({rows_query}) limit 1")
        columns = [column[0] for column in found.description or ()]
        # a wide table has too many columns to read: those of the key, and those that the rule is about
        told = {*key, *re.findall(r"\w+", rows_query)}
        values = zip(columns, found.fetchone() or (), strict=True)
        example = ", ".join(f"{name} {_text(value)}" for name, value in values if name in told)
        yield f"{rule}: {failing_rows} rows, for example {example}"


def _text(value: object) -> str:
    return "null" if value is None else str(value)
