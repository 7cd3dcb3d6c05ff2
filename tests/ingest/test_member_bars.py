"""Bars of members are asked for where a setting says so, some in each run, through the real client."""

from __future__ import annotations

import datetime as dt
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest

from orchestration.calendars import end_of_day
from orchestration.ingest.member_bars import member_bars
from orchestration.ingest.plan import Asked, members_to_ask
from orchestration.lake.contracts import HOLDING
from orchestration.lake.store import Lake
from orchestration.sandbox.companies import company_history
from orchestration.sandbox.server import sandbox_server
from orchestration.sandbox.streams import DEFAULT_SEED
from orchestration.sandbox.timeline import seed_table, timeline
from orchestration.sandbox.truth import members, truth
from orchestration.settings import REPOSITORY

D = dt.date
START, LAST = D(2026, 1, 2), D(2026, 8, 21)
NOW = end_of_day(LAST)
FRIDAY, MONDAY, TUESDAY = D(2025, 8, 8), D(2025, 8, 11), D(2025, 8, 12)
# in the sandbox market one company split 1 for 10, and one was delisted
SPLIT, SPLIT_DAY = "HLSL", D(2025, 8, 27)
LEFT, LEFT_DAY = "ZLPV", D(2025, 8, 13)

Take = Callable[..., dict[str, Any]]


@pytest.fixture
def take(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Take:
    """Materialize the asset after a session; what it says of itself, and its checks."""
    for name in ("SMALLCAP_VENDORS", "DAGSTER_HOME", "SMALLCAP_TODAY", "SMALLCAP_MEMBER_BARS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SMALLCAP_SOURCE", "sandbox")
    monkeypatch.setenv("SMALLCAP_START", "2025-07-01")
    monkeypatch.setenv("SMALLCAP_MAX_RPS", "1000")
    monkeypatch.setenv("SMALLCAP_DATA_DIR", str(tmp_path / "data"))

    def run(day: D, budget: int | None = None, **environment: str) -> dict[str, Any]:
        with sandbox_server(day) as url, monkeypatch.context() as patch:
            patch.setenv("SMALLCAP_TODAY", day.isoformat())
            patch.setenv("SMALLCAP_YAHOO_URL", url)
            for name, value in environment.items():
                patch.setenv(name, value)
            if budget is not None:
                patch.setenv("SMALLCAP_MEMBER_BARS", str(budget))
            done = dg.materialize([member_bars], partition_key=f"{day:%Y-%m}-01", resources={})
        said = done.asset_materializations_for_node("member_bars")[0].metadata
        checks = {check.check_name: check for check in done.get_asset_check_evaluations()}
        return {name: value.value for name, value in said.items()} | {"checks": checks}

    return run


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "data", "sandbox")


def store_file(lake: Lake, fund: str, day: D, tickers: Iterable[str], **others: str) -> None:
    """A holdings file with these lines, the largest first."""
    lines = [{"ticker": ticker, "asset_class": "Equity", "exchange": "NASDAQ"} for ticker in tickers]
    lines += [{"ticker": ticker, "asset_class": kind, "exchange": "-"} for ticker, kind in others.items()]
    seen = dt.datetime.combine(day, dt.time(12), dt.UTC)
    told = {"vendor": "blackrock", "fund": fund, "as_of_date": day, "fetched_at": seen, "available_at": seen}
    rows = [line | told | {"weight_pct": 50.0 / (n + 1), "line_no": n} for n, line in enumerate(lines)]
    columns = pa.schema([column for column in HOLDING.schema if column.name != "ingest_seq"])
    with lake.lock():
        lake.append(HOLDING, pa.Table.from_pylist(rows, columns), lake.next_sequence())


def ledger(lake: Lake, day: D | None = None) -> list[tuple[str, str]]:
    """Who was asked, and how it ended; all of it, or on one day."""
    rows = lake.query("select key, outcome, fetched_at from request order by fetched_at, ingest_seq, request_id")
    return [
        (row["key"], row["outcome"])
        for row in rows.to_pylist()
        if day is None or row["fetched_at"] == end_of_day(day).astimezone(dt.UTC)
    ]


def tickers_of(count: int) -> list[str]:
    """Tickers of some members, those that Yahoo spells as the funds do."""
    classes = set(seed_table("share_class_ticker")["fund_ticker"])
    return sorted({*members(DEFAULT_SEED, "R2000", FRIDAY).values()} - classes)[:count]


def test_nobody_is_asked_by_default(take, lake):
    store_file(lake, "IWM", FRIDAY, tickers_of(3))
    said = take(MONDAY)
    assert ledger(lake) == []
    assert said["asked"] == "not asked: SMALLCAP_MEMBER_BARS is 0"
    assert said["requests"] == 0
    assert all(check.passed for check in said["checks"].values())
    assert lake.query("select * from member_bar").num_rows == 0


