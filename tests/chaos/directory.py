"""A data directory that runs are killed in, the vendors they ask, and its prepared states."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from orchestration.settings import REPOSITORY, VENDORS
from tests.chaos.points import Stage

HOOKS = Path(__file__).with_name("hooks")
# the longest run of a small history takes some two minutes where others keep the machine busy
SECONDS = 900


@dataclass(frozen=True)
class Ended:
    """How a run ended, and after how many seconds."""

    code: int
    printed: str
    seconds: float

    @property
    def was_killed(self) -> bool:
        return self.code == -signal.SIGKILL


class Directory:
    """One data directory, always at the same path, as dbt reads its project anew where the path changes.

    Args:
        root: A folder of its own.
        range_: The settings of the history, `SMALLCAP_START` and others.
    """

    def __init__(self, root: Path, range_: Mapping[str, str]) -> None:
        self.root = root
        self.data = root / "data"
        self.home = root / "dagster"
        self.home.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPOSITORY / "orchestration" / "dagster.yaml", self.home)
        self._range = range_

    def environment(self, today: str, url: str, **extra: str) -> dict[str, str]:
        """The environment of a run: nothing of the caller's settings."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("SMALLCAP_", "DAGSTER_", "FRED_"))}
        asked = {f"SMALLCAP_{vendor.upper()}_URL": url for vendor in VENDORS}
        return {
            **kept, **self._range, **asked, "SMALLCAP_SOURCE": "sandbox", "SMALLCAP_TODAY": today,
            "SMALLCAP_DATA_DIR": str(self.data), "SMALLCAP_MAX_RPS": "10000", "DAGSTER_HOME": str(self.home),
            "DAGSTER_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1", **extra,
        }  # fmt: skip

    def keep(self, name: str) -> None:
        """Remember the directory as it is under a name; the times of files are kept, as releases are known by them."""
        kept = self.root / f"kept-{name}"
        shutil.rmtree(kept, ignore_errors=True)
        subprocess.run(["cp", "-a", str(self.data), str(kept)], check=True)

    def restore(self, name: str) -> None:
        """Make the directory what it was."""
        shutil.rmtree(self.data, ignore_errors=True)
        subprocess.run(["cp", "-a", str(self.root / f"kept-{name}"), str(self.data)], check=True)

    def start(
        self, command: Sequence[str], environment: Mapping[str, str], output: Path, plan: str = ""
    ) -> subprocess.Popen[bytes]:
        """Start a run as a process group of its own."""
        hooked = {"PYTHONPATH": str(HOOKS), "CHAOS_PLAN": plan} if plan else {}
        with output.open("wb") as file:
            return subprocess.Popen(
                [sys.executable, "-m", *command],
                cwd=REPOSITORY,
                env={**environment, **hooked},
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def run(
        self,
        stage: Stage,
        environment: Mapping[str, str],
        kill: tuple[str, int] | None = None,
        after: float | None = None,
        counts: Path | None = None,
    ) -> Ended:
        """Run a stage, to its end or to a kill.

        Args:
            stage: What is run.
            environment: Its settings.
            kill: Name of a point and how often it is passed before the kill.
            after: Seconds after which it is killed, whatever it does.
            counts: Where the processes of the run say how often they passed each point.
        """
        plan = {
            "data": str(self.data),
            "kill": kill,
            "counts": str(counts) if counts else None,
            "points": {point.name: asdict(point) for point in stage.points},
            "constants": stage.constants,
        }
        output = self.root / "printed.txt"
        began = time.monotonic()
        settings = {**environment, **stage.environment}
        process = self.start(stage.command, settings, output, json.dumps(plan))
        try:
            process.wait(timeout=after or SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            if after is None:
                raise
        seconds = time.monotonic() - began
        return Ended(process.returncode, output.read_text(encoding="utf-8", errors="replace"), seconds)


def passed(counts: Path) -> Counter[str]:
    """How often an undisturbed run passes each point, in the process that passes it most often."""
    found: Counter[str] = Counter()
    if counts.exists():
        for line in counts.read_text(encoding="utf-8").splitlines():
            found |= Counter(json.loads(line))
    return found
