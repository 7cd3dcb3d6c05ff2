"""Snapshots are asked for once a session, after its close, through the real client; what was missed stays missed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest

from orchestration.ingest.snapshots import fund_valuation, options
from orchestration.lake.store import Lake
from orchestration.sandbox.server import sandbox_server

ASSETS = {"options": options, "fund_valuation": fund_valuation}
Take = Callable[..., dict[str, dg.AssetCheckEvaluation]]


@pytest.fixture
def take(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Take:
    """Materialize one asset for a month at a moment; a market that stands at another moment answers where named."""
    for name in ("SMALLCAP_VENDORS", "SMALLCAP_START", "DAGSTER_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SMALLCAP_SOURCE", "sandbox")
    monkeypatch.setenv("SMALLCAP_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("SMALLCAP_MAX_RPS", "1000")

    def run(asset: str, now: str, month: str, market: str | None = None, **environment: str):
        moment = dt.datetime.fromisoformat(market or now)
        with sandbox_server(moment) as url, monkeypatch.context() as patch:
            settings = {"SMALLCAP_TODAY": now, "SMALLCAP_YAHOO_URL": url} | environment
            for name, value in settings.items():
                patch.setenv(name, value)
            done = dg.materialize(
                [ASSETS[asset]], partition_key=month, instance=dg.DagsterInstance.ephemeral(), resources={}
            )
        return {check.check_name: check for check in done.get_asset_check_evaluations()}

    return run


@pytest.fixture
def asked(tmp_path: Path) -> Callable[[str], list[tuple[str, str, dt.date]]]:
    """The ledger of a dataset."""

    def read(dataset: str) -> list[tuple[str, str, dt.date]]:
        rows = Lake(tmp_path / "data", "sandbox").query(
            "select key, outcome, window_end from request where dataset = ? order by fetched_at, key", [dataset]
        )
        return [tuple(row.values()) for row in rows.to_pylist()]

    return read


JULY_30, JULY_31 = dt.date(2025, 7, 30), dt.date(2025, 7, 31)


@pytest.mark.parametrize(
    ("dataset", "keys", "table"),
    [("options", ("IWM", "SPY"), "option_quote"), ("fund_valuation", ("IVW", "IWN"), "fund_valuation")],
)
def test_a_session_is_asked_for_once(tmp_path, take, asked, dataset, keys, table):
    checks = take(dataset, "2025-07-30T17:30:00", "2025-07-01")
    assert asked(dataset) == [(key, "ok", JULY_30) for key in keys]
    assert all(check.passed for check in checks.values()), checks
    # the same evening, and before the open of the next day: stored
    take(dataset, "2025-07-30T20:00:00", "2025-07-01")
    take(dataset, "2025-07-31T08:00:00", "2025-07-01")
    assert len(asked(dataset)) == len(keys)
    # while the next session trades, it is neither asked for nor missing
    checks = take(dataset, "2025-07-31T12:00:00", "2025-07-01")
    assert len(asked(dataset)) == len(keys)
    assert checks["coverage"].passed
    take(dataset, "2025-07-31T16:30:00", "2025-07-01")
    assert asked(dataset)[len(keys) :] == [(key, "ok", JULY_31) for key in keys]
    rows = Lake(tmp_path / "data", "sandbox").query(
        f"select session_date, is_availability_assumed, min(available_at) as first, max(fetched_at) as last "
        f"from {table} group by all order by 1"
    )
    evening = dt.datetime(2025, 7, 30, 21, 30, tzinfo=dt.UTC)
    assert [tuple(row.values())[:2] for row in rows.to_pylist()] == [(JULY_30, False), (JULY_31, False)]
    assert rows.to_pylist()[0]["first"] == rows.to_pylist()[0]["last"] == evening


def test_what_was_missed_is_never_asked_for_later(take, asked):
    checks = take("options", "2025-07-31T12:00:00", "2025-07-01")
    assert asked("options") == []
    assert not checks["coverage"].passed
    assert "IWM: nothing stored (not asked: 2025-07-30 is over" in checks["coverage"].description
    # settling: fifteen minutes after the bell
    take("options", "2025-07-31T16:10:00", "2025-07-01")
    assert asked("options") == []


def test_a_past_month_asks_nothing_and_misses_nothing(take, asked):
    checks = take("options", "2025-07-31T17:30:00", "2025-06-01")
    assert asked("options") == []
    assert checks["coverage"].passed


def test_a_weekend_belongs_to_its_friday(take, asked):
    take("options", "2025-07-27T12:00:00", "2025-07-01")
    assert {day for _, _, day in asked("options")} == {dt.date(2025, 7, 25)}


def test_a_chain_of_another_session_is_not_filed_under_this_one(take, asked):
    checks = take("options", "2025-07-30T17:30:00", "2025-07-01", market="2025-07-31T17:30:00")
    assert [outcome for _, outcome, _ in asked("options")] == ["stale", "stale"]
    assert checks["vendor_answers"].description == "yahoo: stale for IWM, SPY"
    assert checks["vendor_answers"].severity == dg.AssetCheckSeverity.WARN


def test_yahoo_left_out_is_not_asked(take, asked):
    checks = take("options", "2025-07-30T17:30:00", "2025-07-01", SMALLCAP_VENDORS="fred")
    assert asked("options") == []
    # and nobody waits for it
    assert checks["coverage"].passed


def test_a_clock_that_stands_still_does_not_ask_the_real_yahoo(tmp_path, monkeypatch):
    monkeypatch.setenv("SMALLCAP_SOURCE", "live")
    monkeypatch.setenv("FRED_API_KEY", "0" * 32)
    monkeypatch.setenv("SMALLCAP_SEC_USER_AGENT", "Jane Doe jane@example.com")
    monkeypatch.setenv("SMALLCAP_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("SMALLCAP_TODAY", "2025-07-30")
    monkeypatch.delenv("SMALLCAP_YAHOO_URL", raising=False)
    done = dg.materialize(
        [fund_valuation], partition_key="2025-07-01", instance=dg.DagsterInstance.ephemeral(), resources={}
    )
    (event,) = done.asset_materializations_for_node("fund_valuation")
    assert event.metadata["skipped"].value.startswith("not asked: the clock stands still after 2025-07-30")
    assert Lake(tmp_path, "live").query("select * from request").num_rows == 0
