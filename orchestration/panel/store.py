"""The panel as Parquet: `year=YYYY/part-*.parquet`, built whole in groups of securities or extended by new sessions.

`state.parquet` says through which session the panel stands. It is written last, so a kill leaves parts that the next
call removes, and never half a panel that looks whole. A bar restated in the past wants a whole build.
"""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from orchestration.lake.store import write_table_atomically
from orchestration.panel.metrics import COLUMNS, EMA_WINDOW, LOOKBACK_SESSIONS, Doubles, Sessions, panel

STATE = "state.parquet"
# a group's matrices stay near the processor's cache; larger groups are slower and hold more memory
GROUP = 150
THREADS = 2
EMA = f"ema_{EMA_WINDOW}"


class PanelError(ValueError):
    """The bars or the stored panel cannot be used as asked; the message says why and what to do."""


@dataclass(frozen=True)
class Bars:
    """Closes as a matrix.

    Attributes:
        securities: Ids, sorted.
        days: Sessions, sorted.
        close: Securities x sessions; nan where there is no bar.
        benchmark: One close a session; nan where there is none.
        first_index: Number of the first session on the calendar.
    """

    securities: NDArray[np.str_]
    days: NDArray[np.datetime64]
    close: Doubles
    benchmark: Doubles
    first_index: int

    def sessions(self) -> Sessions:
        """The calendar of the matrix."""
        years = self.days.astype("datetime64[Y]")
        return Sessions(self.first_index, np.searchsorted(years, years) - 1)


def matrix_of(bars: pa.Table, benchmark: pa.Table, calendar: Sequence[dt.date]) -> Bars:
    """Bars as a matrix.

    Args:
        bars: security_id, session_date, close; one row per security and session, in any order.
        benchmark: session_date, close.
        calendar: All sessions from the first one of the calendar on; bars elsewhere are an error.

    Raises:
        PanelError: A bar on a day that is no session, or two bars of one security and session.
    """
    days = np.array(calendar, dtype="datetime64[D]")
    ids = bars["security_id"].combine_chunks()
    codes = ids if pa.types.is_dictionary(ids.type) else ids.dictionary_encode()
    names = codes.dictionary.to_numpy(zero_copy_only=False).astype(str)
    order = np.argsort(names)
    row = np.argsort(order)[codes.indices.to_numpy(zero_copy_only=False)]
    day = bars["session_date"].combine_chunks().cast(pa.int32()).to_numpy().view("int32").astype("datetime64[D]")
    first = int(np.searchsorted(days, day.min())) if len(day) else 0
    last = int(np.searchsorted(days, day.max())) if len(day) else -1
    days = days[first : last + 1]
    column = np.searchsorted(days, day)
    if len(day) and not np.array_equal(days[np.minimum(column, len(days) - 1)], day):
        wrong = day[days[np.minimum(column, len(days) - 1)] != day][0]
        raise PanelError(f"a bar of {wrong}, which is no session: correct the bars or the calendar")
    close = np.full((len(names), len(days)), np.nan)
    close[row, column] = bars["close"].to_numpy()
    if np.count_nonzero(~np.isnan(close)) != bars.num_rows - bars["close"].null_count:
        raise PanelError("two bars of one security and session: the panel needs one row for each")
    market = dict(zip(benchmark["session_date"].to_pylist(), benchmark["close"].to_pylist(), strict=True))
    against = np.array([market.get(d, np.nan) for d in days.astype(object)], dtype=np.float64)
    return Bars(names[order], days, close, against, first)


def build(folder: Path, bars: Bars) -> int:
    """Write the panel anew; the rows written."""
    fresh = folder.with_name(f".{folder.name}.tmp")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    sessions = bars.sessions()
    starts = np.where(
        np.isnan(bars.close).all(axis=1), bars.close.shape[1], np.argmax(~np.isnan(bars.close), axis=1)
    ).astype(np.int64)
    averages = np.full(len(bars.securities), np.nan)

    def group(at: int) -> tuple[int, Mapping[str, Doubles]]:
        rows = slice(at, at + GROUP)
        values = panel(np.ascontiguousarray(bars.close[rows]), bars.benchmark, sessions, starts[rows])
        averages[rows] = _last(values[EMA])
        return at, values

    with _Years(fresh, bars) as years, ThreadPoolExecutor(THREADS) as pool:
        # two groups at once, written in the order of the securities
        for at, values in _ahead(pool, group, range(0, len(bars.securities), GROUP)):
            years.write(at, values)
    _write_state(fresh, bars.securities, bars.days[np.minimum(starts, len(bars.days) - 1)], averages, bars.days[-1])
    shutil.rmtree(folder, ignore_errors=True)
    fresh.replace(folder)
    return years.rows


