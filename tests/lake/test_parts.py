"""The files of a raw table: few after any number of appends, the same rows after any kill, whole for every reader."""

from __future__ import annotations

import datetime as dt
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from functools import cache
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.lake.contracts import BOOKKEEPING, FRED_RELEASE_DATE, TABLES
from orchestration.lake.parts import (
    SMALL_BYTES,
    SMALL_PARTS,
    LakeError,
    check_parts,
    content,
    is_scattered,
    last_sequence,
    merge_small_parts,
    parts_of,
    write_part,
)
from orchestration.lake.store import Lake
from orchestration.settings import REPOSITORY

TABLE = FRED_RELEASE_DATE
MOMENT = dt.datetime(2026, 7, 1, 22, 0, tzinfo=dt.UTC)
POINTS = ("begun", "linked", "written", "compared", "exchanged", "removed")
# more than SMALL_BYTES
LARGE = 140_000


@cache
def pool() -> pa.Table:
    """Rows of which no two are equal, and whose hashes do not compress; made once."""
    first = dt.date(1990, 1, 1).toordinal()
    chance = np.random.default_rng(1)
    book = {
        "ingest_seq": pa.repeat(pa.scalar(0, pa.int64()), LARGE),
        "fetched_at": pa.repeat(pa.scalar(MOMENT, BOOKKEEPING.field("fetched_at").type), LARGE),
        "available_at": pa.repeat(pa.scalar(MOMENT, BOOKKEEPING.field("available_at").type), LARGE),
        "is_availability_assumed": pa.repeat(pa.scalar(False), LARGE),
        "payload_sha256": pa.array([chance.bytes(32).hex() for _ in range(LARGE)]),
        "request_id": pa.repeat(pa.scalar("test"), LARGE),
    }
    dates = pa.array([dt.date.fromordinal(first + number % 20_000) for number in range(LARGE)])
    return pa.table({"release_id": pa.repeat(pa.scalar(0, pa.int64()), LARGE), "release_date": dates, **book})


def rows(sequence: int, count: int, release: int = 10) -> pa.Table:
    """Rows of one append, no two of them equal."""
    table = pool().slice(0, count)
    for name, value in (("ingest_seq", sequence), ("release_id", release)):
        number = table.schema.get_field_index(name)
        table = table.set_column(number, name, pa.repeat(pa.scalar(value, pa.int64()), count))
    return table.cast(TABLE.schema).combine_chunks()


def scattered(folder: Path, parts: int = 200, large_at: tuple[int, ...] = (0, 90)) -> None:
    """A table as earlier versions wrote it: a part an append, most of them small, some empty."""
    folder.mkdir(parents=True)
    for number in range(parts):
        count = LARGE if number in large_at else (number % 5)
        pq.write_table(rows(number + 1, count), folder / f"part-{number + 1:08d}.parquet", compression="zstd")


def identities(folder: Path) -> dict[str, tuple[int, int, int]]:
    return {p.name: (p.stat().st_ino, p.stat().st_size, p.stat().st_mtime_ns) for p in parts_of(folder)}


def names(folder: Path) -> list[str]:
    return [path.name.removeprefix("part-").removesuffix(".parquet") for path in parts_of(folder)]


def append(lake: Lake, sequence: int, count: int) -> None:
    """A new calendar of a release of its own, as an ingest asset stores it."""
    incoming = rows(sequence, count, release=sequence).drop_columns("ingest_seq")
    with lake.lock():
        assert lake.append(TABLE, incoming, lake.next_sequence()).num_rows == count


def test_the_next_sequence_is_above_the_range_of_a_merged_part(tmp_path):
    lake = Lake(tmp_path, "live")
    folder = lake.root / TABLE.name
    write_part(folder, rows(5, 2), 3, 7)
    write_part(lake.root / "request", TABLES["request"].schema.empty_table(), 6)
    assert (last_sequence(folder), lake.next_sequence()) == (7, 8)


def test_two_writers_with_one_sequence_are_refused(tmp_path):
    write_part(tmp_path, rows(3, 2), 3)
    before = identities(tmp_path)
    with pytest.raises(LakeError, match=r"two writers used sequence 3.*one pipeline at a time"):
        write_part(tmp_path, rows(3, 2), 3)
    assert identities(tmp_path) == before


