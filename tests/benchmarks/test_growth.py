"""The lakes of `make bench ONLY=growth`: divided into daily runs they hold the rows of the lake they are made from."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pyarrow as pa
import pytest

from benchmarks import summary
from benchmarks.growth import FILLED, divide
from benchmarks.summary import summary as print_summary
from orchestration.calendars import end_of_day, price_available_at, sessions_between, shift_sessions
from orchestration.lake.contracts import FUND_VALUATION, REQUEST, YAHOO_BAR, RawTable
from orchestration.lake.parts import SMALL_PARTS, parts_of
from orchestration.lake.store import Lake

SESSIONS = sessions_between(shift_sessions(FILLED, -79), FILLED)
RUNS = 70


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    """A lake that one run has filled: bars of 80 sessions, one valuation, two questions."""
    lake = Lake(tmp_path, "sandbox")
    lake.archive(b"Ticker,Name\n", "csv", "blackrock", "holdings", "IWM")
    now = end_of_day(FILLED)

    def append(table: RawTable, rows: list[dict]) -> None:
        book = {"fetched_at": now, "available_at": now, "is_availability_assumed": True, "payload_sha256": "0" * 64}
        schema = pa.schema([column for column in table.schema if column.name != "ingest_seq"])
        with lake.lock():
            incoming = pa.Table.from_pylist([{**book, "request_id": "1", **row} for row in rows], schema=schema)
            lake.append(table, incoming, lake.next_sequence())

    append(
        YAHOO_BAR,
        [
            {"symbol": "IWM", "session_date": day, "close": float(n), "available_at": price_available_at(day)}
            for n, day in enumerate(SESSIONS)
        ],
    )
    append(FUND_VALUATION, [{"symbol": "IWM", "session_date": FILLED, "price_to_book": 0.5}])
    asked = {"vendor": "yahoo", "dataset": "bar", "outcome": "ok", "window_start": SESSIONS[0], "window_end": FILLED}
    append(REQUEST, [{**asked, "key": key, "request_id": key} for key in ("IWM", "SPY")])
    return tmp_path


@pytest.mark.parametrize("merged", [True, False])
def test_a_divided_lake_holds_the_same_bars_each_fetched_when_it_was_known(filled: Path, merged: bool):
    divide(filled, RUNS, merged=merged)
    parts = len(parts_of(filled / "raw" / "yahoo_bar"))
    # the lake merges at its first use what was left unmerged
    assert parts == (1 + (RUNS + 1) % SMALL_PARTS if merged else RUNS + 1)
    lake = Lake(filled, "sandbox")
    rows = lake.query(
        "select session_date, close, fetched_at, available_at from yahoo_bar order by session_date"
    ).to_pylist()
    assert [(row["session_date"], row["close"]) for row in rows] == [(day, float(n)) for n, day in enumerate(SESSIONS)]
    first = SESSIONS[-RUNS]
    for row in rows:
        fetched = max(row["session_date"], shift_sessions(first, -1))
        assert row["fetched_at"] == end_of_day(fetched)
        assert row["available_at"] == price_available_at(row["session_date"])


def test_every_daily_run_has_its_questions_and_its_snapshot(filled: Path):
    divide(filled, RUNS)
    lake = Lake(filled, "sandbox")
    days = lake.query("select session_date from fund_valuation order by 1").column("session_date").to_pylist()
    assert days == SESSIONS[-RUNS:]
    counts = lake.query("select count(*) as n, count(distinct request_id) as ids, max(window_end) as last from request")
    assert counts.to_pylist() == [{"n": 2 * (RUNS + 1), "ids": 2 * (RUNS + 1), "last": FILLED}]
    newest = lake.query("select max(fetched_at) as newest from request").column("newest")[0].as_py()
    assert newest == end_of_day(FILLED).astimezone(dt.UTC)


def test_the_summary_shows_ratios_and_says_what_was_not_measured(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(summary, "RESULTS", tmp_path)
    panel = {"rows": 15_120_000, "ours_s": 10.0, "ours_gib": 1.5, "polars_s": 20.0, "polars_gib": 3.4, "pandas_s": 30.0}
    panel |= {"duckdb_s": 40.0, "one_more_day_s": 0.2, "io_bound_s": 6.0}
    run = {"seconds": 50.0, "cpu_seconds": 80.0, "peak_gib": 2.0, "parts": {"import": 4.0, "ask": 5.0}}
    day = {"date": "2026-11-21", "commit": "0123456789", "cores": 2, "first": run, "unchanged": run, "new_session": run}
    for name, found in (("panel", panel), ("day", day)):
        (tmp_path / f"{name}.json").write_text(json.dumps(found))
    print_summary()
    printed = capsys.readouterr().out
    assert "| polars | 20.0 | 2.00 | 3.40 |" in printed
    assert "| one more session | 0.20 | 0.020 |  |" in printed
    assert "Measured 2026-11-21, commit 0123456, 2 cores" in printed
    assert "| unchanged | 50 | 80 | 1.00 | 2.0 | 4.0 | 5.0 |" in printed
    assert "no results yet: make bench ONLY=growth" in printed
