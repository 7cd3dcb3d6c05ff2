"""Reports are asked for once, the newest first; who is shut out stops, and the next run goes on where it stopped."""

from __future__ import annotations

import datetime as dt
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from orchestration.calendars import NEW_YORK, filing_available_at
from orchestration.ingest.filings import filings
from orchestration.ingest.plan import Asked, is_feed_due, is_filing_due, is_filing_overdue, next_report
from orchestration.lake.store import Lake
from orchestration.sandbox.server import sandbox_server
from orchestration.settings import REPOSITORY

D = dt.date
FLOWS_ONLY = 21


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=NEW_YORK)


def asked(outcome: str, when: str) -> Asked:
    return Asked(D(2019, 9, 30), at(when).date(), outcome, at(when))


@pytest.fixture
def take(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Any]]:
    """Materialize the asset at a moment; what it says of itself."""
    for name in ("SMALLCAP_VENDORS", "SMALLCAP_START", "DAGSTER_HOME", "SMALLCAP_TODAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SMALLCAP_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("SMALLCAP_MAX_RPS", "1000")

    def run(now: str, url: str, source: str = "sandbox", **environment: str) -> dict[str, Any]:
        settings = {"SMALLCAP_TODAY": now, "SMALLCAP_SEC_URL": url, "SMALLCAP_SOURCE": source} | environment
        with monkeypatch.context() as patch:
            for name, value in settings.items():
                patch.setenv(name, value)
            month = f"{dt.date.fromisoformat(now):%Y-%m}-01"
            instance = dg.DagsterInstance.ephemeral()
            done = dg.materialize([filings], partition_key=month, instance=instance, resources={})
        said = done.asset_materializations_for_node("filings")[0].metadata
        checks = {check.check_name: check for check in done.get_asset_check_evaluations()}
        return {name: value.value for name, value in said.items()} | {"checks": checks}

    return run


@pytest.fixture
def rows(tmp_path: Path) -> Callable[..., list[tuple]]:
    def read(sql: str, source: str = "sandbox") -> list[tuple]:
        return [tuple(row.values()) for row in Lake(tmp_path / "data", source).query(sql).to_pylist()]

    return read


def test_a_second_run_asks_for_nothing_it_has(take, rows, monkeypatch):
    monkeypatch.setenv("SMALLCAP_FILINGS_START", "2024-06-30")
    with sandbox_server(D(2024, 12, 2)) as url:
        first = take("2024-12-02", url)
        again = take("2024-12-02", url)
    assert set(first["outcomes"]) <= {"ok", "empty"}
    assert first["checks"]["coverage"].passed
    assert (again["requests"], again["rows_added"]) == (0, 0)
    assert rows("select count(*) from request where dataset = 'fails'") == [(2,)]
    # 26 feeds, and of each fund the reports of June and September
    assert rows("select count(*) from request where dataset = 'filing_feed'") == [(26,)]
    assert rows(
        "select cast(report_date as varchar), count(distinct fund) from fund_filing where form = 'NPORT-P' "
        "group by 1 order by 1"
    ) == [("2024-06-30", 26), ("2024-09-30", 26)]
    stored = "select count(distinct fund), min(lines), bool_and(file_path is not null) from fund_filing where {}"
    assert rows(stored.format("equity_weight_pct is not null"))[0][0::2] == (5, True)
    assert rows(stored.format("equity_weight_pct is null"))[0][0] == FLOWS_ONLY
    assert rows("select count(distinct fund) from fund_filing_line") == [(5,)]
    fails = (
        "select cast(period_end as varchar), bool_and(is_availability_assumed), max(available_at) from {} group by 1"
    )
    assert rows(f"{fails.format('settlement_fail')} order by 1") == [
        ("2024-06-30", True, at("2024-07-31T23:59:59")),
        ("2024-09-30", True, at("2024-10-31T23:59:59")),
    ]
    # a day later nothing is due: the reports are in, and amendments are looked for once a week
    with sandbox_server(D(2024, 12, 3)) as url:
        assert take("2024-12-03", url)["requests"] == 0
    with sandbox_server(D(2024, 12, 9)) as url:
        assert take("2024-12-09", url)["outcomes"] == {"ok": 26}


CHILD = """
import dagster as dg
from orchestration.ingest.filings import filings

dg.materialize([filings], partition_key="2024-12-01", instance=dg.DagsterInstance.ephemeral(), resources={})
"""


def test_a_run_that_was_killed_is_gone_on_with(take, rows, tmp_path, monkeypatch):
    """Killed as soon as documents are stored: the next run asks for the others, and for none of these."""
    monkeypatch.setenv("SMALLCAP_FILINGS_START", "2021-03-31")
    with sandbox_server(D(2024, 12, 2)) as url:
        settings = {"SMALLCAP_TODAY": "2024-12-02", "SMALLCAP_SEC_URL": url, "SMALLCAP_SOURCE": "sandbox"}
        child = subprocess.Popen([sys.executable, "-c", CHILD], env=os.environ | settings, cwd=REPOSITORY)
        parts = tmp_path / "data" / "raw" / "fund_filing"
        for _ in range(1200):
            # the first part holds the columns and no rows
            if len([*parts.glob("part-*.parquet")]) > 1:
                break
            time.sleep(0.05)
        child.kill()
        assert child.wait(60) == -signal.SIGKILL, "it had ended before it was killed"
        documents = "select count(distinct accession), count(*) from fund_filing"
        [(before, _)] = rows(documents)
        done = take("2024-12-02", url)
        again = take("2024-12-02", url)
    assert done["checks"]["coverage"].passed
    assert (again["requests"], again["rows_added"]) == (0, 0)
    [(after, stored)] = rows(documents)
    assert 0 < before < after == stored
    # 15 quarters of 26 funds, and their amendments
    assert rows("select count(*) from (select distinct fund, report_date from fund_filing)") == [(15 * 26,)]
    assert rows("select count(*) from request where dataset = 'filing' and outcome = 'ok'") == [(after,)]


def test_availability_is_the_acceptance_and_never_assumed(take, rows, monkeypatch):
    monkeypatch.setenv("SMALLCAP_FILINGS_START", "2024-03-31")
    with sandbox_server(D(2024, 12, 2)) as url:
        take("2024-12-02", url)
    for table in ("fund_filing_entry", "fund_filing"):
        found = rows(f"select accepted_at, filed_date, available_at, is_availability_assumed from {table}")
        assert {assumed for *_, assumed in found} == {False}
        assert all(filing_available_at(accepted, filed) == known for accepted, filed, known, _ in found)
    late = "timezone('America/New_York', accepted_at)::date < filed_date"
    assert rows(f"select count(*) > 0 from fund_filing where {late}") == [(True,)]
    mixed = "from fund_filing_line l join fund_filing f using (fund, accession) where l.available_at <> f.available_at"
    assert rows(f"select count(*) {mixed}") == [(0,)]


def test_what_is_accepted_on_an_earlier_day_than_filed_is_readable_from_six():
    evening, day = at("2025-11-25T18:02:11"), at("2025-11-25T11:00:00")
    assert filing_available_at(evening, D(2025, 11, 26)) == at("2025-11-26T06:00:00")
    assert filing_available_at(day, D(2025, 11, 25)) == day


@pytest.mark.realdata
def test_who_is_shut_out_stops_and_the_next_run_goes_on(take, rows, replay):
    live = {"FRED_API_KEY": "0123456789abcdef0123456789abcdef", "SMALLCAP_SEC_USER_AGENT": "Jane Doe jane@example.com"}
    replay.clear()
    replay.today("2026-08-31")
    try:
        replay.faults([{"match": "Archives", "kind": "status", "code": 403, "after": 4, "times": 1}])
        first = take("2026-08-31", replay.url, "live", **live)
        assert first["outcomes"]["blocked"] == 1
        assert not first["checks"]["vendor_answers"].passed
        assert rows("select count(*) from fund_filing where fund <> 'SPY'", "live") == [(4,)]
        replay.clear()
        second = take("2026-08-31", replay.url, "live", **live)
        # the feeds were answered today; 10 reports of index funds and one of SPY are left
        assert second["outcomes"]["ok"] == 10
        # the replay has no files of fails: they are missed by name, and asked for again an hour later
        assert (
            second["outcomes"]["not_found"]
            == rows("select count(distinct report_date) from fund_filing_line", "live")[0][0]
        )
        assert take("2026-08-31", replay.url, "live", **live)["outcomes"] == {}
    finally:
        replay.clear()
        replay.today()
    found = rows("select fund, count(*) from fund_filing group by 1 order by 1", "live")
    assert found == [("IVV", 1), ("IWB", 1), ("IWC", 1), ("IWM", 8), ("IWV", 2), ("SPY", 1)]
    amended = "select report_date, min(lines_sha256) = max(lines_sha256) from fund_filing where fund = 'IWM' group by 1"
    assert rows(f"{amended} having count(*) > 1", "live") == [(D(2025, 9, 30), True)]


@pytest.mark.parametrize(
    ("newest", "following"),
    [
        (D(2026, 6, 30), D(2026, 9, 30)),
        (D(2026, 9, 30), D(2026, 12, 31)),
        (D(2025, 11, 30), D(2026, 2, 28)),
        (D(2023, 12, 30), D(2024, 3, 31)),
    ],
)
def test_the_next_report_is_of_the_end_of_the_next_quarter(newest, following):
    assert next_report(newest) == following


NEWEST = D(2026, 6, 30)  # the next is due from 2026-11-14 to 2026-12-29


@pytest.mark.parametrize(
    ("history", "newest", "now", "due"),
    [
        ([], None, "2026-10-01T18:00:00", True),
        ([asked("ok", "2026-10-01T09:00:00")], None, "2026-10-01T18:00:00", False),
        ([asked("ok", "2026-10-01T09:00:00")], None, "2026-10-02T18:00:00", True),
        ([asked("empty", "2026-10-01T09:00:00")], NEWEST, "2026-10-07T18:00:00", False),
        ([asked("ok", "2026-10-01T09:00:00")], NEWEST, "2026-10-08T18:00:00", True),
        ([asked("ok", "2026-11-12T09:00:00")], NEWEST, "2026-11-13T18:00:00", False),
        ([asked("ok", "2026-11-13T09:00:00")], NEWEST, "2026-11-14T18:00:00", True),
        ([asked("ok", "2026-12-28T09:00:00")], NEWEST, "2026-12-29T18:00:00", True),
        ([asked("ok", "2026-12-29T09:00:00")], NEWEST, "2026-12-30T18:00:00", False),
        ([asked("blocked", "2026-10-01T09:00:00")], NEWEST, "2026-10-01T18:00:00", True),
    ],
)
def test_a_feed_is_looked_at_daily_while_a_report_may_come_and_weekly_else(history, newest, now, due):
    assert is_feed_due(history, newest, at(now)) is due


@pytest.mark.parametrize(
    ("outcome", "due_today", "due_tomorrow"),
    [
        ("ok", False, False),
        ("empty", False, False),
        ("malformed", False, True),
        ("not_found", True, True),
        ("blocked", True, True),
        ("unreachable", True, True),
    ],
)
def test_a_document_is_read_once_and_one_that_was_refused_not_twice_a_day(outcome, due_today, due_tomorrow):
    history = [asked(outcome, "2026-10-01T09:00:00")]
    assert is_filing_due([], at("2026-10-01T18:00:00"))
    assert is_filing_due(history, at("2026-10-01T18:00:00")) is due_today
    assert is_filing_due(history, at("2026-10-02T18:00:00")) is due_tomorrow


def test_a_report_is_overdue_65_days_after_its_quarter():
    assert is_filing_overdue(None, D(2026, 12, 4))
    assert not is_filing_overdue(NEWEST, D(2026, 12, 4))
    assert is_filing_overdue(NEWEST, D(2026, 12, 5))