def test_a_run_asks_so_many_and_the_next_one_goes_on(take, lake):
    one, two, three, four = tickers_of(4)
    store_file(lake, "IWC", FRIDAY, [four])
    store_file(lake, "IWM", FRIDAY, [three, one, two], USD="Cash", ESZ6="Futures")
    assert take(MONDAY, 2)["members_waiting"] == 2
    # the Russell 2000 first, by weight
    assert ledger(lake) == [(three, "ok"), (one, "ok")]
    assert take(MONDAY, 3)["members_waiting"] == 0
    assert ledger(lake)[2:] == [(two, "ok"), (four, "ok")]
    # everybody was answered today
    take(MONDAY, 3)
    assert len(ledger(lake)) == 4
    # the next evening: who waits longest, with the last five sessions again
    said = take(TUESDAY, 3)
    # the fourth is a day behind and waits for its turn
    assert said["members_waiting"] == 1
    assert all(check.passed for check in said["checks"].values())
    assert ledger(lake, TUESDAY) == [(three, "ok"), (one, "ok"), (two, "ok")]
    windows = lake.query(
        "select key, window_start, window_end from request order by fetched_at, request_id"
    ).to_pylist()
    assert set(windows[0].values()) == {three, D(2025, 7, 1), MONDAY}
    assert set(windows[4].values()) == {three, D(2025, 8, 6), TUESDAY}
    rows = lake.query("select symbol, count(*) as bars, max(session_date) as last from member_bar group by 1")
    assert {(row["symbol"], row["bars"], row["last"]) for row in rows.to_pylist()} == {
        (three, 30, TUESDAY),
        (one, 30, TUESDAY),
        (two, 30, TUESDAY),
        (four, 29, MONDAY),
    }


def test_yahoo_has_its_own_spelling_of_classes(take, lake):
    store_file(lake, "IWB", FRIDAY, ["BRKB", "BF.B", "HEI/A"])
    take(MONDAY, 10)
    assert ledger(lake) == [("BRK-B", "ok"), ("BF-B", "ok"), ("HEI-A", "ok")]


def test_bars_are_what_the_market_did(take, lake):
    store_file(lake, "IWM", FRIDAY, [SPLIT])
    take(D(2025, 8, 28), 1)
    (split,) = lake.query("select ex_date, value from member_action where action_type = 'split'").to_pylist()
    assert split["ex_date"] == SPLIT_DAY
    assert split["value"] == pytest.approx(1 / 10, rel=1e-5)
    bars = lake.query("select session_date, close, volume, split_basis_date from member_bar order by 1").to_pylist()
    when, history = timeline(), company_history(DEFAULT_SEED, timeline().at(D(2025, 8, 28)))
    happened = truth(DEFAULT_SEED, D(2025, 8, 28)).share_splits
    company = int(happened[happened["ticker"] == SPLIT]["company"].iloc[-1])
    for row in bars:
        session = when.at(row["session_date"])
        block = history.block(session)
        cents = int(block.cents[session - block.first, company])
        later = 1 / 10 if row["session_date"] < SPLIT_DAY else 1.0
        assert row["close"] * later == pytest.approx(cents / 100, rel=1e-5)
        assert row["volume"] > 0
    assert {row["split_basis_date"] for row in bars} == {D(2025, 8, 28)}


def test_a_new_split_brings_the_whole_history_again(take, lake):
    store_file(lake, "IWM", FRIDAY, [SPLIT])
    take(D(2025, 8, 26), 1)
    take(SPLIT_DAY, 1)
    assert ledger(lake) == [(SPLIT, "ok"), (SPLIT, "empty"), (SPLIT, "ok")]
    rows = lake.query("select window_start, detail from request order by fetched_at, request_id").to_pylist()
    assert rows[1] == {
        "window_start": D(2025, 8, 21),
        "detail": "a split on 2025-08-27 is new: the whole history was asked for instead",
    }
    assert rows[2] == {"window_start": D(2025, 7, 1), "detail": ""}
    newest = lake.query(
        "select session_date, split_basis_date from member_bar "
        "qualify row_number() over (partition by session_date order by fetched_at desc) = 1"
    ).to_pylist()
    assert {row["split_basis_date"] for row in newest} == {SPLIT_DAY}
    # it is stored now
    take(D(2025, 8, 28), 1)
    assert ledger(lake, D(2025, 8, 28)) == [(SPLIT, "ok")]


