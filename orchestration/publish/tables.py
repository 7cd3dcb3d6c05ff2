"""What is published, and its metadata: read from the manifest of the dbt build, where it has its one home."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import duckdb

SCHEMA = "main"
PREFIXES = ("dim_", "fct_", "mart_")
EXTRA_NAMES = frozenset({"data_quality_issue"})


class PublishRefused(Exception):  # noqa: N818 - a decision of the gate, not a fault
    """Nothing was published; the message says why and what to do."""


@dataclass(frozen=True)
class Column:
    """One published column.

    Attributes:
        unit: As written in `meta.unit`; None where a number has none or nobody said.
        is_emptied: Whether all its values are read as null.
    """

    name: str
    data_type: str
    description: str
    unit: str | None = None
    is_emptied: bool = False

    @property
    def comment(self) -> str:
        """Description and unit in one line."""
        return f"{self.description} [{self.unit}]".strip() if self.unit else self.description


@dataclass(frozen=True)
class OpenModel:
    """The private model that holds what the open edition shows of a table.

    Attributes:
        schema: Its schema in the build database.
    """

    schema: str
    name: str


@dataclass(frozen=True)
class Headlines:
    """Keys of a table whose newest date must not go back.

    Attributes:
        column: The column of the key.
        keys: Its values.
    """

    column: str
    keys: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """One published table.

    Attributes:
        licence: As written in `meta.licence`; None where each row's instrument or series has its own.
        may_redistribute: As written in `meta.may_redistribute`; None where the rows decide.
        may_shrink: Why the table may hold less than before, as written in `meta.may_shrink`; None where it may not.
        told_by_vendors: Whether its rows are what vendors told, as `meta.told_by_vendors` says: then it only grows.
        headlines: The keys that readers look at first, as `meta.headlines` says; None where it names none.
        open_edition: The model named in `meta.open_edition`: the same columns, free to redistribute.
        read_from: The model that its rows are read from; None reads the published one.
        where: Condition of the rows that are read.
    """

    name: str
    description: str
    grain: str
    primary_key: tuple[str, ...]
    columns: tuple[Column, ...]
    licence: str | None = None
    may_redistribute: bool | None = None
    may_shrink: str | None = None
    told_by_vendors: bool = False
    headlines: Headlines | None = None
    open_edition: OpenModel | None = None
    read_from: OpenModel | None = None
    where: str = "true"

    @property
    def source(self) -> str:
        """Schema and name, in the build database, of what its rows are read from."""
        if self.read_from:
            return f"{quoted(self.read_from.schema)}.{quoted(self.read_from.name)}"
        return f"{SCHEMA}.{quoted(self.name)}"

    @property
    def column_names(self) -> tuple[str, ...]:
        """Column names in table order."""
        return tuple(column.name for column in self.columns)

    @property
    def order_by(self) -> str:
        """Total order of the rows, nulls placed explicitly."""
        return ", ".join(f"{quoted(name)} asc nulls last" for name in self.primary_key)

    @property
    def comment(self) -> str:
        """Description and grain in one text."""
        return f"{self.description} Grain: {self.grain}" if self.grain else self.description


def published_tables(manifest: Mapping[str, Any]) -> tuple[Table, ...]:
    """The published models of a dbt manifest, by name.

    Raises:
        PublishRefused: A published model does not name its primary key, or names an open edition that is no model.
    """
    models = {node["name"]: node for node in manifest["nodes"].values() if node["resource_type"] == "model"}
    published = [node for node in models.values() if node["schema"] == SCHEMA and is_published(_name(node))]
    tables = [replace(_table(node), open_edition=_open_edition(node, models)) for node in published]
    without_key = sorted(table.name for table in tables if not table.primary_key)
    if without_key:
        raise PublishRefused(
            f"Not published: {', '.join(without_key)} without a primary key. "
            "Write config.meta.primary_key in the model's YAML and build again."
        )
    return tuple(sorted(tables, key=lambda table: table.name))


def is_published(name: str) -> bool:
    """Whether a model of this name is for readers; stg_ and int_ are not."""
    return name.startswith(PREFIXES) or name in EXTRA_NAMES


def with_stored_types(con: duckdb.DuckDBPyConnection, table: Table, catalog: str) -> Table:
    """The table with the columns and types the build database really holds.

    Raises:
        PublishRefused: The build database has no such table, or not the columns of its key.
    """
    stored = stored_columns(con, catalog, SCHEMA, table.name)
    documented = {column.name: column for column in table.columns}
    names = {name for name, _ in stored}
    absent = [name for name in (*table.primary_key, *documented) if name not in names]
    if not stored or absent:
        what = f"lacks {', '.join(dict.fromkeys(absent))}" if stored else "is not in the build database"
        raise PublishRefused(f"Not published: {table.name} {what}, though its model succeeded. Build again: make run.")
    columns = tuple(
        replace(documented.get(name, Column(name, kind, "")), data_type=stable_type(kind)) for name, kind in stored
    )
    return replace(table, columns=columns)


def stored_columns(con: duckdb.DuckDBPyConnection, catalog: str, schema: str, name: str) -> list[tuple[str, str]]:
    """Names and types of the columns that a database really holds; empty where it has no such table or view."""
    return con.execute(
        "select column_name, data_type from duckdb_columns() "
        "where database_name = ? and schema_name = ? and table_name = ? order by column_index",
        [catalog, schema, name],
    ).fetchall()


def stable_type(data_type: str) -> str:
    """The type a column is published with.

    DuckDB writes HUGEINT (every sum of integers) to Parquet as a double, and an enum's codes depend on the data.
    """
    if data_type.startswith("ENUM"):
        return "VARCHAR"
    return re.sub(r"\bU?HUGEINT\b", "BIGINT", data_type)


def quoted(name: str) -> str:
    """An SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """An SQL string."""
    return "'" + text.replace("'", "''") + "'"


