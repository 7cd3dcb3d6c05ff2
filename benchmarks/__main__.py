"""`make bench`: what the warehouse costs, side by side. Nothing here passes or fails by the clock."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import duckdb
import jinja2
import numpy as np
import pandas as pd

from benchmarks.archive import Market, Writer, clock_after, sessions_of, write_archive, write_reference
from benchmarks.day import day
from benchmarks.growth import RUNS, growth
from benchmarks.panel import panel
from benchmarks.report import table, title, used_by
from benchmarks.summary import summary
from orchestration.calendars import sessions_between
from orchestration.settings import REPOSITORY, load_settings

PROJECT = REPOSITORY / "dbt_project"
MODELS = ("fct_holding", "dim_security_identifier", "mart_reconstitution_summary", "mart_migration_matrix")
NAMES = ("mart_security_daily", "mart_breadth", "mart_index_replication")
QUERIES = REPOSITORY / "examples" / "articles.sql"
LONG = ("growth", "names")
WINDOWS = (1, 2, 3, 5, 10, 21, 42, 63, 84, 126, 189, 252, 504)
SYMBOLS = 34
SINCE_START, SINCE_END = dt.date(2000, 1, 3), dt.date(2026, 8, 20)


def main() -> None:
    """Run the sections asked for."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--years", type=float, default=2, help="years of daily files of five funds; 10 is full size")
    parser.add_argument("--scale", type=float, default=1, help="size of the funds, 1 for that of the real ones")
    parser.add_argument("--loop-series", type=int, default=4, help="series the pandas loop runs on, of 442")
    parser.add_argument("--repeats", type=int, default=20, help="runs of each example query")
    parser.add_argument("--securities", type=int, default=3000, help="securities of the panel")
    parser.add_argument("--panel-sessions", type=int, default=5040, help="sessions of the panel")
    parser.add_argument("--daily-runs", type=int, nargs="+", default=RUNS, help="daily runs the growing lakes had")
    parser.add_argument(
        "--only",
        choices=["membership", "names", "since", "queries", "panel", "day", "growth", "summary"],
        help="one section",
    )
    asked = parser.parse_args()
    sections: dict[str, Callable[[], None]] = {
        "membership": lambda: membership(asked.years, asked.scale),
        "names": lambda: names(asked.years, asked.scale),
        "since": lambda: since_ranks(asked.loop_series),
        "queries": lambda: example_queries(asked.repeats),
        "panel": lambda: panel(asked.securities, asked.panel_sessions),
        "day": day,
        "growth": lambda: growth(asked.daily_runs),
        "summary": summary,
    }
    for name, section in sections.items():
        # without a choice none of those that take a quarter of an hour
        if asked.only == name or (asked.only is None and name not in LONG):
            section()


def membership(years: float, scale: float) -> None:
    """Build membership from a made-up archive, add a day, build it from nothing again."""
    sessions = sessions_of(years)
    title(f"Membership: five funds, {len(sessions)} sessions, scale {scale:g}")
    build_archive(sessions, scale, MODELS, {"loaded at once": 0, "a file a day": len(sessions) - 1})


def names(years: float, scale: float) -> None:
    """The same of the prices of the members, and of what is made of them."""
    sessions = sessions_of(years)
    title(f"Names: prices of the members of five funds, {len(sessions)} sessions, scale {scale:g}")
    build_archive(sessions, scale, NAMES, {"loaded at once": 0})


