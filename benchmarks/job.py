"""One run of the whole job on the sandbox, in a process of its own: what it cost, and which part of it what."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from dagster import DagsterEventType, DagsterInstance

from benchmarks.report import used_by
from orchestration.build.record import read_json
from orchestration.settings import REPOSITORY

READ = re.compile(r"project read in ([\d.]+) s")
PARTS = ("import", "ask", "parse", "build", "test", "publish", "rest")


@dataclass(frozen=True)
class Run:
    """What a run took: wall and processor seconds, the peak of its largest process, and the wall seconds of its parts.

    import is the time before the first step; ask, that of all ingest assets; parse, that of starting dbt and reading
    the project; build and test share the remaining time of the build as the nodes' own times do; publish is the
    release; rest is what lies between steps and after the last one.
    """

    seconds: float
    cpu_seconds: float
    peak_gib: float
    parts: dict[str, float]

    def as_dict(self) -> dict[str, object]:
        """For a file of results."""
        return {
            "seconds": round(self.seconds, 2),
            "cpu_seconds": round(self.cpu_seconds, 2),
            "peak_gib": round(self.peak_gib, 2),
            "parts": {name: round(self.parts[name], 2) for name in PARTS},
        }


def run_job(root: Path, today: str) -> Run:
    """Run the job on root/data at the clock of a day; a failing one ends the benchmark with what it printed."""
    home = root / "dagster"
    home.mkdir(parents=True, exist_ok=True)
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("SMALLCAP_", "DAGSTER_HOME", "FRED_"))}
    env = kept | {
        "SMALLCAP_SOURCE": "sandbox",
        "SMALLCAP_TODAY": today,
        "SMALLCAP_DATA_DIR": str(root / "data"),
        "DAGSTER_HOME": str(home),
    }
    log = root / "printed.txt"
    began, on_the_clock = time.perf_counter(), time.time()
    with log.open("w", encoding="utf-8") as printed:
        process = subprocess.Popen(
            [sys.executable, "-m", "orchestration.cli.run"],
            cwd=REPOSITORY,
            env=env,
            stdout=printed,
            stderr=subprocess.STDOUT,
        )
        cpu_seconds, peak_mb = used_by(process)
    seconds = time.perf_counter() - began
    if process.returncode:
        sys.exit(f"the run of {today} failed:\n{log.read_text(encoding='utf-8')[-4000:]}")
    return Run(seconds, cpu_seconds, peak_mb / 1024, _parts(root, on_the_clock, seconds))


def _parts(root: Path, began: float, seconds: float) -> dict[str, float]:
    spent = dict.fromkeys(PARTS, 0.0)
    with DagsterInstance.from_config(str(root / "dagster")) as instance:
        entries = instance.all_logs(instance.get_run_records(limit=1)[0].dagster_run.run_id)
    starts: dict[str, float] = {}
    for entry in entries:
        kind, step = entry.dagster_event_type, entry.step_key
        if kind == DagsterEventType.STEP_START and step:
            starts[step] = entry.timestamp
        elif kind == DagsterEventType.STEP_SUCCESS and step:
            part = {"warehouse": "build", "release": "publish"}.get(step, "ask")
            spent[part] += entry.timestamp - starts[step]
        elif found := READ.search(entry.user_message):
            spent["parse"] = float(found[1])
    spent["import"] = min(starts.values()) - began
    if spent["parse"]:
        results = read_json(root / "data" / "build" / "dbt" / "run_results.json")["results"]
        tests = sum(r["execution_time"] for r in results if r["unique_id"].startswith("test."))
        whole = sum(r["execution_time"] for r in results)
        built = spent["build"] - spent["parse"]
        spent["test"], spent["build"] = built * tests / whole, built * (1 - tests / whole)
    spent["rest"] = seconds - sum(spent.values())
    return spent
