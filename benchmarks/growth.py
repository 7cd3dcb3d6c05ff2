"""`make bench ONLY=growth`: what a day's run costs after 10, 250, 1,000 and 2,500 daily runs.

A lake that one run has filled is written once more as if its newest sessions had come one by one, each in a run of its
own with its own questions in the ledger and its own option chains. So all lakes hold the same history of prices, series
and holdings, and differ in how many runs brought it.
"""

from __future__ import annotations

import datetime as dt
import itertools
import shutil
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.job import PARTS, Run, run_job
from benchmarks.report import about, save, table, title
from orchestration.calendars import end_of_day, sessions_between, shift_sessions
from orchestration.lake.contracts import BOOKKEEPING, REQUEST, TABLES, RawTable
from orchestration.lake.parts import SMALL_PARTS, parts_of, write_part

RUNS = (10, 250, 1000, 2500)
FILLED = dt.date(2026, 11, 19)
NEXT = [day.isoformat() for day in sessions_between(FILLED, FILLED + dt.timedelta(days=5))[1:]]
# stored whole on every session, with the date of that session
DAILY_SNAPSHOTS = ("option_quote", "fund_valuation")
# a document of the SEC is asked for once, not once a day
ASKED_ONCE = ("filing",)
KINDS = ("unchanged", "new_session")


def growth(counts: Sequence[int] = RUNS) -> None:
    """Fill a lake, divide it into runs, and time an unchanged run and two with a new session each on every lake."""
    title("Growth: a day's run after many daily runs")
    runs: dict[int, dict[str, list[Run]]] = {count: {what: [] for what in KINDS} for count in counts}
    files: dict[int, int] = {}
    with tempfile.TemporaryDirectory(prefix="smallcap-bench-") as name:
        filled = Path(name) / "filled"
        run_job(filled, FILLED.isoformat())
        roots = {count: Path(name) / str(count) for count in counts}
        for count, root in roots.items():
            shutil.copytree(filled, root, symlinks=True)
            divide(root / "data", count)
            # builds what the divided lake holds; the next one finds nothing new
            run_job(root, FILLED.isoformat())
            files[count] = sum(len(parts_of(root / "data" / "raw" / table)) for table in TABLES)
        for clocks, what in (([FILLED.isoformat()] * 2, "unchanged"), (NEXT[:2], "new_session")):
            for number, clock in enumerate(clocks):
                # there and back, so that no lake always finds the warmer machine
                for count in counts if number % 2 == 0 else counts[::-1]:
                    runs[count][what].append(run_job(roots[count], clock))
    first = counts[0]
    table(
        ("daily runs", "raw files", "run", "seconds", "processor seconds", f"ratio to {first}", *PARTS),
        [
            (
                f"{count:,}",
                files[count],
                what.replace("_", " "),
                f"{_median(runs[count][what], 'seconds'):.1f}",
                f"{_median(runs[count][what], 'cpu_seconds'):.1f}",
                f"{_median(runs[count][what], 'cpu_seconds') / _median(runs[first][what], 'cpu_seconds'):.2f}",
                *(f"{statistics.median(run.parts[part] for run in runs[count][what]):.1f}" for part in PARTS),
            )
            for count in counts
            for what in KINDS
        ],
    )
    save(
        "growth",
        {
            **about(),
            "runs": [
                {
                    "daily_runs": count,
                    "raw_files": files[count],
                    **{
                        f"{what}_{unit}": round(_median(runs[count][what], unit), 2)
                        for what in KINDS
                        for unit in ("seconds", "cpu_seconds")
                    },
                    **{f"{what}_runs": [run.as_dict() for run in runs[count][what]] for what in KINDS},
                }
                for count in counts
            ],
            "ratio_unchanged": _ratio(runs, "unchanged"),
            "ratio_new_session": _ratio(runs, "new_session"),
        },
    )


def _median(runs: Sequence[Run], unit: str) -> float:
    return statistics.median(getattr(run, unit) for run in runs)


def _ratio(runs: dict[int, dict[str, list[Run]]], what: str) -> float:
    """Processor time after the most runs, as a multiple of that after the fewest."""
    most, fewest = runs[max(runs)][what], runs[min(runs)][what]
    return round(_median(most, "cpu_seconds") / _median(fewest, "cpu_seconds"), 3)


def divide(data: Path, count: int, *, merged: bool = True) -> None:
    """Write a filled raw lake again as if its newest sessions had come in runs of their own, a file an append.

    Args:
        data: The data directory; its last clock is FILLED.
        count: Daily runs, the last one on FILLED; what could be known before the first of them came in one run.
        merged: Whether small parts are merged on the way, as the lake does; as earlier versions left it where not.
    """
    sessions = sessions_between(shift_sessions(FILLED, 1 - count), FILLED)
    clocks = [end_of_day(session) for session in sessions]
    before = end_of_day(shift_sessions(sessions[0], -1))
    raw, old = data / "raw", data / "old"
    raw.rename(old)
    divided = {name: _by_run(old / name, TABLES[name], clocks) for name in TABLES if name != REQUEST.name}
    first, daily = _questions(old)
    appends: dict[str, list[tuple[int, pa.Table]]] = {name: [] for name in TABLES}
    sequences = itertools.count(1)

    def store(name: str, rows: pa.Table | None, clock: dt.datetime) -> None:
        if rows is not None and rows.num_rows:
            sequence = next(sequences)
            appends[name].append((sequence, _fetched(rows, TABLES[name], sequence, clock)))

    for number, clock in enumerate([before, *clocks]):
        for name, runs in divided.items():
            if number and runs and name in DAILY_SNAPSHOTS:
                store(name, _dated(runs[max(runs)], sessions[number - 1]), clock)
            else:
                store(name, runs.get(number), clock)
        # an asset has its own questions, and stores them by itself
        for asked in daily if number else first:
            store(REQUEST.name, _asked_on(asked, clock.date()) if number else asked, clock)
    for name, stored in appends.items():
        _write(raw / name, stored, merged)
    shutil.copy(old / "source.json", raw)
    (old / "files").rename(raw / "files")
    shutil.rmtree(old)


