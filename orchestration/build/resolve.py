"""The Python step of the build: reads files and identities dbt built, writes decisions for dbt to read."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from orchestration.lake.store import write_table_atomically
from orchestration.securities import File, Identity, Override, ReportedTicker, Sighting, resolve
from orchestration.securities.lattice import lattice, nodes_of

FILE_AS_KNOWN = pa.schema(
    [
        ("book_code", pa.string()),
        ("node_no", pa.int32()),
        ("moment_no", pa.int32()),
        ("is_current", pa.bool_()),
        ("is_usable", pa.bool_()),
        ("unusable_reason", pa.string()),
        ("lines_before", pa.float64()),
        ("lines_after", pa.float64()),
        ("opening_node", pa.int32()),
        ("before_opening_node", pa.int32()),
        ("closing_node", pa.int32()),
        ("absent_node", pa.int32()),
        ("second_absent_node", pa.int32()),
    ]
)
NEWEST_FILE_AS_KNOWN = pa.schema(
    [
        ("book_code", pa.string()),
        ("moment_no", pa.int32()),
        ("known_moment", pa.timestamp("us", tz="UTC")),
        ("newest_node", pa.int32()),
        ("newest_date", pa.date32()),
        ("earlier_newest_node", pa.int32()),
        ("earlier_newest_date", pa.date32()),
    ]
)
DECISION = pa.schema(
    [
        ("identity_key", pa.string()),
        ("security_id", pa.string()),
        ("method", pa.string()),
        ("score", pa.float64()),
        ("confidence", pa.string()),
        ("change", pa.string()),
        ("linked_to", pa.string()),
        ("rival_key", pa.string()),
        ("rival_reason", pa.string()),
    ]
)

Row = dict[str, Any]


def write_decisions(database: Path, folder: Path) -> None:
    """Decide on what dbt has built so far.

    Args:
        database: The build database, opened read-only; dbt must have closed it.
        folder: Where holding_file_as_known, newest_file_as_known and security_resolution are written as Parquet.
    """
    with closing(duckdb.connect(str(database), read_only=True)) as con:
        con.execute("set TimeZone = 'America/New_York'")

        def rows(table: str) -> list[Row]:
            return con.execute(f"select * from {table}").to_arrow_table().to_pylist()

        files = rows("intermediate.int_holding_file")
        states, newest = _known(files)
        decisions = _decisions(
            files,
            identities=rows("intermediate.int_security_identity"),
            runs=rows("intermediate.int_identity_run"),
            scales=rows("intermediate.int_holding_scale"),
            matches=rows("intermediate.int_filing_line_match"),
            tickers=rows("intermediate.int_reported_ticker"),
            overrides=rows("seeds.security_override"),
            classes=rows("seeds.share_class_ticker"),
        )
    for name, found, schema in (
        ("holding_file_as_known", states, FILE_AS_KNOWN),
        ("newest_file_as_known", newest, NEWEST_FILE_AS_KNOWN),
        ("security_resolution", decisions, DECISION),
    ):
        write_table_atomically(folder / f"{name}.parquet", _table(found, schema))


def _known(files: list[Row]) -> tuple[list[tuple], list[tuple]]:
    """How each file stood at each moment, and the newest usable file of each book at each moment."""
    moments = {row["moment_no"]: row["known_moment"] for row in files}
    states, newest = lattice(nodes_of(files))
    return (
        [
            (
                book, node, moment, s.is_current, s.is_usable, s.unusable_reason, s.lines_before,
                s.lines_after, s.opening_node, s.before_opening_node, s.closing_node, s.absent_node,
                s.second_absent_node,
            )
            for book, node, moment, s in states
        ],
        [
            (
                m.book, m.moment_no, moments[m.moment_no], m.newest_node, m.newest_date,
                m.earlier_newest_node, m.earlier_newest_date,
            )
            for m in newest
        ],
    )  # fmt: skip


def _decisions(
    files: list[Row],
    *,
    identities: list[Row],
    runs: list[Row],
    scales: list[Row],
    matches: list[Row],
    tickers: list[Row],
    overrides: list[Row],
    classes: list[Row],
) -> list[tuple]:
    """One decision for each identity."""
    # what goes on from a file to the next is seen in files of one source, so the books of all sources are left out
    files = [row for row in files if row["source"] != "all"]
    books = {row["book_code"] for row in files}
    identities, runs = ([row for row in rows if row["book_code"] in books] for rows in (identities, runs))
    nodes: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for row in runs:
        nodes.setdefault((row["identity_key"], row["book_code"]), []).append((row["first_node"], row["last_node"]))
    sightings: dict[str, list[Sighting]] = {}
    described: dict[str, Row] = {}
    for row in sorted(identities, key=lambda row: (row["last_seen"], row["book_code"])):
        key = row["identity_key"]
        described[key] = row
        sightings.setdefault(key, []).append(
            Sighting(
                fund=row["book_code"],
                first_seen=row["first_seen"],
                last_seen=row["last_seen"],
                nodes=tuple(sorted(nodes[key, row["book_code"]])),
                first_weight=row["first_weight_pct"],
                last_weight=row["last_weight_pct"],
                first_priced=row["first_priced_date"],
                first_shares=row["first_shares"],
                first_price=row["first_price_usd"],
                last_priced=row["last_priced_date"],
                last_shares=row["last_shares"],
                last_price=row["last_price_usd"],
            )
        )
    found = resolve(
        [
            Identity(
                key=key,
                ticker=row["security_ticker"] or "",
                name=(row["name"] or "").strip().upper(),
                cusip=row["cusip"],
                isin=row["isin"],
                sedol=row["sedol"],
                sector=row["sector"],
                sightings=tuple(sightings[key]),
            )
            for key, row in described.items()
        ],
        _sized(files, scales),
        [
            Override(
                row["decision"],
                *(
                    row[column] or ""
                    for column in ("ticker", "name", "cusip", "other_ticker", "other_name", "other_cusip")
                ),
            )
            for row in overrides
        ],
        {row["fund_ticker"]: row["yahoo_symbol"] for row in classes},
        {
            (row["identity_key"], row["file_identity_key"])
            for row in matches
            if row["identity_key"] and row["file_identity_key"]
        },
        [ReportedTicker(row["identity_key"], row["ticker"], row["first_date"], row["last_date"]) for row in tickers],
    )
    return [
        (d.key, d.security_id, d.method, d.score, d.confidence, d.change, d.linked_to, d.rival, d.rival_reason)
        for d in found
    ]


def _sized(files: list[Row], scales: list[Row]) -> list[File]:
    """The files with the factor by which creations and redemptions changed all their lines."""
    factors = {(row["book_code"], row["as_of_date"]): row["scale"] for row in scales}
    return [
        File(row["book_code"], row["as_of_date"], factors.get((row["book_code"], row["as_of_date"]))) for row in files
    ]


def _table(rows: Iterable[tuple], schema: pa.Schema) -> pa.Table:
    columns = list(zip(*rows, strict=True)) or [[] for _ in schema]
    return pa.table([pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)], schema)
