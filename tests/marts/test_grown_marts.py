"""Tables that keep rows of the last build hold what a build from nothing holds, whatever happened in between."""

from __future__ import annotations

import datetime as dt
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.cli.main import dbtRunner
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from benchmarks.archive import write_reference
from orchestration.build.steps import main as build_steps
from orchestration.calendars import end_of_day, sessions_between
from orchestration.lake.contracts import FRED_OBSERVATION, TABLES, YAHOO_ACTION, YAHOO_BAR
from tests.conftest import REPOSITORY

DBT = REPOSITORY / "dbt_project"
GROWN = ("mart_return", "mart_relative_performance", "mart_risk")
STEPS = {"int_price_change": "intermediate", "int_yield_change": "intermediate"}
SYMBOLS = ("IWM", "SPY", "^RUT", "TNA")
SESSIONS = sessions_between(dt.date(2024, 9, 3), dt.date(2025, 12, 31))
# windows of 252 sessions have rows with a beta from here on
FIRST_BUILD = 275
Row = dict[str, Any]


@dataclass
class History:
    """What vendors have said by now; rows may come, be revised and be lost."""

    bars: dict[tuple[str, dt.date], list[Row]] = field(default_factory=dict)
    actions: list[Row] = field(default_factory=list)
    yields: dict[dt.date, list[Row]] = field(default_factory=dict)
    newest: int = 0

    def advance(self, count: int = 1) -> None:
        """Sessions pass, each with a bar of most symbols and a yield."""
        for index in range(self.newest, self.newest + count):
            random = np.random.default_rng(index)
            for symbol in SYMBOLS:
                # some are missing from the first; a yield may stand still, and so make ties
                if random.random() > 0.02:
                    close = round(float(40 + 10 * np.sin(index / 17 + len(symbol)) + random.integers(-8, 9) / 4), 2)
                    self.store_bar(symbol, index, close, index)
            if index and random.random() > 0.05:
                value = round(4 + float(random.integers(-20, 21)) / 100, 2)
                self.yields[SESSIONS[index - 1]] = [observation(index - 1, value, index)]
        self.newest += count

    def store_bar(self, symbol: str, index: int, close: float, known: int) -> None:
        day = SESSIONS[index]
        row = {"symbol": symbol, "session_date": day, "open": close, "high": close + 1, "low": close - 1}
        row |= {"close": close, "volume": 1000 + index, "split_basis_date": SESSIONS[known]}
        self.bars.setdefault((symbol, day), []).append(row | _book(known))

    def write(self, data_dir: Path) -> None:
        """The raw lake as it is now."""
        rows = {
            YAHOO_BAR.name: [row for versions in self.bars.values() for row in versions],
            YAHOO_ACTION.name: self.actions,
            FRED_OBSERVATION.name: [row for versions in self.yields.values() for row in versions],
        }
        for name, table in TABLES.items():
            folder = data_dir / "raw" / name
            folder.mkdir(parents=True, exist_ok=True)
            numbered = [row | {"ingest_seq": number} for number, row in enumerate(rows.get(name, []), 1)]
            pq.write_table(pa.Table.from_pylist(numbered, schema=table.schema), folder / "part-00000001.parquet")
        # its clock is the end of the day after
        write_reference(data_dir, SESSIONS[self.newest - 2])


def observation(index: int, value: float | None, known: int) -> Row:
    row = {"series_id": "DGS10", "observation_date": SESSIONS[index], "realtime_start": SESSIONS[known]}
    return row | {"value": value} | _book(known)


def _book(known: int) -> Row:
    moment = end_of_day(SESSIONS[known]) - dt.timedelta(hours=4)
    return {
        "fetched_at": moment,
        "available_at": moment,
        "is_availability_assumed": False,
        "payload_sha256": "sha",
        "request_id": "1",
    }


# --- what can happen between two builds ---


def days_pass(history: History, symbol: str, back: int) -> None:
    history.advance(1 + back % 3)


def bar_is_restated(history: History, symbol: str, back: int) -> None:
    index = max(history.newest - 1 - back, 0)
    history.store_bar(symbol, index, 30 + back % 20, history.newest - 1)


def bar_is_lost(history: History, symbol: str, back: int) -> None:
    history.bars.pop((symbol, SESSIONS[max(history.newest - 1 - back, 0)]), None)


def symbol_is_lost(history: History, symbol: str, back: int) -> None:
    for key in [key for key in history.bars if key[0] == symbol]:
        del history.bars[key]


def split_comes(history: History, symbol: str, back: int) -> None:
    _act(history, symbol, back % 5, "split", (2.0, 0.1, 3.0)[back % 3])


def dividend_comes_late(history: History, symbol: str, back: int) -> None:
    _act(history, symbol, back, "dividend", 0.25)


def _act(history: History, symbol: str, back: int, kind: str, value: float) -> None:
    ex_date = SESSIONS[max(history.newest - 1 - back, 0)]
    row = {"symbol": symbol, "ex_date": ex_date, "action_type": kind, "value": value}
    history.actions.append(row | {"split_basis_date": SESSIONS[history.newest - 1]} | _book(history.newest - 1))


def yield_is_revised(history: History, symbol: str, back: int) -> None:
    index = max(history.newest - 2 - back, 0)
    versions = history.yields.setdefault(SESSIONS[index], [])
    versions.append(observation(index, None if back % 4 == 0 else 3.5, history.newest - 1))


def yield_is_lost(history: History, symbol: str, back: int) -> None:
    history.yields.pop(SESSIONS[max(history.newest - 1 - back, 0)], None)