def _headlines(written: Mapping[str, Any] | None) -> Headlines | None:
    """As written in the YAML: one column and its values."""
    if not written:
        return None
    ((column, keys),) = written.items()
    return Headlines(column, tuple(keys))


def _table(node: Mapping[str, Any]) -> Table:
    meta = _meta(node)
    key = meta.get("primary_key") or ()
    return Table(
        name=_name(node),
        description=_one_line(node.get("description")),
        grain=_one_line(meta.get("grain")),
        primary_key=tuple(part.strip() for part in key.split(",")) if isinstance(key, str) else tuple(key),
        columns=tuple(
            Column(
                name=column["name"],
                data_type=str(column.get("data_type") or ""),
                description=_one_line(column.get("description")),
                unit=_meta(column).get("unit"),
            )
            for column in node["columns"].values()
        ),
        licence=meta.get("licence"),
        may_redistribute=meta.get("may_redistribute"),
        may_shrink=meta.get("may_shrink"),
        told_by_vendors=meta.get("told_by_vendors", False),
        headlines=_headlines(meta.get("headlines")),
    )


def _open_edition(node: Mapping[str, Any], models: Mapping[str, Mapping[str, Any]]) -> OpenModel | None:
    """The model that a published one names as its open edition.

    Raises:
        PublishRefused: There is no such model.
    """
    named = _meta(node).get("open_edition")
    if named is None:
        return None
    if named not in models:
        raise PublishRefused(
            f"Not published: {node['name']} names {named} as its open edition, and there is no model of that name. "
            "Correct config.meta.open_edition in the model's YAML and build again."
        )
    return OpenModel(models[named]["schema"], _name(models[named]))


def _name(node: Mapping[str, Any]) -> str:
    return node.get("alias") or node["name"]


def _meta(node: Mapping[str, Any]) -> dict[str, Any]:
    return {**(node.get("meta") or {}), **((node.get("config") or {}).get("meta") or {})}


def _one_line(text: str | None) -> str:
    return " ".join((text or "").split())
