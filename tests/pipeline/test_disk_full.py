"""A full disk is told in one line: what is full, what stands, what to do. With room again, the next run goes on."""

from __future__ import annotations

import errno
import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from orchestration.disk import disk_full, is_disk_full, says_disk_full
from orchestration.publish.release import publish
from orchestration.settings import REPOSITORY
from tests.publish.tiny_project import NOW, Builds, builds, data_dir, settings

__all__ = ["builds", "data_dir"]

NEW_MOUNTS = ["unshare", "--user", "--map-root-user", "--mount"]
LINE = (
    "The disk is full: {} has 0 MB left. Nothing new is published, {}, and what vendors answered before stays stored. "
    "Free 3 GB or more (docs/operating.md says what may go), and run again."
)


@pytest.fixture
def small_disk(tmp_path: Path) -> Path:
    """Where a process of the test may mount a small file system that only it sees."""
    folder = tmp_path / "disk"
    folder.mkdir()
    tried = ["sh", "-c", f"mount -t tmpfs -o size=1m tmpfs '{folder}'"]
    try:
        can_mount = subprocess.run([*NEW_MOUNTS, *tried], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        can_mount = False
    if not can_mount:
        pytest.skip("a small file system needs the command unshare and user namespaces, which are not to be had here")
    return folder


def on_small_disk(
    folder: Path, size: str, command: str, home: Path, **environment: str
) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("SMALLCAP_", "DAGSTER_", "FRED_"))}
    own = {"SMALLCAP_SOURCE": "sandbox", "SMALLCAP_DATA_DIR": str(folder / "data"), "DAGSTER_HOME": str(home)}
    return subprocess.run(
        [*NEW_MOUNTS, "sh", "-c", f"mount -t tmpfs -o size={size} tmpfs '{folder}' && {command}"],
        cwd=REPOSITORY,
        env=kept | own | {"PYTHON": sys.executable} | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def test_a_disk_that_is_full_while_vendors_answer(small_disk: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    done = on_small_disk(
        small_disk,
        "3m",
        "{ $PYTHON -m orchestration.cli.run; code=$?; find . -name '*.tmp' -path '*/raw/*'; exit $code; }",
        home,
        SMALLCAP_TODAY="2026-11-20",
        SMALLCAP_START="2026-01-02",
        SMALLCAP_FILINGS_START="2026-06-30",
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()[-1:]
    assert line == LINE.format(small_disk / "data", "nothing was published before")
    # neither the library that noticed it nor Dagster's causes
    assert "Traceback" not in done.stdout + done.stderr
    assert "No space left" not in done.stdout + done.stderr
    assert (done.stdout + done.stderr).count("The disk is full") == 1
    with dg.DagsterInstance.from_config(str(home)) as instance:
        (run,) = instance.get_runs()
        events = [entry.dagster_event for entry in instance.all_logs(run.run_id) if entry.dagster_event]
    assert dg.DagsterEventType.STEP_UP_FOR_RETRY not in {event.event_type for event in events}
    # the same words in the UI
    failed = {event.step_key: event.step_failure_data.error for event in events if event.is_step_failure}
    assert failed["constituents"]
    assert line in failed["constituents"].message


PUBLISH = """
import json, os, subprocess, sys
from pathlib import Path
from orchestration.disk import disk_full, is_disk_full
from orchestration.publish.release import publish
from orchestration.settings import load_settings

found = load_settings()
said = {}
try:
    publish(found)
except Exception as error:
    said = {"is_full": is_disk_full(error, found.data_dir), "line": disk_full(found.data_dir)}
folder = Path(sys.argv[1])
said["latest"] = (found.data_dir / "exports" / "latest").readlink().name
subprocess.run(["mount", "-o", "remount,size=64m", str(folder)], check=True)
said["then"] = publish(found).release_id
said["left"] = sorted(path.name for path in (found.data_dir / "exports").iterdir())
print(json.dumps(said))
"""


@pytest.mark.parametrize("room_kb", [16, 400, 1200])
def test_a_disk_that_is_full_while_a_release_is_written(
    builds: Builds, data_dir: Path, small_disk: Path, tmp_path: Path, room_kb: int
) -> None:
    builds.put("good", data_dir)
    publish(settings(data_dir))
    builds.put("corrected", data_dir)
    pages = sum(-(-path.stat().st_size // 4096) for path in data_dir.rglob("*") if path.is_file())
    folders = sum(path.is_dir() for path in data_dir.rglob("*"))
    size = f"{4 * (pages + folders) + room_kb}k"
    copied = f"cp -a '{data_dir}' '{small_disk}/data' && $PYTHON -c \"$SCRIPT\" '{small_disk}'"
    done = on_small_disk(small_disk, size, copied, tmp_path, SCRIPT=PUBLISH, SMALLCAP_TODAY=NOW.isoformat())
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "is_full": True,
        "line": LINE.format(small_disk / "data", "release r1 stands"),
        "latest": "r1",
        "then": "r2",
        "left": ["latest", "r1", "r2"],
    }


def test_the_reason_may_lie_below(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert is_disk_full(full, tmp_path)
    above = ValueError("cannot be stored")
    above.__cause__ = full
    assert is_disk_full(above, tmp_path)
    assert not is_disk_full(FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT)), tmp_path)
    assert is_disk_full(sqlite3.OperationalError("database or disk is full"), tmp_path)
    assert says_disk_full(
        'IO Error: Could not write all bytes to file "x": wrote=4096 wanted=262144: No space left on device'
    )
    assert not says_disk_full("Constraint Error: Duplicate key")
    # SQLite says this of a broken disk, too
    unclear = sqlite3.OperationalError("disk I/O error")
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    assert not is_disk_full(unclear, tmp_path)
    monkeypatch.setattr("orchestration.disk.SCARCE_BYTES", 2**63)
    assert is_disk_full(unclear, tmp_path)


def test_a_quota_is_told_where_the_disk_has_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    said = disk_full(tmp_path)
    assert said.startswith(f"The disk is full: nothing more can be written in {tmp_path}. Nothing new is published, ")