def clock_is_set_back(history: History, symbol: str, back: int) -> None:
    history.newest = max(history.newest - 1 - back % 30, 260)


EVENTS: tuple[Callable[[History, str, int], None], ...] = (
    *(days_pass, bar_is_restated, bar_is_lost, symbol_is_lost, split_comes, dividend_comes_late),
    *(yield_is_revised, yield_is_lost, clock_is_set_back),
)
event = st.tuples(
    st.sampled_from(EVENTS), st.sampled_from(SYMBOLS), st.one_of(st.integers(0, 12), st.integers(0, FIRST_BUILD))
)


class Warehouse:
    """A data directory, and dbt in this process: it reads the project once."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "build" / "tmp").mkdir(parents=True, exist_ok=True)
        self.database = root / "build" / "warehouse.duckdb"
        self.options = ["--profiles-dir", str(DBT), "--project-dir", str(DBT)]
        self.options += ["--target-path", str(root / "target"), "--log-path", str(root / "logs")]
        self.manifest = dbtRunner().invoke(["--quiet", "parse", *self.options]).result

    def build(self, *flags: str) -> None:
        # facts of the run are kept here while dbt runs
        self.manifest.flat_graph = {}
        done = dbtRunner(manifest=self.manifest).invoke(
            [
                *("--quiet", "--no-write-json", "build", *self.options, *flags, "--indirect-selection", "empty"),
                *("--select", *(f"+{name}" for name in GROWN)),
            ]
        )
        DuckDBConnectionManager.close_all_connections()
        assert done.success, [result.message for result in done.result.results if result.status != "success"]

    def differences(self) -> dict[str, tuple[int, int]]:
        """Rows that a build from nothing lacks, and rows that only it has."""
        grown = self.root / "build" / "grown.duckdb"
        self.database.rename(grown)
        try:
            self.build("--full-refresh")
            return compare(grown, self.database)
        finally:
            self.database.unlink()
            grown.rename(self.database)


def compare(grown: Path, built: Path) -> dict[str, tuple[int, int]]:
    """Rows of each table that the other lacks, and the other way round."""
    out = {}
    with closing(duckdb.connect()) as con:
        con.execute(f"attach '{grown}' as grown (read_only)")
        con.execute(f"attach '{built}' as built (read_only)")
        for name in (*GROWN, *STEPS):
            # whether a row changed since the last build is no fact about the row
            columns = "* exclude (is_changed)" if name in STEPS else "*"
            one, other = (
                f"select {columns} from {base}.{STEPS.get(name, 'main')}.{name}" for base in ("grown", "built")
            )
            ((invented, lost, rows),) = con.execute(
                f"select (select count(*) from ({one} except all {other})), "
                f"(select count(*) from ({other} except all {one})), (select count(*) from ({other}))"
            ).fetchall()
            assert rows, f"{name} is empty: nothing was compared"
            if invented or lost:
                out[name] = (invented, lost)
    return out


def kept(database: Path) -> tuple[int, int]:
    """Bars whose rows the newest build could keep, and all bars."""
    with closing(duckdb.connect(str(database), read_only=True)) as con:
        sql = "select count_if(not is_changed), count(*) from intermediate.int_price_change"
        return con.execute(sql).fetchall()[0]


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    root = tmp_path_factory.mktemp("grown")
    before = dict(os.environ)
    os.environ["SMALLCAP_DATA_DIR"] = str(root)
    first = History()
    first.advance(FIRST_BUILD)
    first.write(root)
    warehouse = Warehouse(root)
    warehouse.build()
    shutil.copy(warehouse.database, root / "first.duckdb")
    yield warehouse
    DuckDBConnectionManager.close_all_connections()
    os.environ.clear()
    os.environ.update(before)


@settings(
    max_examples=int(os.environ.get("GROWN_EXAMPLES", "3")),
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=st.lists(st.lists(event, min_size=1, max_size=3), min_size=1, max_size=3))
def test_grown_tables_equal_built_ones(warehouse, steps):
    history = History()
    history.advance(FIRST_BUILD)
    shutil.copy(warehouse.root / "first.duckdb", warehouse.database)
    for events in steps:
        for happens, symbol, back in events:
            happens(history, symbol, back)
        history.write(warehouse.root)
        warehouse.build()
    assert warehouse.differences() == {}


def test_a_build_after_a_failed_one_keeps_nothing(warehouse, capfd):
    """A step has said what changed, the marts behind it were not built: the next build must not believe the step."""
    history = History()
    history.advance(FIRST_BUILD)
    history.write(warehouse.root)
    selected = ["--select", *(f"+{name}" for name in GROWN), "--exclude", "test_type:data"]
    steps = [str(warehouse.root / "target"), *selected]
    assert build_steps(steps) == 0
    history.advance()
    history.write(warehouse.root)
    observations = warehouse.root / "raw" / FRED_OBSERVATION.name / "part-00000001.parquet"
    whole = observations.read_bytes()
    observations.write_bytes(b"cut off")
    capfd.readouterr()
    assert build_steps(steps) == 1
    # a process of its own would have ended
    DuckDBConnectionManager.close_all_connections()
    printed = capfd.readouterr().out
    assert "rows of the last build are kept" in printed
    assert "ok: model int_price_change" in printed
    assert kept(warehouse.database) == (len(bars_before(history)), len(history.bars))
    observations.write_bytes(whole)
    assert build_steps(steps) == 0
    assert "all rows are computed" in capfd.readouterr().out
    assert warehouse.differences() == {}


def bars_before(history: History) -> list[tuple[str, dt.date]]:
    return [key for key in history.bars if key[1] < SESSIONS[history.newest - 1]]
