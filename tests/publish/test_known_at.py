"""The known_at macros: what was known at a moment, revisions and splits included."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest

from orchestration.publish.known_at import KNOWN_AT
from orchestration.publish.macros import create_macros
from orchestration.publish.tables import Column, Table

TABLES = """
create table fct_corporate_action as select * from (values
    ('TZA', date '2025-03-04', 'dividend', 1.0),
    ('TZA', date '2025-03-05', 'split', 0.1)
) as t (symbol, ex_date, action_type, value);
create table fct_price_revision as select * from (values
    ('TZA', date '2025-03-03', timestamptz '2025-03-04 18:00:00-05', 5.0, 5.0, 5.0, 5.0, 1000, date '2025-03-04'),
    ('TZA', date '2025-03-04', timestamptz '2025-03-04 18:00:00-05', 6.0, 6.0, 6.0, 6.0, 1000, date '2025-03-04'),
    ('TZA', date '2025-03-04', timestamptz '2025-03-06 18:00:00-05', 61.0, 61.0, 61.0, 61.0, 100, date '2025-03-06'),
    ('TZA', date '2025-03-05', timestamptz '2025-03-05 18:00:00-05', 66.0, 66.0, 66.0, 66.0, 100, date '2025-03-05')
) as t (symbol, session_date, known_at, open, high, low, close, volume, split_basis_date);
create table fct_price_daily as select * from (values
    ('TZA', date '2025-03-03', 50.0, 50.0, 50.0, 50.0, 100::bigint, 100.0, 0.0, 1.0,
        timestamptz '2025-03-03 16:15:00-05', true),
    ('TZA', date '2025-03-04', 61.0, 61.0, 61.0, 61.0, 100::bigint, 124.0, 1.0, 1.0,
        timestamptz '2025-03-04 16:15:00-05', false),
    ('TZA', date '2025-03-05', 66.0, 66.0, 66.0, 66.0, 100::bigint, 134.0, 0.0, 0.1,
        timestamptz '2025-03-05 16:15:00-05', false)
) as t (
    symbol, session_date, open, high, low, close, volume,
    total_return_index, dividend_usd, split_ratio, available_at, is_availability_assumed
);
create table fct_macro_observation as select * from (values
    ('CPI', date '2025-01-01', date '2025-02-12', date '2025-03-11', 300.0, timestamptz '2025-02-12 08:30:00-05'),
    ('CPI', date '2025-01-01', date '2025-03-12', date '9999-12-31', 301.0, timestamptz '2025-03-12 08:30:00-04')
) as t (series_id, observation_date, realtime_start, realtime_end, value, available_at);
create table fct_index_membership_revision as select * from (values
    ('R2000', 'S1', date '2024-07-01', null::date,
        timestamptz '2025-01-02 08:00:00-05', timestamptz '2025-02-03 08:00:00-05'),
    ('R2000', 'S1', date '2024-07-01', date '2025-01-31', timestamptz '2025-02-03 08:00:00-05', null)
) as t (index_code, security_id, valid_from, valid_to, known_from, known_to);
create table dim_session as select * from (values
    (date '2025-03-03', 1), (date '2025-03-04', 2), (date '2025-03-05', 3)
) as t (session_date, session_index);
create table fct_etf_shares as select
    *, null::double as aum_usd, 'direxion' as vendor, 'as_reported' as share_basis, null::date as split_basis_date,
    known_at as available_at
