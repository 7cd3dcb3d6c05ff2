"""Reads the identities, decides with security_resolution, writes one decision for each."""

import pyarrow as pa
from security_resolution import File, Identity, Override, Sighting, resolve

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


def _rows(relation):
    return relation.to_arrow_table().to_pylist()


def model(dbt, session):
    """One row per identity."""
    dbt.config(materialized="table")
    runs, sightings, described = {}, {}, {}
    for row in _rows(dbt.ref("int_identity_run")):
        runs.setdefault((row["identity_key"], row["fund"]), []).append((row["first_node"], row["last_node"]))
    for row in sorted(_rows(dbt.ref("int_security_identity")), key=lambda row: (row["last_seen"], row["fund"])):
        key = row["identity_key"]
        described[key] = row
        sightings.setdefault(key, []).append(
            Sighting(
                fund=row["fund"],
                first_seen=row["first_seen"],
                last_seen=row["last_seen"],
                nodes=tuple(sorted(runs[key, row["fund"]])),
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
    identities = [
        Identity(
            key=key,
            ticker=row["security_ticker"],
            name=(row["name"] or "").strip().upper(),
            cusip=row["cusip"],
            isin=row["isin"],
            sedol=row["sedol"],
            sector=row["sector"],
            sightings=tuple(sightings[key]),
        )
        for key, row in described.items()
    ]
    scales = {(row["fund"], row["as_of_date"]): row["scale"] for row in _rows(dbt.ref("int_holding_scale"))}
    files = [
        File(row["fund"], row["as_of_date"], scales.get((row["fund"], row["as_of_date"])))
        for row in _rows(dbt.ref("int_holding_file"))
    ]
    overrides = [
        Override(
            row["decision"],
            *(row[column] or "" for column in ("ticker", "name", "cusip", "other_ticker", "other_name", "other_cusip")),
        )
        for row in _rows(dbt.ref("security_override"))
    ]
    classes = {row["fund_ticker"]: row["yahoo_symbol"] for row in _rows(dbt.ref("share_class_ticker"))}
    rows = [
        (d.key, d.security_id, d.method, d.score, d.confidence, d.change, d.linked_to, d.rival, d.rival_reason)
        for d in resolve(identities, files, overrides, classes)
    ]
    columns = list(zip(*rows, strict=True)) if rows else [[] for _ in DECISION]
    return pa.table([pa.array(column, field.type) for column, field in zip(columns, DECISION, strict=True)], DECISION)
