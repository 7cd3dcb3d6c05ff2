"""What a run clears away at its end, so that a year of daily runs leaves a bounded directory.

Nothing of raw/ is touched. Old releases, and what killed publications left, are removed by publish/release.py.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import dagster as dg

from orchestration.history import forget_runs

# as long as dagster.yaml keeps the ticks of the schedule
HISTORY_DAYS = 90
# a query of a build that is running is younger
SCRATCH_AGE = dt.timedelta(days=2)


def clear_away(instance: dg.DagsterInstance, data_dir: Path, now: dt.datetime | None = None) -> tuple[bool, str]:
    """Remove old runs of the history, and scratch files that killed builds left.

    Args:
        instance: Dagster's history.
        data_dir: The data directory.
        now: The moment by the machine's clock, by which Dagster dates its runs, whatever SMALLCAP_TODAY says.

    Returns:
        Whether it could be done, and what was removed or why nothing was, in a line; an empty line where there was
        nothing to remove. It never raises: a release that is published stays published.
    """
    now = now or dt.datetime.now(dt.UTC)
    try:
        runs = forget_runs(instance, now - dt.timedelta(days=HISTORY_DAYS))
        files = _remove_scratch(data_dir / "build" / "tmp", now - SCRATCH_AGE)
    except Exception as error:
        why = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        return False, f"housekeeping failed, the next run tries again; the release stands ({why})"
    said = [f"{runs} runs older than {HISTORY_DAYS} days"] * bool(runs) + [f"{files} scratch files"] * bool(files)
    return True, f"housekeeping removed {' and '.join(said)}" if said else ""


def _remove_scratch(folder: Path, before: dt.datetime) -> int:
    old = [
        path
        for path in (folder.iterdir() if folder.is_dir() else ())
        if path.is_file() and path.stat().st_mtime < before.timestamp()
    ]
    for path in old:
        path.unlink(missing_ok=True)
    return len(old)