from (values
    ('TZA', date '2025-03-03', timestamptz '2025-03-04 08:00:00-05', 5.0, 1000.0, null::timestamptz),
    ('TZA', date '2025-03-04', timestamptz '2025-03-05 08:00:00-05', 6.0, 1100.0, null),
    ('TZA', date '2025-03-04', timestamptz '2025-03-07 08:00:00-05', 6.0, 1200.0, null),
    ('TZA', date '2025-03-05', timestamptz '2025-03-06 08:00:00-05', 66.0, 120.0, null),
    ('ONE', date '2025-03-03', timestamptz '2025-03-04 08:00:00-05', 10.0, 1000.0, null),
    ('ONE', date '2025-03-04', timestamptz '2025-03-05 08:00:00-05', 10.0, 2000.0, null),
    ('ONE', date '2025-03-05', timestamptz '2025-03-06 08:00:00-05', 10.0, 1010.0, null),
    ('HAND', date '2025-03-03', timestamptz '2025-03-04 08:00:00-05', 10.0, 1000.0, null),
    ('HAND', date '2025-03-04', timestamptz '2025-03-05 08:00:00-05', 10.0, 1100.0, '2025-03-06 08:00:00-05'),
    ('HAND', date '2025-03-05', timestamptz '2025-03-06 08:00:00-05', 10.0, 1020.0, null)
) as t (symbol, as_of_date, known_at, nav_usd, shares_outstanding, misprint_known_at);
"""


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as con:
        con.execute("set TimeZone = 'America/New_York'")
        con.execute(TABLES)
        names = con.execute("select table_name, list(column_name) from duckdb_columns() group by all").fetchall()
        tables = [Table(name, "", "", (), tuple(Column(c, "", "") for c in columns)) for name, columns in names]
        made = create_macros(con, KNOWN_AT, tables, "r1")
        assert made == (*(macro.name for macro in KNOWN_AT), "served_release")
        yield con


def prices(con: duckdb.DuckDBPyConnection, moment: str) -> list[tuple[object, ...]]:
    return con.execute(
        "select day(session_date), close, volume from price_known_at(?) order by all", [moment]
    ).fetchall()


def test_a_bar_is_known_from_its_close_and_on_the_basis_of_the_moment(con: duckdb.DuckDBPyConnection) -> None:
    assert prices(con, "2025-03-03 12:00:00-05") == []
    # first fetched a day later, knowable after the close
    assert prices(con, "2025-03-03 17:00:00-05") == [(3, 5.0, 1000)]
    assert prices(con, "2025-03-04 20:00:00-05") == [(3, 5.0, 1000), (4, 6.0, 1000)]


def test_a_split_moves_what_was_stored_before_it(con: duckdb.DuckDBPyConnection) -> None:
    assert prices(con, "2025-03-05 20:00:00-05") == [(3, 50.0, 100), (4, 60.0, 100), (5, 66.0, 100)]


def test_a_correction_counts_from_its_fetch(con: duckdb.DuckDBPyConnection) -> None:
    assert prices(con, "2025-03-06 20:00:00-05")[1] == (4, 61.0, 100)
    total = con.execute("select total_return_index from price_known_at('2025-03-06 20:00:00-05') order by session_date")
    assert [round(v, 6) for (v,) in total.fetchall()] == [100, 124, round(124 * 66 / 61, 6)]


def test_an_action_belongs_to_the_first_bar_that_was_known(con: duckdb.DuckDBPyConnection) -> None:
    con.execute("delete from fct_price_revision where session_date = date '2025-03-04' and day(known_at) = 4")
    con.execute(
        "update fct_price_daily set available_at = timestamptz '2025-03-06 18:00:00-05' where day(session_date) = 4"
    )
    sql = "select day(session_date), round(dividend_usd, 6), split_ratio from price_known_at(?) order by all"
    # the bar of the ex-date came late: until then the dividend is that of the next one
    assert con.execute(sql, ["2025-03-05 20:00:00-05"]).fetchall() == [(3, 0, 1), (5, 1, 0.1)]
    assert con.execute(sql, ["2025-03-06 20:00:00-05"]).fetchall() == [(3, 0, 1), (4, 1, 1), (5, 0, 0.1)]


def test_a_bar_stored_on_a_later_basis_is_carried_back(con: duckdb.DuckDBPyConnection) -> None:
    con.execute("delete from fct_price_revision where known_at < timestamptz '2025-03-06 00:00:00-05'")
    # the only fetch is after the split; on the evening before it the bar stood at a tenth
    assert prices(con, "2025-03-04 20:00:00-05") == [(4, 6.1, 1000)]


def test_a_vintage_counts_from_its_release(con: duckdb.DuckDBPyConnection) -> None:
    sql = "select value, year(realtime_end) from macro_known_at(?)"
    assert con.execute(sql, ["2025-02-12 08:00:00-05"]).fetchall() == []
    assert con.execute(sql, ["2025-02-12 09:00:00-05"]).fetchall() == [(300.0, 9999)]
    assert con.execute(sql, ["2025-03-13 00:00:00-04"]).fetchall() == [(301.0, 9999)]


def test_membership_is_the_slice_of_the_moment(con: duckdb.DuckDBPyConnection) -> None:
    before = con.execute("from membership_known_at('2025-01-15 00:00:00-05')").df()
    assert list(before.columns) == ["index_code", "security_id", "valid_from", "valid_to"]
    assert before["valid_to"].isna().all()
    after = con.execute("select valid_to::varchar from membership_known_at('2025-02-15 00:00:00-05')").fetchall()
    assert after == [("2025-01-31",)]


def flows(con: duckdb.DuckDBPyConnection, moment: str, symbol: str) -> list[tuple[object, ...]]:
    sql = "select day(flow_date), flow_usd, span_sessions from flow_known_at(?) where symbol = ? order by all"
    return con.execute(sql, [moment, symbol]).fetchall()


def test_a_flow_uses_the_share_counts_of_the_moment(con: duckdb.DuckDBPyConnection) -> None:
    assert flows(con, "2025-03-04 07:59:59-05", "TZA") == []
    # 120 new shares against 1100 old ones at ten to one
    assert flows(con, "2025-03-06 20:00:00-05", "TZA") == [(3, None, None), (4, 600.0, 1), (5, 660.0, 1)]
    assert flows(con, "2025-03-07 20:00:00-05", "TZA") == [(3, None, None), (4, 1200.0, 1), (5, 0.0, 1)]


def test_a_misprint_has_a_flow_until_it_goes_back(con: duckdb.DuckDBPyConnection) -> None:
    assert flows(con, "2025-03-05 12:00:00-05", "ONE") == [(3, None, None), (4, 10000.0, 1)]
    assert flows(con, "2025-03-06 07:59:59-05", "ONE") == [(3, None, None), (4, 10000.0, 1)]
    assert flows(con, "2025-03-06 08:00:00-05", "ONE") == [(3, None, None), (5, 100.0, 2)]


def test_a_reviewed_misprint_has_a_flow_until_it_can_be_told(con: duckdb.DuckDBPyConnection) -> None:
    assert flows(con, "2025-03-05 12:00:00-05", "HAND") == [(3, None, None), (4, 1000.0, 1)]
    assert flows(con, "2025-03-06 08:00:00-05", "HAND") == [(3, None, None), (5, 200.0, 2)]
