"""Membership of made-up files by hand: the chain from presence to revisions, built as a whole."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import duckdb
import pytest
import yaml

from tests.membership.chain import build

SCENARIOS = yaml.safe_load(Path(__file__).with_name("membership_scenarios.yml").read_text("utf-8"))["scenarios"]
# what the models read of each input, as they have it
INPUTS = {
    "dim_session": "session_date date, session_index integer",
    "fct_market_event": "event_type varchar, event_id varchar, event_date date, first_session date",
    "int_holding_file": "book_code varchar, node_no integer, as_of_date date, session_index integer, vendor varchar",
    "int_holding_file_as_known": """
        book_code varchar, node_no integer, moment_no integer, opening_node integer, before_opening_node integer,
        closing_node integer, absent_node integer, second_absent_node integer
    """,
    "int_newest_file_as_known": """
        book_code varchar, moment_no integer, known_moment timestamptz, newest_node integer, newest_date date,
        earlier_newest_node integer, earlier_newest_date date
    """,
    "int_presence": """
        book_code varchar, security_id varchar, first_node integer, last_node integer, ticker varchar,
        is_ticker_inferred boolean, name varchar
    """,
    "int_arrival_evidence": """
        book_code varchar, security_id varchar, first_node integer, known_at timestamptz, has_parent_by_price boolean,
        has_parent_by_name boolean, weight_rank integer
    """,
    "int_departure_evidence": """
        book_code varchar, security_id varchar, last_node integer, known_at timestamptz, is_sold boolean,
        is_priced boolean, is_pinned boolean, is_collapsed boolean, claim_known_at timestamptz
    """,
}


def fill(con: duckdb.DuckDBPyConnection, name: str, rows: list[dict] | str) -> None:
    """A table of the rows, which are written as values by column or as a query."""
    con.execute(f"create or replace table {name} ({INPUTS[name]})")
    if isinstance(rows, str):
        con.execute(f"insert into {name} by name {rows}")
        return
    for row in rows:
        columns = ", ".join(row)
        values = ["null" if value is None else f"'{value}'" for value in row.values()]
        con.execute(f"insert into {name} ({columns}) values ({', '.join(values)})")


@pytest.mark.parametrize("scenario", SCENARIOS, ids=[scenario["name"] for scenario in SCENARIOS])
def test_membership_of_made_up_files(scenario):
    with closing(duckdb.connect()) as con:
        con.execute("set TimeZone = 'America/New_York'")
        for name in INPUTS:
            fill(con, name, [])
        for given in scenario["given"]:
            fill(con, given["input"], given["rows"])
        build(con)
        expected = scenario["expect"]["rows"]
        columns = list(expected[0])
        con.execute("create table expected as from int_membership_revision limit 0")
        for row in expected:
            assert list(row) == columns, row
            values = ["null" if value is None else f"'{value}'" for value in row.values()]
            con.execute(f"insert into expected ({', '.join(columns)}) values ({', '.join(values)})")
        read = f"select {', '.join(columns)} from {{}} order by all"
        found = con.execute(read.format("int_membership_revision")).fetchall()
        assert found == con.execute(read.format("expected")).fetchall()
