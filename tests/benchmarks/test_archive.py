"""The archive that the benchmarks build from: the shape the pipeline writes, and the same on every machine."""

from __future__ import annotations

import datetime as dt
import itertools

import duckdb
import numpy as np
import pandas as pd

from benchmarks.__main__ import since_loop
from benchmarks.archive import FUNDS, Market, sessions_of, write_archive
from orchestration.lake.contracts import HOLDING, HOLDING_SNAPSHOT

SESSIONS = sessions_of(8 / 252, dt.date(2026, 6, 30))


def test_the_same_seed_makes_the_same_files():
    one, other = ([(s.fund, s.as_of, s.sha256) for s in Market(SESSIONS, 0.05, seed)] for seed in (7, 7))
    assert one == other
    assert len({sha for *_, sha in one}) == len(FUNDS) * len(SESSIONS)
    assert one != [(s.fund, s.as_of, s.sha256) for s in Market(SESSIONS, 0.05, 8)]


def test_files_loaded_at_once_and_files_of_their_own_day(tmp_path):
    writer = write_archive(tmp_path, SESSIONS, scale=0.05, daily=3)
    folder = tmp_path / "raw"
    moments = duckdb.sql(
        f"select fetched_at, count(distinct as_of_date) from '{folder}/holding/*.parquet' group by all order by 1"
    ).fetchall()
    assert [days for _, days in moments] == [5, 1, 1, 1]
    lines, files = (
        duckdb.sql(f"select * from '{folder}/{table.name}/*.parquet'") for table in (HOLDING, HOLDING_SNAPSHOT)
    )
    assert lines.columns == HOLDING.schema.names
    assert files.columns == HOLDING_SNAPSHOT.schema.names
    assert len(lines) == writer.lines
    assert len(files) == len(FUNDS) * len(SESSIONS)
    # the lines of a file and its row say the same, and no file knows the future
    assert duckdb.sql("select count(*) from files where weight_sum_pct not between 99 and 101").fetchall() == [(0,)]
    assert duckdb.sql("select count(*) from lines where fetched_at < available_at").fetchall() == [(0,)]


def test_a_reconstitution_changes_many_members():
    held = {(s.fund, s.as_of): set(s.lines["cusip"].to_pylist()) for s in Market(SESSIONS, 0.2)}
    changes = [len(held["IWM", a] ^ held["IWM", b]) for a, b in itertools.pairwise(SESSIONS)]
    friday = SESSIONS.index(dt.date(2026, 6, 26)) - 1
    assert changes[friday] == max(changes)
    assert changes[friday] > 3 * sorted(changes)[-2]


def test_the_loop_is_the_definition():
    days = pd.date_range("2026-01-05", periods=5)
    found = since_loop(pd.DataFrame({"day": days, "value": np.array([2.0, 1.0, 3.0, 1.0, 2.0])}))
    nothing = pd.NaT
    assert found["high_since"].tolist()[1:] == [days[0], nothing, days[2], days[2]]
    assert found["low_since"].tolist()[1:] == [nothing, days[1], days[1], days[3]]
