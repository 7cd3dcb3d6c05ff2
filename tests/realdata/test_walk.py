"""The main path on real data: an independent computation, idempotence, one day more, readers."""

from __future__ import annotations

import json

import duckdb
import numpy as np
import pandas as pd
import pytest

from orchestration.calendars import nyse
from tests.realdata.conftest import AGAIN, DAY_AFTER, DAY_BEFORE

pytestmark = pytest.mark.realdata


def latest_as_extreme(days: list, values: list[float], highest: bool) -> list:
    """For each value the latest earlier day with one at least as extreme, by a stack of the days still in sight."""
    found, stack = [], []
    for day, value in zip(days, values, strict=True):
        key = value if highest else -value
        while stack and stack[-1][0] < key:
            stack.pop()
        found.append(stack[-1][1] if stack else pd.NaT)
        stack.append((key, day))
    return found


@pytest.mark.parametrize(
    ("table", "keys", "value", "high", "low"),
    [
        ("mart_return", "symbol", "return_px", "best_since_date", "worst_since_date"),
        (
            "mart_relative_performance",
            "symbol || '/' || benchmark_symbol",
            "spread_px_pp",
            "widest_since_date",
            "narrowest_since_date",
        ),
    ],
)
def test_an_independent_search_agrees_with_every_since_date(walk, table, keys, value, high, low):
    rows = walk.sql(
        f"select {keys} || ' ' || window_code as series, session_date, round({value}, 12) as x, {high}, {low} "
        f"from {table} where {value} is not null order by series, session_date"
    )
    for _, series in rows.groupby("series"):
        days, values = list(series["session_date"]), list(series["x"])
        for column, highest in ((high, True), (low, False)):
            expected = pd.Series(latest_as_extreme(days, values, highest), index=series.index)
            same = (series[column] == expected) | (series[column].isna() & expected.isna())
            assert same.all(), (column, series[~same].head())
    assert len(rows) > 500_000


def test_no_macro_value_is_used_before_it_could_be_known(walk):
    early = walk.sql(
        "select count(*) as n from mart_macro_daily "
        "where (available_at at time zone 'America/New_York')::date > session_date"
    )
    assert early["n"][0] == 0


def test_the_october_2025_consumer_price_index_stays_a_hole(walk):
    months = walk.sql(
        "select distinct observation_date from fct_macro_observation where series_id = 'CPIAUCSL' "
        "and observation_date between '2025-09-01' and '2025-11-01' and value is not null order by 1"
    )
    assert [str(d.date()) for d in months["observation_date"]] == ["2025-09-01", "2025-11-01"]


def test_a_revised_index_keeps_the_value_known_at_the_time(walk):
    vintages = walk.sql(
        "select realtime_start, realtime_end, value from fct_macro_observation where series_id = 'CPIAUCSL' "
        "and observation_date = '2025-03-01' order by realtime_start"
    )
    assert list(vintages["value"].round(3)) == [319.615, 319.785]
    assert str(vintages["realtime_end"].iloc[-1])[:10] == "9999-12-31"


def test_fund_shares_come_in_creation_units(walk):
    newest = walk.sql(
        "select as_of_date, shares_outstanding, nav_usd from fct_etf_shares where symbol = 'IWM' "
        "order by as_of_date desc limit 1"
    ).iloc[0]
    assert str(newest["as_of_date"].date()) == "2026-07-17"
    assert newest["shares_outstanding"] % 50_000 == 0
    header = walk.raw(
        "select shares_outstanding from {holding_snapshot} where fund = 'IWM' and as_of_date = '2026-07-17'"
    )
    assert header["shares_outstanding"].dropna().isin([newest["shares_outstanding"]]).all()


def test_stored_closes_are_the_vendors(walk, replay):
    del replay
    from tests.conftest import SHARED

    ours = walk.sql("select symbol, session_date, close from fct_price_daily")
    for symbol, name in (("IWM", "IWM"), ("^RUT", "RUT"), ("TZA", "TZA"), ("SPY", "SPY")):
        real = pd.read_csv(SHARED / "realdata" / "prices" / f"{name}.csv", parse_dates=["date"])
        both = ours[ours["symbol"] == symbol].merge(real, left_on="session_date", right_on="date", suffixes=("", "_v"))
        assert len(both) == len(real[real["date"] >= "2000-01-03"])
        # published with four decimals; the vendor's single precision shows at pre-split prices of millions
        assert ((both["close"] - both["close_v"]).abs() <= 1e-4 + 1e-7 * both["close_v"]).all()


def independent_returns(closes: pd.Series, sessions: pd.DatetimeIndex) -> dict[str, pd.Series]:
    """Simple returns of every window by pandas, from the definitions, over the closes of one symbol."""
    grid = closes.reindex(sessions[(sessions >= closes.index[0]) & (sessions <= closes.index[-1])])
    out = {f"{n}d": grid / grid.shift(n) - 1 for n in (1, 5, 21, 63, 126, 252)}
    for code, rule in (("mtd", "M"), ("qtd", "Q"), ("ytd", "Y")):
        base = grid.groupby(grid.index.to_period(rule)).last().shift(1)
        # the last session of the period, not its last stored one
        gap = grid.groupby(grid.index.to_period(rule)).tail(1).isna()
        assert not gap.any()
        out[code] = grid / base.reindex(grid.index.to_period(rule)).to_numpy() - 1
    for code, months in (("1m", 1), ("3m", 3), ("6m", 6), ("12m", 12)):
        wanted = closes.index - pd.DateOffset(months=months)
        position = closes.index.searchsorted(wanted, side="right") - 1
        base = np.where(position >= 0, closes.to_numpy()[position], np.nan)
        out[code] = closes / base - 1
    return out