def extend(folder: Path, bars: Bars) -> int:
    """Add the sessions after the panel's newest one; the rows written.

    Args:
        folder: A panel.
        bars: At least LOOKBACK_SESSIONS before the first new session, or everything.

    Raises:
        PanelError: There is no panel, or the bars reach back too little.
    """
    state, newest = _state(folder)
    for part in folder.glob("year=*/part-*.parquet"):
        if part.stem > f"part-{newest}":
            part.unlink()
    start = int(np.searchsorted(bars.days, newest, side="right"))
    if start == len(bars.days):
        return 0
    known = {name: position for position, name in enumerate(state["security_id"].to_pylist())}
    first_seen = state["history_start"].to_numpy()
    averages = state[EMA].to_numpy(zero_copy_only=False)
    at = np.array([known.get(name, -1) for name in bars.securities])
    new = np.where(np.isnan(bars.close).all(axis=1), len(bars.days), np.argmax(~np.isnan(bars.close), axis=1))
    # what began before the matrix: how many sessions before does not matter
    before = np.where((at >= 0) & (first_seen[at] < bars.days[0]), -LOOKBACK_SESSIONS, new).astype(np.int64)
    if start < LOOKBACK_SESSIONS and (before < 0).any():
        raise PanelError(
            f"{LOOKBACK_SESSIONS} sessions before {bars.days[start]} are needed to extend the panel, {start} are there"
        )
    ema = np.where(at >= 0, averages[at], np.nan)
    lo = max(start - LOOKBACK_SESSIONS, 0)
    sessions = bars.sessions()
    base = sessions.year_base[lo:] - lo
    calendar = Sessions(bars.first_index + lo, np.where(base >= 0, base, -1))
    parts = [
        panel(
            np.ascontiguousarray(bars.close[group, lo:]),
            bars.benchmark[lo:],
            calendar,
            before[group] - lo,
            start=start - lo,
            ema_before=ema[group],
        )
        for group in (slice(n, n + GROUP) for n in range(0, len(bars.securities), GROUP))
    ]
    values = {name: np.concatenate([part[name] for part in parts]) for name in COLUMNS}
    rows = 0
    for year, days in _by_year(bars.days[start:]):
        table = _table(bars, slice(None), slice(start + days.start, start + days.stop), values, days)
        path = folder / f"year={year}" / f"part-{bars.days[start + days.stop - 1]}.parquet"
        write_table_atomically(path, table)
        rows += table.num_rows
    ended = np.isnan(values[EMA]).all(axis=1)
    ema = np.where(ended, ema, _last(values[EMA]))
    began = np.where(at >= 0, first_seen[at], bars.days[np.minimum(new, len(bars.days) - 1)])
    gone = np.flatnonzero(~np.isin(list(known), bars.securities))
    _write_state(
        folder,
        np.concatenate([bars.securities, np.array(list(known), dtype=str)[gone]]),
        np.concatenate([began, first_seen[gone]]),
        np.concatenate([ema, averages[gone]]),
        bars.days[-1],
    )
    return rows


class _Years:
    """One open Parquet file for each year; every group of securities is a row group of it."""

    def __init__(self, folder: Path, bars: Bars) -> None:
        self.folder = folder
        self.bars = bars
        self.rows = 0
        self.years = list(_by_year(bars.days))
        self.writers: dict[int, pq.ParquetWriter] = {}

    def __enter__(self) -> _Years:
        return self

    def __exit__(self, *_: object) -> None:
        for writer in self.writers.values():
            writer.close()

    def write(self, at: int, values: Mapping[str, Doubles]) -> None:
        """Append the rows of a group to the files of their years."""
        securities = slice(at, at + GROUP)
        for year, days in self.years:
            table = _table(self.bars, securities, days, values, days)
            if not table.num_rows:
                continue
            if year not in self.writers:
                path = self.folder / f"year={year}" / "part-0.parquet"
                path.parent.mkdir()
                self.writers[year] = pq.ParquetWriter(
                    path, table.schema, compression="zstd", use_dictionary=["security_id", "session_date"]
                )
            self.writers[year].write_table(table)
            self.rows += table.num_rows


def _table(bars: Bars, securities: slice, days: slice, values: Mapping[str, Doubles], columns: slice) -> pa.Table:
    """Rows of some securities and sessions, sorted by both."""
    close = bars.close[securities, days]
    there = ~np.isnan(close)
    which, when = np.nonzero(there)
    names = pa.DictionaryArray.from_arrays(which.astype(np.int32), pa.array(bars.securities[securities], pa.string()))
    arrays = {
        "security_id": names,
        "session_date": pa.array(bars.days[days][when]),
        "close": pa.array(close[there]),
        **{name: pa.array(values[name][:, columns][there], from_pandas=True) for name in COLUMNS},
    }
    return pa.table(arrays)


def _by_year(days: NDArray[np.datetime64]) -> Iterator[tuple[int, slice]]:
    years = days.astype("datetime64[Y]").astype(int) + 1970
    for year in np.unique(years):
        yield int(year), slice(int(np.searchsorted(years, year)), int(np.searchsorted(years, year, side="right")))


def _ahead(pool: ThreadPoolExecutor, work, items: Sequence[int]) -> Iterator[tuple[int, Mapping[str, Doubles]]]:
    """The results in order, no more than THREADS + 1 of them made ahead of their use."""
    pending = []
    for item in items:
        pending.append(pool.submit(work, item))
        if len(pending) > THREADS:
            yield pending.pop(0).result()
    for future in pending:
        yield future.result()


def _last(values: Doubles) -> Doubles:
    """The last value of each row that is there; nan where none is."""
    there = ~np.isnan(values)
    at = values.shape[1] - 1 - np.argmax(there[:, ::-1], axis=1)
    return np.where(there.any(axis=1), values[np.arange(len(values)), at], np.nan)


def _write_state(
    folder: Path,
    securities: NDArray[np.str_],
    starts: NDArray[np.datetime64],
    averages: Doubles,
    newest: np.datetime64,
) -> None:
    table = pa.table({"security_id": securities, "history_start": starts, EMA: averages})
    write_table_atomically(folder / STATE, table.replace_schema_metadata({"newest_session": str(newest)}))


def _state(folder: Path) -> tuple[pa.Table, np.datetime64]:
    path = folder / STATE
    if not path.exists():
        raise PanelError(f"{folder} holds no panel: build it first")
    state = pq.read_table(path)
    return state, np.datetime64((state.schema.metadata or {})[b"newest_session"].decode())