def build_archive(
    sessions: Sequence[dt.date], scale: float, models: Sequence[str], patterns: Mapping[str, int]
) -> None:
    """Build models from a made-up archive, add a day and another, build them from nothing again.

    Args:
        sessions: Those of the archive; the last two come later.
        scale: Size of the funds, 1 for that of the real ones.
        models: What is built, with all it stands on.
        patterns: How the archive came: a name, and how many of the sessions each in a run of its own.
    """
    for pattern, daily in patterns.items():
        with tempfile.TemporaryDirectory(prefix="smallcap-bench-") as name:
            data = Path(name)
            began = time.perf_counter()
            archive = write_archive(data, sessions[:-2], scale=scale, daily=max(daily - 2, 0))
            moments = f"{max(daily - 2, 0) + 1:,} moment{'s' if daily else ''} of knowledge"
            print(f"\n{pattern}: {archive.lines:,} lines, {moments}, written in {time.perf_counter() - began:.0f} s")
            rows = [("from nothing", dbt_build(data, sessions[-3], models))]
            newest = {
                day: list(files) for day, files in groupby(Market(sessions, scale), key=lambda file: file.as_of)
                if day in sessions[-2:]
            }  # fmt: skip
            for day, files in newest.items():
                writer = Writer(data)
                for file in files:
                    writer.add(file, clock_after(day))
                writer.flush()
                rows.append((f"one more day ({writer.lines:,} lines)", dbt_build(data, day, models)))
            rows.append(("from nothing again", dbt_build(data, sessions[-1], models, "--full-refresh")))
            table(
                ("build", "seconds", "processor seconds", "peak MB", "database MB", "slowest models, seconds"),
                [
                    (
                        what,
                        f"{b.seconds:.1f}",
                        f"{b.cpu_seconds:.1f}",
                        f"{b.peak_mb:,.0f}",
                        f"{b.database_mb:,.0f}",
                        b.slowest,
                    )
                    for what, b in rows
                ],
            )


@dataclass(frozen=True)
class Build:
    """What one dbt build took; the peak is that of the whole process."""

    seconds: float
    cpu_seconds: float
    peak_mb: float
    database_mb: float
    slowest: str


def dbt_build(data: Path, last: dt.date, models: Sequence[str], *options: str) -> Build:
    """Build models with all they stand on and run their data tests, in a process of its own."""
    (data / "build" / "tmp").mkdir(parents=True, exist_ok=True)
    write_reference(data, last)
    command = [
        *(sys.executable, "-m", "orchestration.build.steps", str(data / "target"), *options),
        *("--select", *(f"+{model}" for model in models)),
    ]
    began = time.perf_counter()
    process = subprocess.Popen(command, cwd=REPOSITORY, env={**os.environ, "SMALLCAP_DATA_DIR": str(data)})  # noqa: S603
    cpu_seconds, peak = used_by(process)
    seconds = time.perf_counter() - began
    if process.returncode:
        sys.exit(f"dbt failed, see above; its log was in {data / 'target' / 'logs'}")
    results = json.loads((data / "target" / "run_results.json").read_text(encoding="utf-8"))["results"]
    slowest = sorted(results, key=lambda r: r["execution_time"], reverse=True)[:3]
    names = ", ".join(f"{r['unique_id'].split('.')[2]} {r['execution_time']:.1f}" for r in slowest)
    return Build(seconds, cpu_seconds, peak, (data / "build" / "warehouse.duckdb").stat().st_size / 2**20, names)


