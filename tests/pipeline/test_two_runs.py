"""Of two runs on one data directory one waits for the other, whoever started them."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest
from filelock import FileLock

from orchestration.ingest import common
from orchestration.ingest.common import one_run_at_a_time
from orchestration.lake.account import LakeError
from orchestration.settings import REPOSITORY

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    home = tmp_path / "home"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    begun: list[subprocess.Popen[str]] = []

    def run(*words: str) -> subprocess.Popen[str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("SMALLCAP_", "DAGSTER_", "FRED_"))}
        own = {"SMALLCAP_DATA_DIR": str(tmp_path / "data"), "DAGSTER_HOME": str(home), "SMALLCAP_TODAY": "2026-11-20"}
        process = subprocess.Popen(
            [sys.executable, "-m", *words],
            cwd=REPOSITORY,
            env=kept | own | {"SMALLCAP_SOURCE": "sandbox"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        begun.append(process)
        return process

    yield run
    for process in begun:
        process.kill()
        process.communicate()


JOB = ("dagster", "job", "execute", "-m", "orchestration.definitions", "-j", "smallcap_daily")


@pytest.mark.parametrize("words", [("orchestration.cli.run",), JOB], ids=["make run", "as from the UI"])
def test_a_run_waits_for_another_and_touches_nothing_meanwhile(
    start: Start, tmp_path: Path, words: tuple[str, ...]
) -> None:
    (tmp_path / "data" / "build").mkdir(parents=True)
    waits = f"another run is writing to {tmp_path / 'data'}: this one waits for it to end"
    lock = FileLock(tmp_path / "data" / "build" / ".run.lock")
    with lock:
        process = start(*words)
        assert process.stdout
        watch = threading.Timer(120, process.kill)
        watch.start()
        assert any(waits in line for line in process.stdout), "it did not wait"
        assert not (tmp_path / "data" / "raw").exists()
    # it goes on now: soon it has a raw zone
    for _ in process.stdout:
        if (tmp_path / "data" / "raw" / "source.json").exists():
            break
    watch.cancel()
    assert (tmp_path / "data" / "raw" / "source.json").exists()


def test_a_run_that_waited_too_long_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(common, "RUN_LOCK_SECONDS", 0.1)
    (tmp_path / "build").mkdir()
    said: list[str] = []
    with (
        FileLock(tmp_path / "build" / ".run.lock"),
        pytest.raises(LakeError, match=r"Another run has been writing to .* asked, built and published nothing"),
        one_run_at_a_time(tmp_path, said.append),
    ):
        pass
    assert said == [f"another run is writing to {tmp_path}: this one waits for it to end"]
    # and the next one may begin
    with one_run_at_a_time(tmp_path, said.append), one_run_at_a_time(tmp_path, said.append):
        pass
    assert len(said) == 1


def test_the_job_has_the_executor_that_waits() -> None:
    from orchestration.definitions import defs

    job = defs.resolve_job_def("smallcap_daily")
    assert isinstance(job.executor_def, dg.ExecutorDefinition)
    assert job.executor_def.name == "in_process"