def test_a_run_that_makes_too_many_small_parts_merges_them(tmp_path):
    lake = Lake(tmp_path, "live")
    folder = lake.root / TABLE.name
    most = 0
    for sequence in range(1, 101):
        append(lake, sequence, sequence % 3 + 1)
        most = max(most, len(parts_of(folder)))
    assert most == SMALL_PARTS
    assert names(folder)[0] == "00000000-00000096"
    assert names(folder)[1:] == [f"{number:08d}" for number in range(97, 101)]
    assert content(parts_of(folder)) == content_of([rows(n, n % 3 + 1, release=n) for n in range(1, 101)], tmp_path)
    assert lake.next_sequence() == 101
    # what is stored is still known: the same answer adds nothing
    with lake.lock():
        again = rows(50, 3, release=50).drop_columns("ingest_seq")
        assert lake.append(TABLE, again, lake.next_sequence()).num_rows == 0


@given(
    sizes=st.lists(st.sampled_from([0, 1, 2, 500]), min_size=2, max_size=60),
    large_at=st.lists(st.integers(0, 59), max_size=2),
)
@settings(max_examples=12, deadline=None)
def test_any_table_holds_the_same_rows_in_few_parts_after_a_merge(sizes, large_at):
    sizes = [LARGE if number in large_at else size for number, size in enumerate(sizes)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / TABLE.name
        tables = [rows(sequence, size) for sequence, size in enumerate(sizes, 1)]
        for sequence, table in enumerate(tables, 1):
            write_part(folder, table, sequence)
        large = {name: found for name, found in identities(folder).items() if found[1] >= SMALL_BYTES}
        merge_small_parts(folder, Path(name) / "aside")
        stored = pa.concat_tables([pq.ParquetFile(p).read() for p in parts_of(folder)])
        assert stored.equals(pa.concat_tables(tables))
        assert {name: found for name, found in identities(folder).items() if found[1] >= SMALL_BYTES} == large
        assert len(parts_of(folder)) <= 2 * len(large) + 1
        assert not is_scattered(folder)
        check_parts(folder)


def content_of(tables: list[pa.Table], folder: Path) -> tuple[int, int]:
    pq.write_table(pa.concat_tables(tables), folder / "expected.parquet")
    return content([folder / "expected.parquet"])


def test_the_hash_of_rows_sees_every_difference_but_order_and_division(tmp_path):
    table = rows(1, 10)
    pq.write_table(table.slice(0, 4), tmp_path / "a.parquet")
    pq.write_table(table.slice(4).sort_by([("release_date", "descending")]), tmp_path / "b.parquet")
    assert content([tmp_path / "a.parquet", tmp_path / "b.parquet"]) == content_of([table], tmp_path)
    twice = [table.slice(0, 9), table.slice(0, 1)]
    changed = [table.slice(0, 9), rows(2, 10).slice(9)]
    different = ([table], [table.slice(1)], twice, changed, [table.slice(0, 0)])
    assert len({content_of(tables, tmp_path) for tables in different}) == 5


def test_many_small_parts_of_an_older_version_are_merged_once_and_large_ones_stay_the_same_files(tmp_path):
    folder = tmp_path / "raw" / TABLE.name
    scattered(folder)
    (folder / "note.txt").write_text("somebody's own")
    before, large = content(parts_of(folder)), ("part-00000001.parquet", "part-00000091.parquet")
    kept = {name: identities(folder)[name] for name in large}
    lake = Lake(tmp_path, "live")
    found = identities(folder)
    assert names(folder) == ["00000001", "00000002-00000090", "00000091", "00000092-00000200"]
    assert {name: found[name] for name in large} == kept
    assert content(parts_of(folder)) == before
    assert (folder / "note.txt").read_text() == "somebody's own"
    assert lake.next_sequence() == 201
    assert sorted(p.name for p in lake.root.iterdir()) == sorted(["source.json", ".lock", *TABLES])
    Lake(tmp_path, "live")
    assert identities(folder) == found


def test_a_table_of_empty_parts_keeps_one_for_those_who_glob(tmp_path):
    folder = tmp_path / "raw" / TABLE.name
    for number in range(SMALL_PARTS + 1):
        write_part(folder, TABLE.schema.empty_table(), number)
    lake = Lake(tmp_path, "live")
    assert names(folder) == ["00000000-00000032"]
    assert lake.query(f"select count(*) as n from {TABLE.name}").to_pylist() == [{"n": 0}]


def test_few_small_parts_are_left_alone(tmp_path):
    folder = tmp_path / "raw" / TABLE.name
    scattered(folder, SMALL_PARTS, large_at=())
    before = identities(folder)
    Lake(tmp_path, "live")
    assert identities(folder) == before


def test_a_small_part_with_other_columns_stops_the_merge_and_changes_nothing(tmp_path):
    folder = tmp_path / "raw" / TABLE.name
    scattered(folder)
    pq.write_table(rows(50, 3).drop_columns("request_id"), folder / "part-00000050.parquet")
    before = identities(folder)
    with pytest.raises(LakeError, match=r"part-00000050\.parquet has other columns than part-00000090\.parquet"):
        Lake(tmp_path, "live")
    assert identities(folder) == before


def test_a_small_part_that_cannot_be_read_is_named_with_what_to_do(tmp_path):
    folder = tmp_path / "raw" / TABLE.name
    scattered(folder)
    part = folder / "part-00000050.parquet"
    part.write_bytes(part.read_bytes()[:-20])
    before = identities(folder)
    with pytest.raises(LakeError, match=r"part-00000050\.parquet cannot be read: .*Restore it from the backup of raw/"):
        Lake(tmp_path, "live")
    assert identities(folder) == before


def test_parts_that_a_backup_brought_back_beside_their_merged_part_are_refused(tmp_path):
    folder = tmp_path / "raw" / TABLE.name
    scattered(folder)
    backup = tmp_path / "backup"
    shutil.copytree(folder, backup)
    Lake(tmp_path, "live")
    shutil.copytree(backup, folder, dirs_exist_ok=True)
    with pytest.raises(LakeError, match=r"part-00000002\.parquet is foreign(?s:.*)and 178 more"):
        Lake(tmp_path, "live")
    # in a directory of an older version nothing says which are foreign
    (folder / "account.json").unlink()
    with pytest.raises(
        LakeError, match=r"rows twice: part-00000002\.parquet and part-00000002-00000090\.parquet overlap.*raw/"
    ):
        Lake(tmp_path, "live")


def test_where_folders_cannot_be_exchanged_the_parts_stay_as_they_are(tmp_path):
    """A folder that is a link to another disk is such a case, and as such can be made here."""
    elsewhere = Path(tempfile.mkdtemp(dir="/dev/shm")) / TABLE.name
    folder = tmp_path / "raw" / TABLE.name
    try:
        scattered(elsewhere)
        folder.parent.mkdir()
        folder.symlink_to(elsewhere)
        before = identities(folder)
        lake = Lake(tmp_path, "live")
        assert folder.is_symlink()
        assert identities(folder) == before
        assert sorted(p.name for p in lake.root.iterdir()) == sorted(["source.json", ".lock", *TABLES])
    finally:
        shutil.rmtree(elsewhere.parent)


MERGE = """
import os, signal, sys
from pathlib import Path
from orchestration.lake.parts import merge_small_parts

folder, aside, point = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
print("ready", flush=True)
merge_small_parts(folder, aside, lambda name: os.kill(os.getpid(), signal.SIGKILL) if name == point else None)
"""


def merging(folder: Path, point: str = "never") -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", MERGE, str(folder), str(folder.parent / ".merging" / folder.name), point],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    return process


def assert_whole(data: Path, folder: Path, before: tuple[int, int]) -> None:
    """At once for whoever reads, and after the next run opens the lake without anything left beside it."""
    assert content(parts_of(folder)) == before
    Lake(data, "live")
    assert content(parts_of(folder)) == before
    assert len(parts_of(folder)) == 4
    assert not (data / "raw" / ".merging").exists()


@pytest.mark.parametrize("point", POINTS)
def test_a_merge_killed_at_any_point_loses_and_doubles_nothing(tmp_path, point):
    folder = tmp_path / "raw" / TABLE.name
    scattered(folder)
    before = content(parts_of(folder))
    process = merging(folder, point)
    assert process.wait(60) == -signal.SIGKILL
    assert len(parts_of(folder)) == (4 if point in POINTS[-2:] else 200)
    assert_whole(tmp_path, folder, before)


def test_the_points_of_a_merge_are_those_that_are_tested(tmp_path):
    folder = tmp_path / "raw" / TABLE.name
    scattered(folder)
    reached: list[str] = []
    merge_small_parts(folder, tmp_path / "aside", reached.append)
    assert list(dict.fromkeys(reached)) == list(POINTS)


def test_a_merge_killed_at_random_loses_and_doubles_nothing(tmp_path):
    chance = random.Random(11)  # noqa: S311
    for number in range(5):
        data = tmp_path / str(number)
        folder = data / "raw" / TABLE.name
        scattered(folder)
        before = content(parts_of(folder))
        process = merging(folder)
        time.sleep(chance.uniform(0, 0.25))
        process.kill()
        process.wait(60)
        assert_whole(data, folder, before)


APPEND = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from tests.lake.test_parts import Lake, append

lake = Lake(Path(sys.argv[1]), "live")
for number in range(1, 10_000):
    append(lake, number, 7)
    print(number, flush=True)
"""


def appending(data: Path) -> subprocess.Popen[str]:
    """A process that stores one calendar after the other, and merges as it goes; it says what it has stored."""
    process = subprocess.Popen(
        [sys.executable, "-c", APPEND, str(data), str(REPOSITORY)], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    assert process.stdout.readline() == "1\n"
    return process


def test_a_writer_killed_at_random_leaves_what_it_said_it_had_stored(tmp_path):
    chance = random.Random(12)  # noqa: S311
    for number in range(3):
        data = tmp_path / str(number)
        process = appending(data)
        time.sleep(chance.uniform(0.5, 2))
        process.kill()
        assert process.stdout
        said = int(["1", *process.stdout.read().split()][-1])
        process.wait(60)
        folder = data / "raw" / TABLE.name
        for opened in (False, True):
            if opened:
                # gives the last part its name, where only its account was written
                Lake(data, "live")
            stored = last_sequence(folder)
            # the last append may have ended without a word
            assert stored in (said, said + 1)
            expected = content_of([rows(n, 7, release=n) for n in range(1, stored + 1)], tmp_path)
            assert content(parts_of(folder)) == expected


def test_a_reader_who_globs_sees_all_rows_or_an_error_while_parts_are_merged(tmp_path):
    folder = tmp_path / "raw" / TABLE.name
    scattered(folder)
    before = content(parts_of(folder))
    sql = f"select count(*), sum(hash(held))::hugeint from read_parquet('{folder}/*.parquet') as held"
    process, seen, errors = merging(folder), 0, 0
    with duckdb.connect() as con:
        while process.poll() is None or not seen:
            try:
                assert con.execute(sql).fetchall()[0] == before
                seen += 1
            except duckdb.IOException as error:
                assert "part-" in str(error)  # noqa: PT017 - an error is allowed here, another result is not
                errors += 1
        assert con.execute(sql).fetchall()[0] == before
    assert process.returncode == 0
    assert len(parts_of(folder)) == 4
    assert errors <= 2


def test_a_reader_who_globs_sees_whole_appends_while_a_table_grows(tmp_path):
    process = appending(tmp_path)
    sql = f"""
        select count(*), max(ingest_seq), count(distinct (ingest_seq, payload_sha256))
        from read_parquet('{tmp_path}/raw/{TABLE.name}/*.parquet')
    """
    newest, until = 1, time.monotonic() + 120
    try:
        with duckdb.connect() as con:
            while newest < 3 * SMALL_PARTS and time.monotonic() < until:
                try:
                    count, sequence, distinct = con.execute(sql).fetchall()[0]
                except duckdb.IOException as error:
                    assert "No such file" in str(error)  # noqa: PT017 - an error is allowed here, a wrong result is not
                    continue
                assert count == distinct == 7 * sequence
                assert sequence >= newest
                newest = sequence
    finally:
        process.kill()
        process.wait(60)
    assert newest >= 3 * SMALL_PARTS
