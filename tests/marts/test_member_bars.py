"""Bars of members, asked of the sandbox through the real client, against the market and against the funds' prints."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import dagster as dg
import duckdb
import jinja2
import pytest

from orchestration.calendars import sessions_between
from orchestration.ingest.member_bars import member_bars
from orchestration.lake.contracts import MEMBER_BAR
from orchestration.lake.store import Lake
from orchestration.sandbox.companies import company_history
from orchestration.sandbox.server import sandbox_server
from orchestration.sandbox.streams import DEFAULT_SEED
from orchestration.sandbox.timeline import timeline
from orchestration.sandbox.truth import truth
from orchestration.settings import REPOSITORY
from tests.ingest.test_member_bars import store_file, tickers_of
from tests.lake.test_store import append
from tests.membership.chain import DBT, sql

D = dt.date
FIRST, LAST = D(2026, 5, 29), D(2026, 9, 30)
# in the sandbox market: 1 for 10 between the two evenings, bought between them, and QUKG before 2026-08-24
SPLIT, SPLIT_DAY = "VOGA", D(2026, 6, 9)
LEFT, LEFT_DAY = "JOGE", D(2026, 6, 4)
RENAMED, RENAME_DAY = "KORB", D(2026, 8, 24)
PLAIN = tickers_of(3)
STORED = "where revision_rank = 1 and close is not null"


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """What two evenings brought of a few members."""
    data = tmp_path_factory.mktemp("bars") / "data"
    found = Lake(data, "sandbox")
    files = {FIRST: [SPLIT, LEFT, *PLAIN], LAST: [SPLIT, RENAMED, *PLAIN]}
    with pytest.MonkeyPatch.context() as patch:
        for name in ("SMALLCAP_VENDORS", "DAGSTER_HOME"):
            patch.delenv(name, raising=False)
        settings = {"SOURCE": "sandbox", "DATA_DIR": str(data), "MAX_RPS": "1000", "START": "2026-01-02"}
        for name, value in (settings | {"MEMBER_BARS": "10"}).items():
            patch.setenv(f"SMALLCAP_{name}", value)
        for day, tickers in files.items():
            store_file(found, "IWM", day, tickers)
            with sandbox_server(day) as url:
                patch.setenv("SMALLCAP_YAHOO_URL", url)
                patch.setenv("SMALLCAP_TODAY", day.isoformat())
                dg.materialize([member_bars], partition_key=f"{day:%Y-%m}-01", resources={})
    return found


@pytest.fixture
def con(sandbox_release, lake) -> Iterator[duckdb.DuckDBPyConnection]:
    """The models over these bars, beside identities and prints of a whole build."""
    with duckdb.connect() as connection:
        warehouse = sandbox_release.data / "build" / "warehouse.duckdb"
        connection.execute(f"attach '{warehouse}' as warehouse (read_only)")
        connection.execute("set TimeZone = 'America/New_York'")
        for schema, table in (
            *(("main", "dim_session"), ("main", "dim_security"), ("main", "dim_security_identifier")),
            ("main", "fct_security_price_daily"),
            ("seeds", "share_class_ticker"),
        ):
            connection.execute(f"create view {table} as from warehouse.{schema}.{table}")
        build(connection, lake)
        yield connection


def build(con: duckdb.DuckDBPyConnection, lake: Lake) -> None:
    macros = {
        "source": lambda _, table: f"read_parquet('{lake.root}/{table}/*.parquet')",
        "now_at": lambda: "timestamptz '2026-10-02 23:59:59-04:00'",
        "start_date": lambda: "date '2026-01-02'",
        "as_of_session": lambda: f"date '{LAST}'",
    }
    text = (DBT / "macros" / "yahoo.sql").read_text(encoding="utf-8")
    yahoo = jinja2.Environment(autoescape=False).from_string(text, globals=macros).module  # noqa: S701 - it is SQL
    macros |= {name: getattr(yahoo, name) for name in ("yahoo_bars", "yahoo_actions")}
    for name in ("stg_member_bar", "stg_member_action", "int_member_bar", "fct_security_bar_daily"):
        (path,) = (DBT / "models").rglob(f"{name}.sql")
        con.execute(f"create or replace table {name} as {sql(path, **macros)}")


def security_of(con: duckdb.DuckDBPyConnection, ticker: str) -> str:
    row = con.execute(
        "select security_id from dim_security_identifier where id_type = 'ticker' and id_value = ?", [ticker]
    ).fetchone()
    assert row, ticker
    return row[0]


def test_bars_are_the_markets_on_the_basis_of_their_day(con):
    history = company_history(DEFAULT_SEED, timeline().at(LAST))
    injected = truth(DEFAULT_SEED, LAST).share_splits
    company = int(injected[injected["ticker"] == SPLIT]["company"].iloc[-1])
    rows = con.execute(
        "select session_date, close_usd, volume from fct_security_bar_daily where symbol = ? order by 1", [SPLIT]
    ).fetchall()
    assert rows[0][0] < SPLIT_DAY < rows[-1][0] == LAST
    for day, close, volume in rows:
        session = timeline().at(day)
        block = history.block(session)
        # Yahoo's single precision, carried over a split
        assert close == pytest.approx(int(block.cents[session - block.first, company]) / 100, rel=1e-6, abs=1e-4)
        assert volume > 0
    # before the split ten times as many shares changed hands, not a hundred
    before, after = ([v for day, _, v in rows if (day < SPLIT_DAY) == early] for early in (True, False))
    assert 4 < (sum(before) / len(before)) / (sum(after) / len(after)) < 25


def test_every_print_is_met(con):
    prints, agreeing, symbols = con.execute(
        "select count(*), count(close_usd), count(distinct symbol) from fct_security_bar_daily "
        "where printed_usd is not null"
    ).fetchone()
    assert prints == agreeing > 200
    assert symbols == len(PLAIN) + 3
    rows = con.execute("select count(*), count(null_reason) from fct_security_bar_daily").fetchone()
    assert rows[0] > prints
    assert rows[1] == 0


def test_a_ticker_counts_from_the_file_that_shows_it(con):
    """Yahoo has the whole history of a company under its new symbol; another may have had the symbol then."""
    stored = con.execute(f"select min(session_date) from stg_member_bar {STORED} and symbol = ?", [RENAMED]).fetchone()
    assert stored[0] < RENAME_DAY
    used = con.execute("select min(session_date) from fct_security_bar_daily where symbol = ?", [RENAMED]).fetchone()
    assert used[0] == D(2026, 8, 31)


def test_the_query_of_the_documents_says_who_trades_and_pays(con):
    text = (REPOSITORY / "examples" / "query.sql").read_text(encoding="utf-8")
    (query,) = [one for one in duckdb.extract_statements(text) if "from fct_security_bar_daily" in one.query]
    rows = con.execute(query).fetchall()
    traded = {row[0]: row[2] for row in rows if row[3] is not None and row[3] > 0}
    assert set(PLAIN) <= set(traded)
    # who left is there with its dividends of the year
    assert all((0 < sessions <= 63) == (ticker in traded) for ticker, _, sessions, *_ in rows)


def test_another_company_under_the_symbol_of_one_that_left_is_not_taken_for_it(con, lake):
    security = security_of(con, LEFT)
    days = [D(2026, 9, 14), D(2026, 9, 15)]
    bars = [
        {"symbol": LEFT, "session_date": day, "open": 33.0, "high": 33.0, "low": 33.0, "close": 33.0, "volume": 100}
        | {"split_basis_date": LAST}
        for day in days
    ]
    append(lake, MEMBER_BAR, bars, 92)
    build(con, lake)
    last = con.execute(
        "select max(session_date) from fct_security_bar_daily where security_id = ?", [security]
    ).fetchone()
    assert last[0] < LEFT_DAY
    assert con.execute("select count(*) from stg_member_bar where symbol = ? and close = 33", [LEFT]).fetchone() == (2,)


def test_a_close_that_the_prints_contradict_is_named_and_left_out(con, lake):
    symbol, wrong = PLAIN[0], (D(2026, 7, 6), D(2026, 7, 10))
    used = "select count(close_usd) from fct_security_bar_daily where symbol = ? and session_date between ? and ?"
    assert con.execute(used, [symbol, *wrong]).fetchone() == (5,)
    rows = con.execute(
        "select symbol, session_date, open, high, low, close * 1.02 as close, volume, split_basis_date "
        f"from stg_member_bar {STORED} and symbol = ? and session_date between ? and ?",
        [symbol, *wrong],
    )
    names = [column[0] for column in rows.description]
    bars = [dict(zip(names, row, strict=True)) for row in rows.fetchall()]
    # the days between the two are neither better nor worse than the newest comparison
    append(lake, MEMBER_BAR, bars, 92)
    build(con, lake)
    assert con.execute(used, [symbol, *wrong]).fetchone() == (0,)
    assert con.execute(used, [symbol, D(2026, 7, 13), D(2026, 7, 17)]).fetchone() == (5,)
    rows = con.execute(
        "select session_date, null_reason, volume, dividend_usd, told_close_usd / printed_usd as ratio "
        "from fct_security_bar_daily where null_reason is not null order by 1"
    ).fetchall()
    assert [row[0] for row in rows] == sessions_between(*wrong)
    assert {row[1:4] for row in rows} == {("close_differs", None, None)}
    assert {round(row[4], 3) for row in rows} == {1.02}
