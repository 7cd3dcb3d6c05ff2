"""A run that cannot begin says so once, before its first step, in the same words in a terminal and in the UI."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from orchestration.ingest.prices import prices
from orchestration.lake.store import Lake
from orchestration.settings import REPOSITORY


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    return home


def call(home: Path, *words: str, **settings: str) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("SMALLCAP_", "DAGSTER_", "FRED_"))}
    return subprocess.run(
        [sys.executable, "-m", *words],
        cwd=REPOSITORY,
        env=kept | {"SMALLCAP_SOURCE": "sandbox", "DAGSTER_HOME": str(home)} | settings,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def in_dagster(home: Path, **settings: str) -> tuple[list[dg.DagsterEvent], str]:
    """The events of a run that Dagster starts as it does from the UI, and what it said at the top of its failure."""
    done = call(
        home, "dagster", "job", "execute", "-m", "orchestration.definitions", "-j", "smallcap_daily", **settings
    )
    assert done.returncode != 0
    with dg.DagsterInstance.from_config(str(home)) as instance:
        (run,) = instance.get_runs()
        assert run.status == dg.DagsterRunStatus.FAILURE
        events = [entry.dagster_event for entry in instance.all_logs(run.run_id) if entry.dagster_event]
    (failure,) = (event for event in events if event.event_type == dg.DagsterEventType.RUN_FAILURE)
    error = failure.job_failure_data.error
    assert error
    return events, error.message


def other_source(folder: Path) -> str:
    Lake(folder, "live")
    return str(folder)


def a_file(folder: Path) -> str:
    folder.touch()
    return str(folder)


def with_a_file_for_its_raw_zone(folder: Path) -> str:
    folder.mkdir()
    (folder / "raw").touch()
    return str(folder)


FIX = "set it to a folder this user can write to"
REFUSED = {
    "where nothing can be made": (
        lambda _: "/proc/x",
        f"needs the folder /proc/x, which cannot be written to: .*; {FIX}",
    ),
    "where nothing can be written": (
        lambda _: "/proc",
        f"needs the folder /proc, which cannot be written to: .*; {FIX}",
    ),
    "a file": (a_file, f"is '.*/data': Value error, there is a file of that name; {FIX}"),
    "a file on the way": (
        lambda folder: a_file(folder) + "/below",
        f"needs the folder .*/data/below, which cannot be written to: Not a directory; {FIX}",
    ),
    "a file inside": (
        with_a_file_for_its_raw_zone,
        f"needs the folder .*/data/raw, which cannot be written to: Not a directory; {FIX}",
    ),
    "a name too long": (lambda folder: f"{folder}{300 * 'x'}", f"is '.*x+': Value error, File name too long; {FIX}"),
    "a path too long": (
        lambda folder: f"{folder}{3000 * '/x'}",
        f"is '.*[/x]+': Value error, File name too long; {FIX}",
    ),
    "a home of nobody": (lambda _: "~nobody-of-that-name/x", "Could not determine home directory"),
}


@pytest.mark.parametrize("why", REFUSED)
def test_a_data_directory_that_cannot_be_is_refused_in_a_line(home: Path, tmp_path: Path, why: str) -> None:
    given, said = REFUSED[why]
    done = call(home, "orchestration.cli.run", SMALLCAP_DATA_DIR=given(tmp_path / "data"))
    assert (done.returncode, done.stdout) == (1, "")
    first, line = done.stderr.splitlines()
    assert first == "The settings cannot be used:"
    assert re.search(f"^  - SMALLCAP_DATA_DIR .*{said}", line)


def test_a_home_of_dagster_that_cannot_be_is_refused_in_a_line(tmp_path: Path) -> None:
    done = call(Path("/proc/x"), "orchestration.cli.run", SMALLCAP_DATA_DIR=str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.splitlines()[1].startswith("  - DAGSTER_HOME needs the folder /proc/x, which cannot be written")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"SMALLCAP_START": "never"}, "  - SMALLCAP_START is 'never': "),
        ({"SMALLCAP_SOURCE": "live"}, "  - FRED_API_KEY is not set; get a free key"),
        ({"SMALLCAP_DATA_DIR": "/proc/x"}, "  - SMALLCAP_DATA_DIR needs the folder /proc/x"),
        ({}, "holds live data and SMALLCAP_SOURCE is sandbox: the two never mix"),
    ],
    ids=lambda value: "",
)
def test_dagster_runs_no_step_and_says_it_at_the_top(
    home: Path, tmp_path: Path, settings: dict[str, str], said: str
) -> None:
    events, message = in_dagster(home, **{"SMALLCAP_DATA_DIR": other_source(tmp_path / "data")} | settings)
    kinds = {event.event_type for event in events}
    assert not kinds & {dg.DagsterEventType.STEP_START, dg.DagsterEventType.STEP_UP_FOR_RETRY}
    assert said in message
    assert "SettingsError: The settings cannot be used:" in message or "LakeError: " in message


def test_a_step_that_finds_it_out_later_is_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where a folder becomes unwritable between two steps."""
    monkeypatch.setenv("SMALLCAP_SOURCE", "sandbox")
    monkeypatch.setenv("SMALLCAP_DATA_DIR", "/proc/x")
    result = dg.materialize([prices], partition_key="2026-01-01", raise_on_error=False)
    kinds = [event.event_type for event in result.all_events]
    assert kinds.count(dg.DagsterEventType.STEP_START) == 1
    assert kinds.count(dg.DagsterEventType.STEP_UP_FOR_RETRY) == 0
    (failure,) = result.get_step_failure_events()
    error = failure.step_failure_data.error
    assert error
    assert error.message.startswith("dagster._core.definitions.events.Failure: The settings cannot be used:\n")
    assert "/proc/x" in error.message
    assert error.cause is None
