"""Which edition of the tables the exports hold: all of it or what may be passed on, with CUSIPs or without.

The served database is the user's own and always holds everything.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import duckdb

from orchestration.publish.tables import (
    PublishRefused,
    Table,
    literal,
    quoted,
    stable_type,
    stored_columns,
)

# Columns of these names hold identifiers that belong to somebody else, and so do the rows of a table of identifiers
# whose kind is one of them. A vendor's licence, or the public domain, does not cover them.
IDENTIFIERS = {
    "cusip": "CUSIP Global Services",
    "isin": "national numbering agencies, of US securities CUSIP Global Services",
    "sedol": "London Stock Exchange",
}
KIND_COLUMN = "id_type"
OPEN_LICENCE = "SEC EDGAR: public domain"


@dataclass(frozen=True)
class Edition:
    """An edition of the exports.

    Attributes:
        with_restricted: Whether rows that may not be redistributed are there (SMALLCAP_EXPORT_RESTRICTED).
        with_identifiers: Whether CUSIPs, ISINs and SEDOLs are there (SMALLCAP_EXPORT_CUSIP).
    """

    with_restricted: bool = True
    with_identifiers: bool = True

    @property
    def is_whole(self) -> bool:
        """Whether nothing is left out."""
        return self.with_restricted and self.with_identifiers

    def of(self, table: Table) -> Table:
        """The table as this edition reads it: from which model, which columns without values, which rows."""
        if table.open_edition and not self.with_restricted:
            table = replace(table, read_from=table.open_edition, licence=OPEN_LICENCE, may_redistribute=True)
        if self.with_identifiers:
            return table
        kinds = ", ".join(map(literal, IDENTIFIERS))
        named = f"({quoted(KIND_COLUMN)} is null or {quoted(KIND_COLUMN)} not in ({kinds}))"
        return replace(
            table,
            columns=tuple(replace(column, is_emptied=column.name in IDENTIFIERS) for column in table.columns),
            where=named if KIND_COLUMN in table.column_names else table.where,
        )


def identifiers_of(table: Table) -> tuple[str, ...]:
    """The kinds of identifiers in a table that belong to somebody else."""
    names = table.column_names
    return tuple(kind for kind in IDENTIFIERS if kind in names or KIND_COLUMN in names)


def check_open_models(con: duckdb.DuckDBPyConnection, tables: Iterable[Table], catalog: str) -> None:
    """Check that each model of the open edition has the columns and types of the table it stands for.

    Args:
        con: A connection to the build database.
        tables: The published tables, with the types the build holds.
        catalog: Name of the build database in the connection.

    Raises:
        PublishRefused: A model is not in the build database, or its columns differ; the message names all of them.
    """
    problems = []
    for table in tables:
        model = table.open_edition
        if model is None:
            continue
        wanted = {column.name: column.data_type for column in table.columns}
        found = {name: stable_type(kind) for name, kind in stored_columns(con, catalog, model.schema, model.name)}
        differences = [
            *(f"{name} is missing" for name in wanted if name not in found),
            *(f"{name} is one too many" for name in found if name not in wanted),
            *(
                f"{name} is {found[name]} instead of {kind}"
                for name, kind in wanted.items()
                if found.get(name, kind) != kind
            ),
        ]
        if not found:
            problems.append(f"{model.name}, the open edition of {table.name}, is not in schema {model.schema}")
        elif differences:
            problems.append(f"{model.name} has other columns than {table.name}: {', '.join(differences)}")
    if problems:
        raise PublishRefused(
            "Not published, the open edition (SMALLCAP_EXPORT_RESTRICTED=false) cannot be made:\n  - "
            + "\n  - ".join(problems)
            + "\nGive each the columns and types of the table that names it in meta.open_edition, and build again."
        )
