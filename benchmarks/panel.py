"""The wide panel against Polars, pandas and DuckDB: the same generated bars and columns, each in its own process."""

from __future__ import annotations

import datetime as dt
import json
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.report import save, table, title, used_by
from orchestration.calendars import sessions_between
from orchestration.panel.metrics import COLUMNS

LAST_SESSION = dt.date(2026, 8, 20)
CALENDAR = sessions_between(dt.date(1990, 1, 2), LAST_SESSION)
ROUNDS = 2


def panel(securities: int, sessions: int) -> None:
    """Compute and write the panel with every engine in turn, then one more session with ours."""
    title(f"Panel: {securities:,} securities, {sessions:,} sessions, {len(COLUMNS)} columns, to Parquet")
    with tempfile.TemporaryDirectory(prefix="smallcap-bench-") as name:
        root = Path(name)
        rows = write_bars(root / "bars", securities, CALENDAR[-sessions:])
        arms = ["ours", "polars", "pandas", "duckdb"]
        seconds, peaks = defaultdict(list), defaultdict(list)
        for number in range(ROUNDS):
            # each round in the opposite order, so that no engine always finds the warmer machine
            for arm in arms if number % 2 == 0 else arms[::-1]:
                taken, peak = run(arm, root)
                seconds[arm].append(taken)
                peaks[arm].append(peak)
        differing = compare(root, arms)
        one_more = [run("one_more_day", root)[0] for _ in range(ROUNDS + 1)]
        io_bound = [run("io_bound", root)[0] for _ in range(ROUNDS)]
    table(
        ("engine", "median seconds", "ratio to ours", "peak GiB", "values that differ from ours"),
        [
            (
                arm,
                f"{statistics.median(seconds[arm]):.1f}",
                f"{statistics.median(seconds[arm]) / statistics.median(seconds['ours']):.2f}",
                f"{max(peaks[arm]):.2f}",
                differing[arm],
            )
            for arm in arms
        ],
    )
    day, whole = statistics.median(one_more), statistics.median(seconds["ours"])
    print(
        f"one more session: {day:.2f} s, 1/{whole / day:.0f} of the whole; reading and writing the result alone: ",
        end="",
    )
    print(f"{statistics.median(io_bound):.1f} s")
    save(
        "panel",
        {
            "rows": rows,
            **{f"{arm}_s": round(statistics.median(seconds[arm]), 2) for arm in arms},
            **{f"{arm}_gib": round(max(peaks[arm]), 2) for arm in ("ours", "polars")},
            "one_more_day_s": round(day, 3),
            "io_bound_s": round(statistics.median(io_bound), 2),
        },
    )
    if any(differing.values()):
        sys.exit("the engines disagree")


def run(arm: str, root: Path) -> tuple[float, float]:
    """One engine in a process of its own: seconds of the work without imports, and peak memory in GiB."""
    process = subprocess.Popen(  # noqa: S603 - our own module
        [sys.executable, "-m", "benchmarks.panel_arms", arm, str(root)], stdout=subprocess.PIPE, text=True
    )
    printed = process.stdout.read() if process.stdout else ""
    _, peak_mb = used_by(process)
    if process.returncode:
        sys.exit(f"{arm} failed, see above")
    return json.loads(printed.splitlines()[-1])["seconds"], peak_mb / 1024


def compare(root: Path, arms: list[str]) -> dict[str, int]:
    """How many values of a sample of securities differ from ours by more than 1e-7, nulls included."""
    read = {arm: _sample(root / arm) for arm in arms}
    ours = read["ours"]
    out = {}
    for arm, frame in read.items():
        if frame.index.tolist() != ours.index.tolist():
            out[arm] = frame.size
            continue
        # a variance near zero loses digits in the sliding sums of the other engines
        equal = np.isclose(frame[list(COLUMNS)], ours[list(COLUMNS)], rtol=1e-7, atol=1e-7, equal_nan=True)
        out[arm] = int((~equal).sum())
    return out


def _sample(folder: Path) -> pd.DataFrame:
    parts = [
        pq.read_table(path, filters=[("security_id", "in", [f"S{n:05d}" for n in range(20)])]).to_pandas()
        for path in sorted(folder.rglob("*.parquet"))
        if path.name != "state.parquet"
    ]
    frame = pd.concat(parts, ignore_index=True)
    frame["security_id"] = frame["security_id"].astype(str)
    frame["session_date"] = pd.to_datetime(frame["session_date"])
    return frame.sort_values(["security_id", "session_date"]).set_index(["security_id", "session_date"])


def write_bars(folder: Path, securities: int, sessions: list[dt.date]) -> int:
    """Made-up closes without gaps, a file a year, and those of a benchmark; the rows written."""
    chance = np.random.default_rng(7)
    days = np.array(sessions, dtype="datetime64[D]")
    market = chance.normal(0.0003, 0.01, len(days))
    steps = market * chance.uniform(0.5, 1.5, (securities, 1)) + chance.normal(0, 0.02, (securities, len(days)))
    close = np.round(50 * np.exp(np.cumsum(steps - 0.0002, axis=1)), 4).clip(0.01)
    names = np.array([f"S{number:05d}" for number in range(securities)])
    years = days.astype("datetime64[Y]").astype(int) + 1970
    folder.mkdir(parents=True)
    for year in np.unique(years):
        there = years == year
        pq.write_table(
            pa.table(
                {
                    "security_id": np.repeat(names, there.sum()),
                    "session_date": np.tile(days[there], securities),
                    "close": close[:, there].ravel(),
                }
            ),
            folder / f"year={year}.parquet",
            compression="zstd",
        )
    against = pa.table({"session_date": days, "close": np.round(1000 * np.exp(np.cumsum(market)), 4)})
    pq.write_table(against, folder / "benchmark.parquet")
    return close.size