def test_an_independent_computation_agrees_for_every_symbol_window_and_session(walk):
    bars = walk.sql("select symbol, session_date, close, total_return_index from fct_price_daily order by 1, 2")
    marts = walk.sql("select symbol, session_date, window_code, return_px, return_tr from mart_return")
    sessions = nyse().sessions_in_range("2000-01-03", "2026-08-21").as_unit("us")
    marts = {key: frame.set_index("session_date") for key, frame in marts.groupby(["symbol", "window_code"])}
    compared = 0
    for symbol, frame in bars.groupby("symbol"):
        frame = frame.set_index("session_date")
        for column, published in (("close", "return_px"), ("total_return_index", "return_tr")):
            for window, expected in independent_returns(frame[column], sessions).items():
                ours = marts[symbol, window][published].sort_index()
                theirs = expected.reindex(ours.index)
                assert (ours.isna() == theirs.isna()).all(), (symbol, window)
                assert ((ours - theirs).abs().fillna(0) < 1e-9).all(), (symbol, window, column)
                compared += len(ours)
    assert compared > 3_000_000


def test_running_again_the_same_day_asks_nothing_adds_nothing_and_publishes_the_same(walk):
    assert walk.releases[AGAIN] == walk.releases[DAY_AFTER]
    assert walk.files[AGAIN] == walk.files[DAY_AFTER]
    assert walk.requests[AGAIN] == 0
    assert "unchanged" in walk.output[AGAIN]


def test_one_day_more_adds_exactly_that_days_knowledge(walk):
    assert set(walk.files[DAY_BEFORE]) < set(walk.files[DAY_AFTER])
    new = "fetched_at > timestamptz '2026-08-21 12:00:00-04:00'"
    bars = walk.raw("select symbol, session_date from {yahoo_bar} where " + new)
    assert set(bars["session_date"].astype(str).str[:10]) == {"2026-08-21"}
    traded = walk.sql("select symbol from fct_price_daily where session_date = '2026-08-21'")
    assert sorted(bars["symbol"]) == sorted(traded["symbol"])
    macro = walk.raw("select series_id, observation_date, realtime_start from {fred_observation} where " + new)
    assert len(macro) > 0
    assert set(macro["realtime_start"].astype(str).str[:10]) == {"2026-08-21"}
    assert macro["observation_date"].min() >= pd.Timestamp("2026-08-20")
    actions = walk.raw("select ex_date from {yahoo_action} where " + new)
    assert set(actions["ex_date"].astype(str).str[:10]) == {"2026-08-21"}
    for table in ("fund_day", "holding", "holding_snapshot", "fred_release_date"):
        assert len(walk.raw("select 1 as x from {" + table + "} where " + new)) == 0, table


@pytest.mark.parametrize(
    "table",
    [
        "fct_price_daily",
        "fct_corporate_action",
        "fct_etf_shares",
        "fct_holding",
        "fct_index_membership",
        "mart_return",
        "mart_relative_performance",
        "mart_macro_daily",
        "mart_curve_daily",
        "mart_inflation_monthly",
        "mart_etf_flow",
        "mart_signal",
        "mart_reconstitution_change",
    ],
)
def test_what_was_published_the_day_before_is_published_again(walk, table):
    lost = duckdb.sql(
        f"select count(*) from (select * from {walk.exported(DAY_BEFORE, table)} "
        f"except all select * from {walk.exported(DAY_AFTER, table)})"
    ).fetchone()
    assert lost == (0,)


def test_freds_three_year_cut_removes_nothing_that_is_stored(walk):
    stored = walk.sql(
        "select min(observation_date) as first, count(*) as n from fct_macro_observation "
        "where series_id = 'BAMLH0A0HYM2' and value is not null"
    ).iloc[0]
    assert str(stored["first"].date()) < "2000-01-05"
    assert stored["n"] > 6_900
    newest = walk.raw(
        "select window_start, rows from {request} where key = 'BAMLH0A0HYM2' order by fetched_at desc limit 1"
    ).iloc[0]
    assert newest["rows"] < 40


def test_sixteen_readers_saw_no_error_during_two_runs(walk):
    assert len(walk.readers) == 16
    for report in walk.readers:
        done, _, errors = report.partition("|")
        assert errors == "[]"
        assert int(done) > 20


def test_status_says_what_is_there_and_what_failed(walk):
    text = walk.call("orchestration.cli.status", "2026-08-21").stdout
    assert walk.releases[AGAIN] in text
    assert "yahoo prices" in text
    assert "unknown_symbol" in text
    assert "CPIAUCNS" in text


def test_a_sandbox_release_and_a_real_one_have_the_same_schemas(walk, sandbox_release):
    real, sandbox = (
        json.loads((folder / "exports" / "latest" / "manifest.json").read_text(encoding="utf-8"))["tables"]
        for folder in (walk.data, sandbox_release.data)
    )
    assert set(real) == set(sandbox)
    for name, table in real.items():
        assert table["columns"] == sandbox[name]["columns"], name
        assert table["primary_key"] == sandbox[name]["primary_key"], name
