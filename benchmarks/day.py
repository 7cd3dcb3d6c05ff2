"""`make bench ONLY=day`: the first run, one that finds nothing new, and one with a new session, with their parts."""

from __future__ import annotations

import datetime as dt
import statistics
import tempfile
from pathlib import Path

from benchmarks.job import PARTS, Run, run_job
from benchmarks.report import about, save, table, title
from orchestration.calendars import sessions_between

# the sandbox knows no session of its own: any three in a row do
FIRST, *NEXT = (day.isoformat() for day in sessions_between(dt.date(2026, 11, 19), dt.date(2026, 11, 23)))
UNCHANGED_RUNS = 3


def day() -> None:
    """Run the job on an empty directory, again, and on each of the following sessions."""
    title("A day: the whole job on the sandbox with default settings")
    with tempfile.TemporaryDirectory(prefix="smallcap-bench-") as name:
        root = Path(name)
        runs: dict[str, list[Run]] = {"first": [run_job(root, FIRST)], "unchanged": [], "new_session": []}
        runs["unchanged"] += [run_job(root, FIRST) for _ in range(UNCHANGED_RUNS)]
        runs["new_session"] += [run_job(root, session) for session in NEXT]
    middle = {what: sorted(found, key=lambda run: run.seconds)[len(found) // 2] for what, found in runs.items()}
    table(
        ("run", "seconds", "processor seconds", "peak GiB", *PARTS),
        [
            (
                what.replace("_", " "),
                f"{run.seconds:.1f}",
                f"{run.cpu_seconds:.1f}",
                f"{run.peak_gib:.2f}",
                *(f"{run.parts[part]:.1f}" for part in PARTS),
            )
            for what, run in middle.items()
        ],
    )
    save(
        "day",
        {
            **about(),
            **{what: run.as_dict() for what, run in middle.items()},
            "all_seconds": {what: [round(run.seconds, 2) for run in found] for what, found in runs.items()},
            "median_cpu_seconds": {
                what: round(statistics.median(run.cpu_seconds for run in found), 2) for what, found in runs.items()
            },
        },
    )