def _write(folder: Path, appends: Sequence[tuple[int, pa.Table]], merged: bool) -> None:
    """The parts a table has after these appends; written at once, where the lake would have merged on the way."""
    folder.mkdir(parents=True)
    last = len(appends) - len(appends) % SMALL_PARTS if merged else 0
    older, recent = appends[:last], appends[last:]
    if older:
        rows = pa.concat_tables([rows for _, rows in older])
        write_part(folder, rows, older[0][0], older[-1][0])
    for sequence, rows in recent:
        write_part(folder, rows, sequence)


def _by_run(folder: Path, table: RawTable, clocks: Sequence[dt.datetime]) -> dict[int, pa.Table]:
    """The rows of a table by the run that could first store them: 0 what the first run found, then one a session."""
    with duckdb.connect() as con:
        con.execute("set TimeZone = 'UTC'")
        con.register("clock", pa.table({"run": range(1, len(clocks) + 1), "now_at": pa.array(clocks)}))
        rows = con.execute(
            f"""
            select stored.*, case when stored.available_at < ? then 0 else coalesce(clock.run, ?) end as run
            from read_parquet('{folder}/part-*.parquet') as stored
            asof left join clock on stored.available_at <= clock.now_at
            order by run
            """,
            [clocks[0] - dt.timedelta(days=1), len(clocks)],
        ).to_arrow_table()
    numbers = rows.column("run").to_numpy()
    bounds = [0, *(n for n in range(1, len(numbers)) if numbers[n] != numbers[n - 1]), len(numbers)]
    stored = rows.select(table.schema.names)
    found = {int(numbers[a]): stored.slice(a, b - a) for a, b in itertools.pairwise(bounds) if a < b}
    # those of the newest session are made for every one
    return {len(clocks): found[max(found)]} if table.name in DAILY_SNAPSHOTS and found else found


def _questions(old: Path) -> tuple[list[pa.Table], list[pa.Table]]:
    """All questions, and the newest about every key, which a daily run asks; a table for each vendor and dataset."""
    with duckdb.connect() as con:
        con.execute("set TimeZone = 'UTC'")
        rows = con.execute(
            f"""
            select
                *,
                row_number() over (partition by vendor, dataset, key order by window_end desc, ingest_seq desc) = 1
                    as is_newest
            from read_parquet('{old}/request/part-*.parquet')
            order by vendor, dataset, key, window_end
            """
        ).to_arrow_table()
    groups = rows.group_by(["vendor", "dataset"], use_threads=False).aggregate([]).to_pylist()
    asked = [
        rows.filter((pc.field("vendor") == group["vendor"]) & (pc.field("dataset") == group["dataset"]))
        for group in groups
    ]
    newest = [
        found.filter(pc.field("is_newest"))
        for group, found in zip(groups, asked, strict=True)
        if group["dataset"] not in ASKED_ONCE
    ]
    return [found.select(REQUEST.schema.names) for found in asked], [
        found.select(REQUEST.schema.names) for found in newest
    ]


def _asked_on(rows: pa.Table, day: dt.date) -> pa.Table:
    for name in ("window_start", "window_end"):
        days = pa.repeat(pa.scalar(day, pa.date32()), rows.num_rows)
        rows = rows.set_column(rows.schema.get_field_index(name), name, days)
    return rows


def _dated(rows: pa.Table, session: dt.date) -> pa.Table:
    number = rows.schema.get_field_index("session_date")
    return rows.set_column(number, "session_date", pa.repeat(pa.scalar(session, pa.date32()), rows.num_rows))


def _fetched(rows: pa.Table, table: RawTable, sequence: int, clock: dt.datetime) -> pa.Table:
    """Rows as fetched at a clock in an append of their own."""
    moment = BOOKKEEPING.field("fetched_at").type
    names = [f"{sequence:08d}-{number if table is REQUEST else 0:05d}" for number in range(rows.num_rows)]
    values = {
        "ingest_seq": pa.repeat(pa.scalar(sequence, pa.int64()), rows.num_rows),
        "fetched_at": pa.repeat(pa.scalar(clock, moment), rows.num_rows),
        "request_id": pa.array(names),
    }
    if table is REQUEST:
        values["available_at"] = values["fetched_at"]
    for name, value in values.items():
        rows = rows.set_column(rows.schema.get_field_index(name), name, value)
    return rows.cast(table.schema)
