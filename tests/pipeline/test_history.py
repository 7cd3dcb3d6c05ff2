"""The history of runs: kept open by the run that writes it, read by everybody else with Dagster's own storage."""

import time
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.instance.ref import InstanceRef

from orchestration.history import OPEN_DATABASES, EventLog, open_history


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    return home


@dg.asset(check_specs=[dg.AssetCheckSpec("one", asset="numbers"), dg.AssetCheckSpec("two", asset="numbers")])
def numbers(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    context.log.info("counting")
    return dg.MaterializeResult(
        check_results=[
            dg.AssetCheckResult(check_name="one", passed=True),
            dg.AssetCheckResult(check_name="two", passed=False, severity=dg.AssetCheckSeverity.WARN),
        ]
    )


def plain(home: Path) -> dg.DagsterInstance:
    """The instance as the UI opens it, with Dagster's own storage."""
    return dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(home)))


def run(instance: dg.DagsterInstance) -> str:
    result = dg.materialize([numbers], instance=instance)
    assert result.success
    return result.run_id


def test_another_process_reads_the_run_while_its_history_is_open(home):
    with open_history(home) as ours, plain(home) as theirs:
        assert isinstance(ours.event_log_storage, EventLog)
        assert not isinstance(theirs.event_log_storage, EventLog)
        run_id = run(ours)
        ours_read = [entry.to_json() for entry in ours.all_logs(run_id)]
        assert [entry.to_json() for entry in theirs.all_logs(run_id)] == ours_read
        assert any("counting" in entry for entry in ours_read)
        assert theirs.get_latest_materialization_event(dg.AssetKey("numbers")).run_id == run_id
        keys = [dg.AssetCheckKey(dg.AssetKey("numbers"), name) for name in ("one", "two")]
        found = theirs.event_log_storage.get_latest_asset_check_execution_by_key(keys)
        assert [found[key].status.value for key in keys] == ["SUCCEEDED", "FAILED"]


def test_a_page_that_follows_a_run_is_told_of_its_events(home):
    told: list[str] = []
    with open_history(home) as ours, plain(home) as theirs:
        run_id = run(ours)
        theirs.watch_event_logs(run_id, None, lambda entry, cursor: told.append(entry.user_message))
        time.sleep(0.2)
        ours.report_engine_event("an event after the page was opened", ours.get_run_by_id(run_id))
        until = time.monotonic() + 20
        while "counting" not in told and time.monotonic() < until:
            time.sleep(0.05)
    assert "counting" in told


def test_the_disk_is_not_waited_for_after_each_event(home):
    with open_history(home) as ours, ours.event_log_storage._connect("index") as connection:
        modes = [connection.exec_driver_sql(f"pragma {name}").scalar() for name in ("journal_mode", "synchronous")]
    # 1 is normal, which keeps a database with this kind of journal whole
    assert modes == ["wal", 1]


def test_runs_beyond_the_open_databases_stay_readable(home):
    with open_history(home) as ours:
        runs = [run(ours) for _ in range(OPEN_DATABASES + 2)]
        assert len(ours.event_log_storage._engines) == OPEN_DATABASES
        counts = {len(ours.all_logs(run_id)) for run_id in runs}
        assert len(counts) == 1
        assert counts.pop() > 5
        ours.delete_run(runs[0])
        assert ours.all_logs(runs[0]) == []
        ours.wipe()
        assert not ours.get_runs()
        again = run(ours)
        assert ours.all_logs(again)


def test_a_storage_named_in_the_settings_is_kept(home):
    (home / "dagster.yaml").write_text(f"storage:\n  sqlite:\n    base_dir: {home / 'elsewhere'}\n")
    with open_history(home) as ours:
        assert not isinstance(ours.event_log_storage, EventLog)
        run(ours)
    assert (home / "elsewhere").is_dir()
