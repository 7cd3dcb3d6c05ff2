"""Follows the files through the moments of knowledge with holding_lattice."""

import pyarrow as pa
from holding_lattice import lattice, nodes_of

STATE = pa.schema(
    [
        ("fund", pa.string()),
        ("index_code", pa.string()),
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


def model(dbt, session):
    """One row per node and moment that changed how it stands."""
    dbt.config(materialized="table")
    files = dbt.ref("int_holding_file").to_arrow_table().to_pylist()
    indices = {row["fund"]: row["index_code"] for row in files}
    states, _ = lattice(nodes_of(files))
    rows = [
        (
            fund, indices[fund], node, moment, s.is_current, s.is_usable, s.unusable_reason, s.lines_before,
            s.lines_after, s.opening_node, s.before_opening_node, s.closing_node, s.absent_node, s.second_absent_node,
        )
        for fund, node, moment, s in states
    ]  # fmt: skip
    columns = list(zip(*rows, strict=True)) if rows else [[] for _ in STATE]
    return pa.table([pa.array(column, field.type) for column, field in zip(columns, STATE, strict=True)], STATE)
