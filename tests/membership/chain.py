"""The models from presence to revisions as plain SQL, built in a database of a test's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import duckdb
import jinja2
import yaml

DBT = Path(__file__).resolve().parents[2] / "dbt_project"
MEMBERSHIP = DBT / "models" / "core" / "membership"
VARS = yaml.safe_load((DBT / "dbt_project.yml").read_text(encoding="utf-8"))["vars"]
# in the order they rest on each other
CHAIN = (
    "int_russell_event",
    "int_events_between_files",
    "int_change_by_own_file",
    "int_change_by_other_fund",
    "int_change_by_evidence",
    "int_membership_reading",
    "int_presence_as_known",
    "int_stay",
    "int_stay_ending",
    "int_stay_beginning",
    "int_stay_dates",
    "int_membership_as_known",
    "int_membership_revision",
    "fct_index_membership_revision",
)


def sql(path: Path, rules: Mapping[str, Any] = VARS, **macros: Callable[..., str]) -> str:
    """A model or a query as plain SQL over tables of the names it refers to, with the numbers of these rules."""
    template = jinja2.Environment(autoescape=False).from_string(path.read_text(encoding="utf-8"))  # noqa: S701 - it is SQL
    return template.render(
        config=lambda **_: "",
        ref=lambda name: name,
        number_of=lambda rule, name: rules[rule][name],
        var=VARS.__getitem__,
        index_of=lambda book: f"split_part({book}, '/', 1)",
        source_of=lambda book: f"coalesce(nullif(split_part({book}, '/', 2), ''), 'all')",
        quoted=lambda texts: ", ".join(f"'{text}'" for text in texts),
        **macros,
    )


def build(con: duckdb.DuckDBPyConnection, instead: Mapping[str, str] | None = None) -> None:
    """Make a table of each model of the chain, or of the query given instead of it; the inputs are there already."""
    for name in CHAIN:
        query = (instead or {}).get(name) or sql(next(MEMBERSHIP.rglob(f"{name}.sql")))
        con.execute(f"create or replace table {name} as {query}")
