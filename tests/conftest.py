"""Fixtures for tests that replay real vendor data."""

from __future__ import annotations

import datetime as dt
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.utils import make_new_run_id
from filelock import FileLock

from orchestration.housekeeping import HISTORY_DAYS

SHARED = Path(__file__).resolve().parent.parent.parent / "shared"


REPOSITORY = Path(__file__).resolve().parent.parent


@cache
def warehouse_of(path: str) -> str:
    """The built warehouse the tests of a file stand on, the longest to build first; the file itself where on none."""
    text = (REPOSITORY / path).read_text(encoding="utf-8")
    shared = ("walk", "sandbox_release", "builds")
    return next((fixture for fixture in shared if re.search(rf"\b{fixture}\b[,):]", text)), path)


# files that make several runs or builds of their own, the longest first; the others take under two minutes
LONG = (
    "tests/membership/test_incremental_equals_full.py",
    "tests/realdata/test_splits_and_faults.py",
    "tests/membership/test_reconstitution_truth.py",
    "tests/membership/test_filed_membership_truth.py",
    "tests/pipeline/test_refusals.py",
    "tests/faults/test_faults.py",
    "tests/realdata/test_snapshots_absent.py",
    "tests/marts/test_grown_marts.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long parts first, so that the workers end at about the same time."""
    order = ("walk", "sandbox_release", *LONG, "builds")
    parts = {item.nodeid: warehouse_of(item.nodeid.partition("::")[0]) for item in items}
    items.sort(key=lambda item: order.index(parts[item.nodeid]) if parts[item.nodeid] in order else len(order))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Two workers share the suite by what tests stand on, so that no warehouse is built twice."""
    from xdist.scheduler import LoadScopeScheduling

    class ByWarehouse(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return warehouse_of(nodeid.partition("::")[0])

    config.option.loadscopereorder = False
    return ByWarehouse(config, log)


# a key as FRED gives them, which must be found nowhere after a run
PLANTED_KEY = "0planted0key0that0nobody0may0see"

# three years of reports more would cost each directory ten seconds; tests of the reports ask for all
FILINGS_START = "2024-06-30"


class SandboxDirectory:
    """A data directory that the whole job fills from the sandbox market, as `make run` does."""

    def __init__(
        self,
        root: Path,
        start: str = "2024-01-02",
        holdings_start: str = "2026-05-01",
        filings_start: str = FILINGS_START,
    ) -> None:
        self.root = root
        self.data = root / "data"
        self.printed = ""
        self._range = {
            "SMALLCAP_START": start,
            "SMALLCAP_HOLDINGS_START": holdings_start,
            "SMALLCAP_FILINGS_START": filings_start,
        }

    def environment(self, today: str) -> dict[str, str]:
        """The environment of a run: nothing of the caller's settings, no key."""
        env = {k: v for k, v in os.environ.items() if not k.startswith(("SMALLCAP_", "DAGSTER_", "FRED_"))}
        return env | {
            **self._range,
            "SMALLCAP_SOURCE": "sandbox",
            "SMALLCAP_TODAY": today,
            "SMALLCAP_DATA_DIR": str(self.data),
            "DAGSTER_HOME": str(self.root / "dagster"),
        }

    def call(self, module: str, today: str, *args: str, **extra: str) -> subprocess.CompletedProcess[str]:
        """Run one of the commands."""
        return subprocess.run(
            [sys.executable, "-m", module, *args],
            cwd=REPOSITORY,
            env=self.environment(today) | extra,
            capture_output=True,
            text=True,
            check=False,
            timeout=900,
        )

    def run(self, today: str, **extra: str) -> str:
        """Run the job to its end; a failing one shows what it printed."""
        done = self.call("orchestration.cli.run", today, **extra)
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-6000:]
        return done.stdout + done.stderr


@pytest.fixture(scope="session")
def sandbox_release(tmp_path_factory: pytest.TempPathFactory) -> SandboxDirectory:
    """A published sandbox warehouse as of 2026-11-20, made with a key of FRED, where an old run was in the history."""
    root = tmp_path_factory.getbasetemp()
    # workers have folders of their own in one they share
    root = root.parent if "PYTEST_XDIST_WORKER" in os.environ else root
    directory = SandboxDirectory(root / "sandbox")
    printed = root / "sandbox.txt"
    with FileLock(root / "sandbox.lock"):
        if not printed.exists():
            directory.root.mkdir()
            _leave_an_old_run(directory.root / "dagster")
            printed.write_text(directory.run("2026-11-20", FRED_API_KEY=PLANTED_KEY), encoding="utf-8")
    directory.printed = printed.read_text(encoding="utf-8")
    return directory


def _leave_an_old_run(home: Path) -> None:
    home.mkdir()
    shutil.copy(REPOSITORY / "orchestration" / "dagster.yaml", home)
    made = dt.datetime.now(dt.UTC) - dt.timedelta(days=HISTORY_DAYS + 1)
    with dg.DagsterInstance.from_config(str(home)) as instance:
        run = dg.DagsterRun(job_name="smallcap_daily", run_id=make_new_run_id(), status=dg.DagsterRunStatus.SUCCESS)
        instance.run_storage.add_historical_run(run, made)


class ReplayServer:
    """All vendors on one local address, answering from real observations as of a pretended date."""

    def __init__(self, server: Any, url: str) -> None:
        self.url = url
        self._replay = server.replay

    def today(self, day: str | None = None) -> None:
        """Move the pretended date; None moves it to the last day held."""
        self._replay.today = dt.date.fromisoformat(day) if day else self._replay.store.last_date()

    def option(self, name: str, value: bool) -> None:
        """Set a switch of the replay: bofa_window, synthetic_sponsors."""
        setattr(self._replay.options, name, value)

    def faults(self, rules: list[dict[str, Any]]) -> None:
        """Add fault rules, see the replay's README."""
        self._replay.faults.add(rules)

    def clear(self) -> None:
        """Forget faults and requests; the pretended date stays."""
        self._replay.faults.clear()
        with self._replay.lock:
            self._replay.log.clear()

    def requests(self) -> dict[str, int]:
        """How often each path was asked."""
        counts: dict[str, int] = {}
        with self._replay.lock:
            for entry in self._replay.log:
                counts[entry["path"]] = counts.get(entry["path"], 0) + 1
        return counts


@pytest.fixture(scope="session")
def replay() -> Iterator[ReplayServer]:
    """The replay of real vendor data, started in this process; tests using it carry the mark `realdata`."""
    folder, data = SHARED / "vendor_replay", SHARED / "realdata"
    if not (folder / "serve.py").is_file() or not data.is_dir():
        if os.environ.get("CI"):
            pytest.fail("required in CI: ../shared/vendor_replay and ../shared/realdata")
        pytest.skip("no real data: ../shared/vendor_replay and ../shared/realdata are absent")
    sys.path.insert(0, str(folder))
    try:
        import serve  # ty: ignore[unresolved-import]
    finally:
        sys.path.remove(str(folder))
    server, url = serve.start(data)
    yield ReplayServer(server, url)
    server.shutdown()
    server.server_close()
