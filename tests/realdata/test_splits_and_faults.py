"""A reverse split in the middle of a history, and vendors that fail."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import numpy as np
import pytest

from tests.realdata.conftest import Directory

pytestmark = pytest.mark.realdata


def prices_only(directory, **extra: str) -> None:
    directory.extra = {"SMALLCAP_VENDORS": "yahoo", "SMALLCAP_START": "2025-01-02", **extra}


@pytest.fixture(scope="module")
def fresh(replay, tmp_path_factory) -> Directory:
    """All prices fetched after the reverse split of TZA on 2026-07-15."""
    fresh = Directory(tmp_path_factory.mktemp("fresh"), replay.url)
    prices_only(fresh)
    replay.clear()
    replay.today("2026-07-17")
    fresh.run("2026-07-17")
    replay.today(None)
    return fresh


@pytest.fixture(scope="module")
def continued(replay, tmp_path_factory) -> tuple[Directory, list[Path]]:
    """Prices fetched before the split and continued after it, and the releases of both days."""
    directory = Directory(tmp_path_factory.mktemp("continued"), replay.url)
    prices_only(directory)
    replay.clear()
    releases = []
    for day in ("2026-07-13", "2026-07-17"):
        replay.today(day)
        directory.run(day)
        releases.append((directory.data / "exports" / "latest").resolve())
    replay.today(None)
    return directory, releases


def test_a_history_continued_over_a_reverse_split_equals_the_one_fetched_after_it(fresh, continued):
    directory, _ = continued
    queries = {
        "levels": "select * exclude (available_at, is_availability_assumed, known_at) from fct_price_daily "
        "where symbol in ('TZA', 'TNA') order by 1, 2",
        "returns": "select * from mart_return where symbol in ('TZA', 'TNA') order by 1, 2, 3",
    }
    for name, query in queries.items():
        continued, expected = directory.sql(query), fresh.sql(query)
        assert len(expected) > 500, name
        assert continued.equals(expected), name
    # the history before the split was stored on its old basis, and is kept
    assert len(directory.sql("select 1 as x from fct_price_revision where symbol = 'TZA'")) > len(
        directory.sql("select 1 as x from fct_price_daily where symbol = 'TZA'")
    )


def test_a_later_split_moves_levels_and_nothing_else(continued):
    _, (before, after) = continued

    def both(table: str, key: str):
        paths = [
            f"read_parquet('{folder / table}.parquet')"
            if (folder / f"{table}.parquet").exists()
            else f"read_parquet('{folder / table}/**/*.parquet', hive_partitioning = false)"
            for folder in (before, after)
        ]
        frames = [duckdb.sql(f"select * from {path} where symbol in ('TZA', 'TNA')").df() for path in paths]
        old, new = (frame.set_index(key.split()).sort_index() for frame in frames)
        return old, new.loc[old.index]

    old, new = both("mart_trend", "symbol session_date")
    assert len(old) > 500
    levels = ["sma_20", "sma_50", "sma_100", "sma_200", "ema_20"]
    moved = new.loc["TZA", levels] / old.loc["TZA", levels]
    assert np.nanmax((moved - 10).abs().to_numpy()) < 1e-6
    volume_lines = ["obv", "accumulation_distribution"]
    others = [column for column in old if column not in levels + volume_lines]
    assert len(others) == 20
    for column in others:
        assert old[column].equals(new[column]), column
    assert old.loc["TNA"].equals(new.loc["TNA"])

    old, new = both("mart_leverage", "symbol session_date window_code")
    for column in ("benchmark_return_px", "multiple_of_benchmark", "ideal_daily_reset", "compounding_effect"):
        assert old[column].equals(new[column]), column
    assert ((old["tracking_residual"] - new["tracking_residual"]).abs().dropna() < 2e-12).all()
    old, new = both("mart_risk", "symbol benchmark_symbol session_date window_sessions")
    for column in ("beta", "correlation", "realised_vol_pct"):
        assert ((old[column] - new[column]).abs().dropna() < 1e-10).all(), column
        assert (old[column].isna() == new[column].isna()).all(), column


def test_a_split_whose_second_pull_fails_is_rebased_from_what_is_stored(fresh, directory, replay):
    prices_only(directory)
    replay.today("2026-07-13")
    directory.run("2026-07-13")
    replay.today("2026-07-17")
    # the first answer, with the split, arrives; the second pull of the whole symbol does not
    replay.faults([{"match": "chart/TZA.*period1", "kind": "status", "code": 503, "after": 1, "times": 50}])
    directory.run("2026-07-17")
    replay.clear()
    query = "select session_date, close, volume from fct_price_daily where symbol = 'TZA' order by 1"
    both = directory.sql(query).merge(fresh.sql(query), on="session_date", suffixes=("", "_fresh"), how="outer")
    assert len(both) > 100
    assert not both[["close", "close_fresh"]].isna().any().any()
    assert ((both["close"] / both["close_fresh"] - 1).abs() < 1e-6).all()
    # the next run pulls the symbol again, and then both are the same to the last digit
    directory.run("2026-07-17")
    assert directory.sql(query).equals(fresh.sql(query))


def test_vendors_that_fail_for_everything_are_named_and_stop_nothing_else(directory, replay):
    """One that has no such page, one that sends a web page, and one that sends a bad bar among good ones."""
    directory.extra = {"SMALLCAP_START": "2026-06-01", "SMALLCAP_HOLDINGS_START": "2026-07-01"}
    replay.today("2026-08-21")
    replay.faults(
        [
            {"match": "/fred/", "kind": "status", "code": 404},
            {"match": "/varnish-api/", "kind": "html200"},
            {"match": "chart/IWM.*period1", "kind": "negative_price", "index": 3},
        ]
    )
    printed = directory.run("2026-08-21")
    ledger = directory.sql("select vendor, outcome, count(*) as n from fct_request_ledger group by all")
    status = directory.call("orchestration.cli.status", "2026-08-21").stdout
    for vendor, dataset, outcome in (("fred", "macro", "not_found"), ("blackrock", "constituents", "blocked")):
        found = set(ledger[ledger["vendor"] == vendor]["outcome"])
        assert outcome in found
        assert "ok" not in found
        assert f"{vendor} {dataset}" in status
        assert outcome in status
        assert f"{vendor}: {outcome}" in printed
    assert ledger[(ledger["vendor"] == "yahoo") & (ledger["outcome"] == "ok")]["n"].sum() > 20
    assert directory.sql("select count(*) as n from mart_return")["n"][0] > 0
    assert directory.sql("select count(*) as n from mart_macro_daily")["n"][0] == 0
    bad = directory.raw("select rule, row_date, detail, row_json from {quarantine} where key = 'IWM'")
    assert list(bad["rule"]) == ["non_positive_price"]
    issue = directory.sql("select 1 as x from data_quality_issue where key = 'IWM' and rule = 'non_positive_price'")
    assert len(issue) == 1
    stored = directory.sql("select count(*) as n from fct_price_daily where symbol = 'IWM'")["n"][0]
    assert stored == len(directory.sql("select 1 as x from fct_price_daily where symbol = 'SPY'")) - 1


def test_all_vendors_down_publishes_nothing_and_the_next_run_asks_again(directory, replay):
    directory.extra = {"SMALLCAP_START": "2026-07-01", "SMALLCAP_HOLDINGS_START": "2026-08-03"}
    replay.today("2026-08-21")
    replay.faults([{"match": ".", "kind": "html200"}])
    done = directory.call("orchestration.cli.run", "2026-08-21")
    assert done.returncode != 0
    printed = done.stdout + done.stderr
    assert "Not published: no vendor has told anything yet" in printed
    for vendor in ("blackrock", "direxion", "fred", "proshares", "ssga", "yahoo"):
        assert re.search(rf"- {vendor}: \d+ x blocked", printed), vendor
    assert not (directory.data / "smallcap.duckdb").exists()
    assert not (directory.data / "exports" / "latest").is_symlink()
    outcomes = directory.raw("select distinct outcome from {request}")["outcome"]
    assert set(outcomes) == {"blocked", "skipped"}
    replay.clear()
    directory.run("2026-08-21")
    assert directory.sql("select count(*) as n from fct_price_daily")["n"][0] > 500


@pytest.fixture(scope="module")
def two_days(replay, tmp_path_factory) -> tuple[Directory, list[set[tuple]]]:
    """Two evenings without FRED and the SEC, thirty holdings files on each; and the files stored after each of them."""
    directory = Directory(tmp_path_factory.mktemp("two-days"), replay.url)
    directory.extra = {
        "SMALLCAP_START": "2025-04-01",
        "SMALLCAP_HOLDINGS_START": "2025-06-20",
        "SMALLCAP_VENDORS": "yahoo,blackrock,ssga,proshares,direxion",
        "SMALLCAP_HOLDINGS_DAILY_BUDGET": "30",
    }
    seen = []
    replay.clear()
    replay.option("synthetic_sponsors", True)
    try:
        for day in ("2025-07-07", "2025-07-08"):
            replay.today(day)
            directory.run(day)
            seen.append(set(directory.raw("select fund, as_of_date from {holding_snapshot}").itertuples(index=False)))
    finally:
        replay.option("synthetic_sponsors", False)
        replay.today(None)
    return directory, seen


def test_the_flows_of_the_other_sponsors_are_built_where_they_answer(two_days):
    directory, _ = two_days
    flows = directory.sql(
        "select symbol, any_value(method) as method, count(*) as days, count(flow_usd) as flows, "
        "max(abs(flow_pct_aum)) as largest from mart_etf_flow group by symbol"
    ).set_index("symbol")
    assert flows.loc["SPY", "method"] == "shares"
    assert flows.loc["URTY", "method"] == "aum"
    assert flows.loc[["SPY", "DIA", "KRE", "URTY", "SRTY", "UWM", "TWM", "RWM"], "flows"].min() > 40
    # Direxion shows today only: two runs, two days, one flow
    assert list(flows.loc[["TNA", "TZA"], "days"]) == [2, 2]
    assert list(flows.loc[["TNA", "TZA"], "flows"]) == [1, 1]
    assert flows["largest"].max() < 25


def test_the_holdings_budget_spreads_the_backfill_over_days_and_status_says_what_waits(two_days):
    directory, seen = two_days
    asked = directory.sql(
        "select fetched_at, count(*) as n from fct_request_ledger where dataset = 'constituents' group by 1 order by 1"
    )
    assert list(asked["n"]) == [30, 30]
    assert seen[0] < seen[1]
    # the newest file, then the reconstitution of 2025-06-27 outwards
    newest = directory.sql("select max(as_of_date) as newest from fct_holding where fund = 'IWM'")["newest"][0]
    assert str(newest.date()) == "2025-07-07"
    assert "2025-06-27" in {str(row.as_of_date.date()) for row in seen[0]}
    status = directory.call("orchestration.cli.status", "2025-07-08").stdout
    assert "holdings backfill" in status, status
