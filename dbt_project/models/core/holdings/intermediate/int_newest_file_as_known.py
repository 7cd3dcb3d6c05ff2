"""The newest usable file of each fund at each moment, by holding_lattice."""

import pyarrow as pa
from holding_lattice import lattice, nodes_of

MOMENT = pa.schema(
    [
        ("fund", pa.string()),
        ("index_code", pa.string()),
        ("moment_no", pa.int32()),
        ("known_moment", pa.timestamp("us", tz="UTC")),
        ("newest_node", pa.int32()),
        ("newest_date", pa.date32()),
        ("earlier_newest_node", pa.int32()),
        ("earlier_newest_date", pa.date32()),
    ]
)


def model(dbt, session):
    """One row per fund and moment at which a file of any fund was learnt."""
    dbt.config(materialized="table")
    files = dbt.ref("int_holding_file").to_arrow_table().to_pylist()
    indices = {row["fund"]: row["index_code"] for row in files}
    known = {row["moment_no"]: row["known_moment"] for row in files}
    _, moments = lattice(nodes_of(files))
    rows = [
        (
            m.fund, indices[m.fund], m.moment_no, known[m.moment_no], m.newest_node, m.newest_date,
            m.earlier_newest_node, m.earlier_newest_date,
        )
        for m in moments
    ]  # fmt: skip
    columns = list(zip(*rows, strict=True)) if rows else [[] for _ in MOMENT]
    return pa.table([pa.array(column, field.type) for column, field in zip(columns, MOMENT, strict=True)], MOMENT)