def test_who_left_is_asked_until_yahoo_has_nothing(take, lake):
    store_file(lake, "IWM", FRIDAY, [LEFT, "NOSUCH"])
    said = take(TUESDAY, 9)
    assert ledger(lake) == [(LEFT, "ok"), ("NOSUCH", "unknown_symbol")]
    # a member that Yahoo does not know is misspelt
    assert said["checks"]["vendor_answers"].description == "yahoo: unknown_symbol for NOSUCH"
    assert said["checks"]["vendor_answers"].severity == dg.AssetCheckSeverity.WARN
    store_file(lake, "IWM", LEFT_DAY, tickers_of(1))
    said = take(D(2025, 8, 14), 9)
    assert ledger(lake, D(2025, 8, 14)) == [(tickers_of(1)[0], "ok"), (LEFT, "empty"), ("NOSUCH", "empty")]
    assert said["checks"]["vendor_answers"].passed
    take(D(2025, 8, 15), 9)
    assert ledger(lake, D(2025, 8, 15)) == [(tickers_of(1)[0], "ok")]
    # what was stored stays
    (row,) = lake.query("select max(session_date) as last from member_bar where symbol = ?", [LEFT]).to_pylist()
    assert row["last"] == TUESDAY


def test_yahoo_left_out_is_not_asked(take, lake):
    store_file(lake, "IWM", FRIDAY, tickers_of(1))
    said = take(MONDAY, 5, SMALLCAP_VENDORS="fred")
    assert ledger(lake) == []
    assert said["asked"].startswith("not asked: Yahoo is not among the vendors")


def test_a_killed_run_keeps_what_it_stored(tmp_path, take, lake):
    tickers = tickers_of(80)
    store_file(lake, "IWM", FRIDAY, tickers)
    day = MONDAY
    code = (
        "import dagster as dg; from orchestration.ingest.member_bars import member_bars; "
        "dg.materialize([member_bars], partition_key='2025-08-01', resources={})"
    )
    with sandbox_server(day) as url:
        environment = os.environ | {
            "SMALLCAP_TODAY": day.isoformat(),
            "SMALLCAP_YAHOO_URL": url,
            "SMALLCAP_MEMBER_BARS": "80",
            "SMALLCAP_MAX_RPS": "40",
        }
        child = subprocess.Popen([sys.executable, "-c", code], cwd=REPOSITORY, env=environment)
        try:
            deadline = time.monotonic() + 60
            while not (kept := ledger(lake)) and time.monotonic() < deadline:
                time.sleep(0.05)
        finally:
            child.send_signal(signal.SIGKILL)
            child.wait()
    assert 25 <= len(kept) < 80
    stored = len(ledger(lake))
    said = take(day, 80)
    assert said["requests"] == 80 - stored
    assert sorted(ledger(lake)) == [(ticker, "ok") for ticker in tickers]
    rows = lake.query(
        "select symbol, count(*) as bars, count(distinct session_date) as days from member_bar group by 1"
    )
    assert {(row["bars"], row["days"]) for row in rows.to_pylist()} == {(29, 29)}


def asked(end: D, outcome: str = "ok", start: D = START) -> Asked:
    return Asked(start, end, outcome, end_of_day(end))


def test_never_asked_come_first_then_asked_longest_ago():
    history = {
        "A": [asked(D(2026, 8, 19))],
        "C": [asked(D(2026, 8, 18)), asked(D(2026, 8, 20), start=D(2026, 8, 14))],
        "D": [asked(D(2026, 8, 18), "rate_limited")],
        # nothing was sent
        "E": [asked(D(2026, 8, 17), "skipped"), asked(D(2026, 8, 20), "postponed")],
        # today
        "F": [asked(LAST)],
        "G": [asked(LAST, "unknown_symbol")],
    }
    due = members_to_ask("ABCDEFGH", "ABCDEFGH", history, START, LAST, NOW)
    assert due == [
        ("B", (START, LAST)),
        ("E", (START, LAST)),
        ("H", (START, LAST)),
        ("D", (START, LAST)),
        # five sessions again: from the end of the last answer, which is two sessions ago for A and one for C
        ("A", (D(2026, 8, 16), LAST)),
        ("C", (D(2026, 8, 17), LAST)),
    ]
    assert members_to_ask("AF", "AF", history, START, LAST, NOW, refresh=True) == [
        ("A", (START, LAST)),
        ("F", (START, LAST)),
    ]


def test_nothing_is_expected_of_those_who_left_and_have_no_bars():
    history = {"A": [asked(D(2026, 8, 18)), asked(D(2026, 8, 20), "empty")], "B": [asked(D(2026, 8, 20))]}
    assert [symbol for symbol, _ in members_to_ask("AB", "", history, START, LAST, NOW)] == ["B"]
    # back among the members
    assert [symbol for symbol, _ in members_to_ask("AB", "A", history, START, LAST, NOW)] == ["A", "B"]
    assert [symbol for symbol, _ in members_to_ask("AB", "", history, START, LAST, NOW, refresh=True)] == ["A", "B"]
