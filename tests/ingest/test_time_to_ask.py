"""Who cannot be reached is not asked, nor is anybody after the deadline of a run. The next run asks for the rest."""

from __future__ import annotations

import datetime as dt
import os
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from orchestration.ingest.constituents import constituents
from orchestration.ingest.etf_shares import etf_shares
from orchestration.ingest.filings import filings
from orchestration.ingest.ledger import request_ledger
from orchestration.ingest.macro import macro
from orchestration.ingest.prices import prices
from orchestration.lake.store import Lake
from orchestration.sandbox.server import sandbox_server

ASSETS = {asset.key.path[-1]: asset for asset in (prices, macro, etf_shares, constituents, filings, request_ledger)}
VENDORS = ("yahoo", "fred", "blackrock", "ssga", "proshares", "direxion", "sec")
NOW, MONTH = "2026-11-20", "2026-11-01"
NOWHERE = "http://127.0.0.1:9"


class Done:
    """A run of some assets: what it warned of, and the newest outcomes in the ledger."""

    def __init__(self, result: dg.ExecuteInProcessResult, instance: dg.DagsterInstance, data: Path) -> None:
        lines = [entry for entry in instance.all_logs(result.run_id) if entry.dagster_event is None]
        self.warned = [entry.user_message for entry in lines if entry.level == 30]
        checks = {check.check_name: check for check in result.get_asset_check_evaluations()}
        self.missing = checks["vendors_answer"].description.splitlines() if "vendors_answer" in checks else []
        self.said = [entry.user_message for entry in lines]
        rows = Lake(data, os.environ["SMALLCAP_SOURCE"]).query(
            "select vendor, outcome, attempts from request "
            "qualify row_number() over (partition by vendor, dataset, key, window_end order by ingest_seq desc) = 1"
        )
        self.outcomes = Counter((row["vendor"], row["outcome"]) for row in rows.to_pylist())
        self.attempts = sum(row["attempts"] for row in rows.to_pylist())


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Done]:
    """Materialize assets in one run; each vendor stands where it is said, or in the sandbox."""
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    fixed = {"SOURCE": "sandbox", "TODAY": NOW, "HOLDINGS_START": "2026-11-02", "FILINGS_START": "2026-03-31"}
    for name, value in {**fixed, "DATA_DIR": str(tmp_path / "data"), "MAX_RPS": "1000"}.items():
        monkeypatch.setenv(f"SMALLCAP_{name}", value)

    def materialize(*names: str, at: str | None = None, **settings: Any) -> Done:
        with sandbox_server(dt.datetime.fromisoformat(f"{NOW}T23:00:00-05:00")) as url, monkeypatch.context() as patch:
            for vendor in VENDORS:
                patch.setenv(f"SMALLCAP_{vendor.upper()}_URL", at or url)
            for name, value in settings.items():
                patch.setenv(name, str(value))
            instance = dg.DagsterInstance.ephemeral()
            result = dg.materialize([ASSETS[name] for name in names], partition_key=MONTH, instance=instance)
        assert result.success
        return Done(result, instance, tmp_path / "data")

    return materialize


def test_vendors_that_cannot_be_reached_are_named_once_each_and_not_asked(run):
    done = run(*(name for name in ASSETS if name != "request_ledger"), at=NOWHERE)
    assert {outcome for _, outcome in done.outcomes} == {"skipped"}
    assert {vendor for vendor, _ in done.outcomes} == set(VENDORS)
    assert (done.outcomes["fred", "skipped"], done.outcomes["yahoo", "skipped"]) == (22, 34)
    assert done.attempts == 0
    named = Counter(line.partition(" ")[0] for line in done.warned)
    # BlackRock is asked by two assets: for the shares of funds and for their holdings
    assert named == {vendor: 2 if vendor == "blackrock" else 1 for vendor in VENDORS}
    assert all("not asked: no connection to 127.0.0.1:9: Connection refused" in line for line in done.warned)
    # for each key no line
    assert not [line for line in done.said if "DGS10" in line or "IWM" in line]


def test_the_next_run_asks_who_could_not_be_reached(run):
    run("macro", at=NOWHERE)
    assert run("macro").outcomes == {("fred", "ok"): 22}


def test_where_one_vendor_cannot_be_reached_the_others_are_asked(run):
    done = run("etf_shares", SMALLCAP_SSGA_URL=NOWHERE)
    assert done.outcomes["ssga", "skipped"] == 4
    assert {vendor for vendor, outcome in done.outcomes if outcome == "ok"} == {"blackrock", "proshares", "direxion"}
    assert len(done.warned) == 1


def test_after_the_deadline_nobody_is_asked_and_the_next_run_asks_for_the_rest(run):
    """At two questions a second a run of one second asks two or three."""
    done = run("macro", "prices", SMALLCAP_RUN_DEADLINE=1, SMALLCAP_MAX_RPS=2)
    answered = done.outcomes["fred", "ok"] + done.outcomes["yahoo", "ok"]
    assert 1 <= answered <= 4
    assert done.outcomes["fred", "postponed"] + done.outcomes["yahoo", "postponed"] == 22 + 34 - answered
    waits = "not asked: this run has asked for 1 s, the rest waits for the next run"
    assert [line for line in done.warned if not line.endswith(waits)] == []
    assert 1 <= len(done.warned) <= 2
    again = run("macro", "prices")
    assert again.outcomes == {("fred", "ok"): 22, ("yahoo", "ok"): 34}


def test_holdings_that_were_not_asked_for_spend_no_budget(run, monkeypatch):
    for name, value in {"SOURCE": "live", "VENDORS": "blackrock", "HOLDINGS_DAILY_BUDGET": "3"}.items():
        monkeypatch.setenv(f"SMALLCAP_{name}", value)
    for changes in ({"SMALLCAP_RUN_DEADLINE": 0}, {"at": NOWHERE}):
        done = run("constituents", **changes)
        # one row for each fund
        assert sum(done.outcomes.values()) == 5
        assert re.search(r"not asked: .* \(dates left: \d\d\)$", done.warned[0])
    answered = run("constituents").outcomes
    assert answered["blackrock", "ok"] + answered["blackrock", "empty"] == 3, answered


def test_reports_that_were_not_asked_for_come_with_the_next_run(run):
    assert set(run("filings", SMALLCAP_RUN_DEADLINE=0).outcomes) == {("sec", "postponed")}
    assert set(run("filings").outcomes) == {("sec", "ok")}


def test_what_is_missing_is_said_in_a_line_for_each_vendor(run):
    assert run("macro", "prices", "request_ledger").missing == ["every vendor answers"]
    done = run("macro", "prices", "request_ledger", at=NOWHERE, SMALLCAP_TODAY="2026-11-23")
    why = "not answered (no connection to 127.0.0.1:9: Connection refused); stored values stand until"
    assert done.missing == [
        f"fred: 22 of 22 series {why} 2026-10-01 to 2026-11-19",
        f"yahoo: 34 of 34 symbols {why} 2026-11-20",
    ]
