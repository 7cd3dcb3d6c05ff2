"""A year of daily runs leaves a bounded directory: what is cleared away, and what stands."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.events import DagsterEvent, StepMaterializationData
from dagster._core.instance.ref import InstanceRef
from dagster._core.storage.compute_log_manager import ComputeIOType
from dagster._core.utils import make_new_run_id
from sqlalchemy import Engine, event

from orchestration.history import open_history
from orchestration.housekeeping import HISTORY_DAYS, clear_away

NOW = dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC)
A_YEAR = 366
PRICES, RELEASE = dg.AssetKey("prices"), dg.AssetKey("release")
CHECK = dg.AssetCheckKey(RELEASE, "whole")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    return home


@pytest.fixture(scope="module")
def a_year(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[int, str]]:
    """A home with the runs of a year, and their ids by age in days."""
    home = tmp_path_factory.mktemp("a_year")
    (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    days = [day for day in range(A_YEAR) if made_on(day).weekday() < 5]
    # nobody waits for the disk here
    event.listen(Engine, "connect", without_sync)
    try:
        with open_history(home) as instance:
            made = {days[-1]: past_run(instance, made_on(days[-1]))}
            instance.event_log_storage.close(made[days[-1]])
            # Dagster needs long to make the file of a run, so those of the others begin as copies
            first = Path(shutil.copy(home / "history" / "runs" / f"{made[days[-1]]}.db", home / "first.db"))
            for day in reversed(days[:-1]):
                made[day] = past_run(instance, made_on(day), first)
    finally:
        event.remove(Engine, "connect", without_sync)
    first.unlink()
    return home, made


def without_sync(connection: sqlite3.Connection, _: object) -> None:
    connection.execute("pragma synchronous = off")


def made_on(day: int) -> dt.datetime:
    return NOW - dt.timedelta(days=day, minutes=1)


def opened(home: Path, who: str) -> dg.DagsterInstance:
    """The history as a run in a terminal opens it, or one that the UI starts."""
    return open_history(home) if who == "terminal" else dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(home)))


@pytest.fixture
def instance(home: Path) -> Iterator[dg.DagsterInstance]:
    with opened(home, "terminal") as found:
        yield found


def past_run(instance: dg.DagsterInstance, made: dt.datetime, file: Path | None = None) -> str:
    """A finished run of that moment: it filled the month of prices and the release, with a check and a log."""
    run_id = make_new_run_id()
    if file:
        shutil.copy(file, instance.event_log_storage.path_for_shard(run_id))
        instance.event_log_storage._initialized_dbs.add(run_id)
    run = dg.DagsterRun(job_name="smallcap_daily", run_id=run_id, status=dg.DagsterRunStatus.SUCCESS)
    instance.run_storage.add_historical_run(run, made)
    filled = (
        dg.AssetMaterialization(PRICES, partition=f"{made:%Y-%m}-01"),
        dg.AssetMaterialization(RELEASE, metadata={"text": "x" * 2_000}),
    )
    events = [
        (dg.DagsterEventType.ASSET_MATERIALIZATION, StepMaterializationData(materialization))
        for materialization in filled
    ]
    evaluated = dg.AssetCheckEvaluation(asset_key=RELEASE, check_name="whole", passed=True, metadata={})
    events.append((dg.DagsterEventType.ASSET_CHECK_EVALUATION, evaluated))
    for kind, data in events:
        told = DagsterEvent(kind.value, "smallcap_daily", step_key="release", event_specific_data=data)
        instance.event_log_storage.store_event(
            dg.EventLogEntry(
                error_info=None,
                level=10,
                user_message="",
                run_id=run_id,
                timestamp=made.timestamp(),
                step_key="release",
                job_name="smallcap_daily",
                dagster_event=told,
            )
        )
    with instance.compute_log_manager.open_log_stream([run_id, "compute_logs", "release"], ComputeIOType.STDERR) as log:
        assert log
        log.write("a line\n")
    return run_id


def size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def shards(home: Path) -> set[str]:
    return {path.name.partition(".")[0] for path in (home / "history" / "runs").iterdir()} - {"index"}


@pytest.mark.parametrize("who", ["terminal", "UI"])
def test_a_year_of_daily_runs(a_year: tuple[Path, dict[int, str]], tmp_path: Path, who: str) -> None:
    seeded, made = a_year
    home = Path(shutil.copytree(seeded, tmp_path / "home"))
    with opened(home, who) as instance:
        a_year_is_cleared(home, made, instance, tmp_path)


def a_year_is_cleared(home: Path, made: dict[int, str], instance: dg.DagsterInstance, tmp_path: Path) -> None:
    assert len(made) > 250
    months = instance.get_materialized_partitions(PRICES)
    before = size(home)

    done, said = clear_away(instance, tmp_path, NOW)

    newest = {day: run_id for day, run_id in made.items() if day < HISTORY_DAYS}
    # the last run of each earlier month, by which its page says that the month is filled
    last: dict[str, str] = {}
    for day, run_id in made.items():
        last[f"{made_on(day):%Y-%m}"] = run_id
    expected = set(newest.values()) | set(last.values())
    left = {run.run_id for run in instance.get_runs()}
    assert left == expected
    assert len(left) < 80
    assert (done, said) == (True, f"housekeeping removed {len(made) - len(left)} runs older than 90 days")
    # nothing of the others is left, in no file
    assert shards(home) == left
    assert {path.name for path in (home / "storage").iterdir()} == left
    with instance.event_log_storage.index_connection() as connection:
        for table in ("event_logs", "asset_check_executions"):
            found = connection.exec_driver_sql(f"select distinct run_id from {table}").scalars()
            assert set(found) == left
    assert size(home) < 0.5 * before
    # what the pages show
    assert instance.get_materialized_partitions(PRICES) == months
    assert [entry for entry in instance.all_logs(made[min(made)]) if entry.run_id == made[min(made)]]
    newest_check = instance.event_log_storage.get_latest_asset_check_execution_by_key([CHECK])[CHECK]
    assert newest_check.run_id == made[min(made)]

    assert clear_away(instance, tmp_path, NOW) == (True, "")
    # a day later one run more is old
    tomorrow = NOW + dt.timedelta(days=1)
    clear_away(instance, tmp_path, tomorrow)
    assert len(list(instance.get_runs())) in (len(left) - 1, len(left))


def test_the_only_run_stays_however_old(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    run_id = past_run(instance, NOW - dt.timedelta(days=4_000))
    assert clear_away(instance, tmp_path, NOW) == (True, "")
    assert [run.run_id for run in instance.get_runs()] == [run_id]


def test_a_run_that_was_killed_before_it_did_anything_goes_as_well(
    instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    run = dg.DagsterRun(job_name="smallcap_daily", run_id=make_new_run_id(), status=dg.DagsterRunStatus.STARTED)
    instance.run_storage.add_historical_run(run, NOW - dt.timedelta(days=HISTORY_DAYS, minutes=1))
    assert clear_away(instance, tmp_path, NOW) == (True, "housekeeping removed 1 runs older than 90 days")


def test_scratch_files_of_killed_builds_go_and_those_of_a_running_one_stay(
    instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    scratch = tmp_path / "build" / "tmp"
    scratch.mkdir(parents=True)
    for name, age in {"old.tmp": 3, "running.tmp": 1}.items():
        (scratch / name).touch()
        moment = (NOW - dt.timedelta(days=age)).timestamp()
        os.utime(scratch / name, (moment, moment))
    (tmp_path / "raw").mkdir()
    os.utime(tmp_path / "raw", (0, 0))
    assert clear_away(instance, tmp_path, NOW) == (True, "housekeeping removed 1 scratch files")
    assert [path.name for path in scratch.iterdir()] == ["running.tmp"]
    assert (tmp_path / "raw").is_dir()


def test_where_it_fails_it_says_so_in_a_line_and_the_next_one_repairs_it(
    home: Path, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    old = past_run(instance, NOW - dt.timedelta(days=99))
    new = past_run(instance, NOW - dt.timedelta(days=98))
    in_the_way = home / "history" / "runs" / f"{old}.db-shm"
    in_the_way.unlink(missing_ok=True)
    in_the_way.mkdir()
    done, said = clear_away(instance, tmp_path, NOW)
    assert not done
    assert said.startswith("housekeeping failed, the next run tries again; the release stands (")
    assert "\n" not in said
    in_the_way.rmdir()
    assert clear_away(instance, tmp_path, NOW) == (True, "housekeeping removed 1 runs older than 90 days")
    assert [run.run_id for run in instance.get_runs()] == [new]