def since_ranks(loop_series: int) -> None:
    """Since-ranks of all sessions: the macro of the models against a loop over the rows."""
    sessions = pd.DatetimeIndex(sessions_between(SINCE_START, SINCE_END))
    chance = np.random.default_rng(1)
    steps = chance.normal(0.0002, 0.013, (SYMBOLS, len(sessions)))
    closes = np.round(100 * np.exp(np.cumsum(steps, axis=1)), 4)
    frames = []
    for number, close in enumerate(closes):
        series = pd.Series(close, index=sessions)
        for window in WINDOWS:
            values = (series / series.shift(window) - 1).round(12).dropna()
            frames.append(pd.DataFrame({"symbol": f"S{number:02d}", "window_code": window, "day": values.index,
                                        "value": values.to_numpy()}))  # fmt: skip
    returns = pd.concat(frames, ignore_index=True)
    title(
        f"Since-ranks: {SYMBOLS} symbols, {len(WINDOWS)} windows, {len(sessions):,} sessions, {len(returns):,} values"
    )
    macro = jinja2.Environment(autoescape=False).from_string(  # noqa: S701 - SQL
        (PROJECT / "macros" / "since_dates.sql").read_text(encoding="utf-8")
    )
    since_dates = vars(macro.make_module())["since_dates"]
    ctes = since_dates("returns", ["symbol", "window_code"], "day", "value")
    with closing(duckdb.connect(config={"threads": 2})) as con:
        con.execute("create table returns as select symbol, window_code, cast(day as date) as day, value from returns")
        began = time.perf_counter()
        con.execute(f"create table found as with {ctes} select * from since")
        sql_seconds = time.perf_counter() - began
        began = time.perf_counter()
        expected = pd.concat([since_loop(frame) for frame in frames[:loop_series]], ignore_index=True)
        loop_seconds = time.perf_counter() - began
        con.register("expected", expected)
        differing = con.execute(
            """
            select count(*) from expected as e
            inner join found as f
                on e.symbol = f.symbol and e.window_code = f.window_code and cast(e.day as date) = f.day
            where
                cast(e.high_since as date) is distinct from f.high_since
                or cast(e.low_since as date) is distinct from f.low_since
            """
        ).fetchall()[0][0]
    looped = sum(len(frame) for frame in frames[:loop_series])
    table(
        ("method", "series", "values", "seconds", "microseconds a value"),
        [
            ("SQL, macro since_dates", len(frames), f"{len(returns):,}", f"{sql_seconds:.1f}",
             f"{1e6 * sql_seconds / len(returns):.2f}"),
            ("pandas, loop over rows", loop_series, f"{looped:,}", f"{loop_seconds:.1f}",
             f"{1e6 * loop_seconds / looped:.2f}"),
            ("pandas, all series at that rate", len(frames), f"{len(returns):,}",
             f"({loop_seconds / looped * len(returns):.0f})", ""),
        ],
    )  # fmt: skip
    print(f"{differing} of {looped:,} dates differ between the two")
    if differing:
        sys.exit("the two methods disagree")


def since_loop(frame: pd.DataFrame) -> pd.DataFrame:
    """The definition, row by row: the latest earlier day with an equal or more extreme value."""
    values = frame["value"].to_numpy()
    highs, lows = [], []
    for place, value in enumerate(values):
        earlier = values[:place]
        at_least = np.flatnonzero(earlier >= value)
        at_most = np.flatnonzero(earlier <= value)
        highs.append(frame["day"].iloc[at_least[-1]] if len(at_least) else pd.NaT)
        lows.append(frame["day"].iloc[at_most[-1]] if len(at_most) else pd.NaT)
    return frame.assign(high_since=pd.to_datetime(pd.Series(highs)).to_numpy(),
                        low_since=pd.to_datetime(pd.Series(lows)).to_numpy())  # fmt: skip


def example_queries(repeats: int) -> None:
    """Latency of the example queries on the served database."""
    database = load_settings().data_dir / "smallcap.duckdb"
    title("Example queries on the served database")
    if not QUERIES.exists() or not database.exists():
        print(f"skipped: {QUERIES if not QUERIES.exists() else database} is not there")
        return
    rows, everything = [], []
    with closing(duckdb.connect(str(database), read_only=True, config={"threads": 2})) as con:
        for number, statement in enumerate(con.extract_statements(QUERIES.read_text(encoding="utf-8")), 1):
            name = query_name(statement.query)
            try:
                con.execute(statement).fetchall()
            except (duckdb.BinderException, duckdb.CatalogException) as error:
                rows.append((number, name, "", "", str(error).splitlines()[0]))
                continue
            taken = []
            for _ in range(repeats):
                began = time.perf_counter()
                count = len(con.execute(statement).fetchall())
                taken.append(1000 * (time.perf_counter() - began))
            everything.extend(taken)
            rows.append((number, name, count, *latencies(taken)))
    if everything:
        rows.append(("", "all of them", "", *latencies(everything)))
    table(("no.", "query", "rows", "median ms", "95th percentile ms"), rows)
    print(f"{repeats} runs each, {database}, {database.stat().st_size / 2**20:.0f} MB")


def latencies(milliseconds: Sequence[float]) -> tuple[str, str]:
    """Median and 95th percentile."""
    return f"{statistics.median(milliseconds):.1f}", f"{np.percentile(milliseconds, 95):.1f}"


def query_name(text: str) -> str:
    """What the comments above a query call it, else how it begins."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    told = [line.partition(":")[2].strip() for line in lines if line.startswith(("-- claim:", "-- published:"))]
    return (" ".join(told[-2:]) or next(line for line in lines if not line.startswith("--")))[:70]


if __name__ == "__main__":
    main()
