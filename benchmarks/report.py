"""What the sections of `make bench` share: headings, tables, the cost of a process, and the file of results."""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from orchestration.build.facts import git_commit

RESULTS = Path(__file__).resolve().parent / "results"


def title(text: str) -> None:
    """A section's heading."""
    print(f"\n{text}\n{'=' * min(len(text), shutil.get_terminal_size().columns)}", flush=True)


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Columns as wide as their widest value."""
    cells = [tuple(map(str, row)) for row in (head, *rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip(), flush=True)


def used_by(process: subprocess.Popen) -> tuple[float, float]:
    """Wait for a process; its processor time in seconds and its largest resident set in MB."""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    # kilobytes on Linux, bytes on macOS
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def about() -> dict[str, object]:
    """When, on which commit and on how many cores was measured."""
    return {"date": dt.datetime.now(dt.UTC).date().isoformat(), "commit": git_commit(), "cores": os.cpu_count()}


def save(name: str, results: Mapping[str, object]) -> Path:
    """Write benchmarks/results/<name>.json; the file is of this machine and not part of the repository."""
    path = RESULTS / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    print(f"written: {path}")
    return path
