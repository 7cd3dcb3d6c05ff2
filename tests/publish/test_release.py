"""Publication as a whole: unchanged reruns, kills, retention, readers during swaps."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest

from orchestration.publish.release import publish
from orchestration.publish.served import ServedDatabaseError, served_release
from orchestration.publish.tables import PublishRefused
from tests.publish.tiny_project import MODELS, NOW, Builds, settings

READER = """
import sys, time, duckdb
queries, until = 0, time.time() + float(sys.argv[2])
while time.time() < until:
    con = duckdb.connect(sys.argv[1], read_only=True)
    for _ in range(3):
        rows = con.execute("select count(*), count(distinct symbol) from fct_price_daily").fetchone()
        assert rows[0] >= 195 and rows[1] == 3, rows
        assert con.execute("from return_between('IWM', '2025-01-02', '2025-01-31')").fetchall()
        queries += 1
    con.close()
print(queries)
"""
PUBLISHER = """
import sys
from pathlib import Path
from orchestration.publish.release import publish
from tests.publish.tiny_project import settings
publish(settings(Path(sys.argv[1])), big_table_rows=50)
"""


def value(database: Path, sql: str) -> object:
    with duckdb.connect(str(database), read_only=True) as con:
        row = con.execute(sql).fetchone()
    return row[0] if row else None


def exports(data_dir: Path) -> list[str]:
    return sorted(p.name for p in (data_dir / "exports").iterdir())


def test_the_served_database_holds_the_build_with_a_comment_on_everything(builds: Builds, data_dir: Path) -> None:
    record = builds.put("good", data_dir)
    published = publish(settings(data_dir))
    with duckdb.connect(str(published.served_path), read_only=True) as con:
        tables = dict(con.execute("select table_name, comment from duckdb_tables()").fetchall())
        columns = con.execute(
            "select table_name, column_name, comment from duckdb_columns() where not internal"
        ).fetchall()
        macros = dict(
            con.execute("select function_name, comment from duckdb_functions() where not internal").fetchall()
        )
        hugeints = con.execute("select count(*) from duckdb_columns() where data_type = 'HUGEINT'").fetchone()
    assert set(tables) == set(MODELS)
    assert tables["fct_volume"] == "What fct_volume holds. Grain: one row per symbol"
    assert ("fct_price_daily", "close", "The close's value. [USD per share]") in columns
    assert all(comment for *_, comment in columns)
    assert {"return_between", "relative_between", "served_release"} <= set(macros)
    assert all(macros.values())
    assert hugeints == (0,)
    for table in MODELS:
        counted = f"select count(*) from {table}"
        assert value(published.served_path, counted) == value(record.database_path, counted)
    assert not list(data_dir.glob("*.wal")) + list(data_dir.glob(".smallcap*"))


def test_macros_count_from_the_last_stored_session(builds: Builds, data_dir: Path) -> None:
    builds.put("good", data_dir)
    served = publish(settings(data_dir)).served_path
    with duckdb.connect(str(served), read_only=True) as con:
        one = con.execute("from return_between('IWM', '2025-01-05', '2025-02-02')").fetchall()
        early = con.execute("from return_between('IWM', date '2024-01-05', current_date)").df()
        pair = con.execute("from relative_between('IWM', 'SPY', '2025-01-05', '2025-02-02')").df()
        unknown = con.execute("from return_between('XXX', '2025-01-05', '2025-02-02')").fetchall()
    symbol, base, end, px, tr = one[0]
    assert (symbol, str(base), str(end)) == ("IWM", "2025-01-03", "2025-01-31")
    assert px == pytest.approx((102 + 60) / (102 + 32) - 1)
    assert tr == pytest.approx(260 / 232 - 1)
    assert early["return_px"].isna().all()
    assert str(early["end_date"][0])[:10] == "2025-02-28"
    assert list(pair.columns) == [
        *("symbol", "benchmark_symbol", "base_date", "end_date"),
        *("spread_px_pp", "spread_tr_pp", "ratio_return_px"),
    ]
    assert pair["spread_px_pp"][0] == pytest.approx(100 * (162 / 134 - 163 / 135))
    assert pair["ratio_return_px"][0] == pytest.approx((162 / 134) / (163 / 135) - 1)
    assert unknown == []


def test_an_unchanged_rerun_publishes_nothing_new(builds: Builds, data_dir: Path) -> None:
    builds.put("good", data_dir)
    first = publish(settings(data_dir))
    inode = first.served_path.stat().st_ino
    builds.put("good", data_dir, release_id="r9")
    again = publish(settings(data_dir))
    assert (first.status, again.status, again.release_id) == ("published", "unchanged", "r1")
    assert exports(data_dir) == ["latest", "r1"]
    assert again.served_path.stat().st_ino == inode


def test_a_missing_file_is_published_again(builds: Builds, data_dir: Path) -> None:
    builds.put("good", data_dir)
    published = publish(settings(data_dir))
    published.served_path.unlink()
    assert publish(settings(data_dir)).release_id == "r1"
    assert published.served_path.exists()
    (published.release_path / "fct_volume.parquet").unlink()
    repaired = publish(settings(data_dir))
    assert (repaired.status, repaired.release_id) == ("published", "r1-2")
    assert publish(settings(data_dir)).status == "unchanged"
    assert value(repaired.served_path, "select release_id from dim_release") == "r1-2"
    assert value(repaired.served_path, "select served_release()") == "r1-2"


def test_force_publishes_the_same_again(builds: Builds, data_dir: Path) -> None:
    builds.put("good", data_dir)
    publish(settings(data_dir))
    assert publish(settings(data_dir), force=True).release_id == "r1-2"


def test_retention_keeps_the_newest_and_the_current(builds: Builds, data_dir: Path) -> None:
    for number, name in enumerate(("good", "corrected", "good", "corrected"), start=1):
        builds.put(name, data_dir, release_id=f"r{number}")
        published = publish(settings(data_dir, releases_kept=2))
    assert published.removed == ("r2",)
    assert exports(data_dir) == ["latest", "r3", "r4"]
    assert publish(settings(data_dir, releases_kept=1)).removed == ("r3",)
    assert exports(data_dir) == ["latest", "r4"]


def test_leftovers_of_a_killed_run_are_removed(builds: Builds, data_dir: Path) -> None:
    builds.put("good", data_dir)
    publish(settings(data_dir))
    (data_dir / "exports" / ".partial-old" / "t").mkdir(parents=True)
    (data_dir / "exports" / ".latest.tmp").symlink_to("nowhere")
    (data_dir / ".smallcap-old.duckdb.tmp").write_bytes(b"x")
    (data_dir / ".smallcap-old.duckdb.tmp.wal").write_bytes(b"x")
    publish(settings(data_dir))
    assert exports(data_dir) == ["latest", "r1"]
    assert not list(data_dir.glob(".smallcap*"))


def test_latest_moves_last(builds: Builds, data_dir: Path) -> None:
    builds.put("good", data_dir)
    publish(settings(data_dir))
    builds.put("corrected", data_dir)
    served = data_dir / "smallcap.duckdb"
    # a folder cannot be replaced by a file: the swap fails after the exports are complete
    served.unlink()
    (served / "in the way").mkdir(parents=True)
    with pytest.raises(OSError, match=r"smallcap\.duckdb"):
        publish(settings(data_dir))
    assert exports(data_dir) == ["latest", "r1", "r2"]
    assert (data_dir / "exports" / "latest").readlink() == Path("r1")
    shutil.rmtree(served)
    assert publish(settings(data_dir)).release_id == "r2"
    assert exports(data_dir) == ["latest", "r1", "r2"]
    assert served_release(data_dir) == "r2"


def test_a_full_disk_leaves_everything_as_it_was(builds: Builds, data_dir: Path) -> None:
    builds.put("good", data_dir)
    publish(settings(data_dir))
    builds.put("corrected", data_dir)
    # every file larger than 20 kB fails with EFBIG in the child, as on a full disk
    limited = "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
    limited += "resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))\n"
    done = subprocess.run(
        [sys.executable, "-c", limited + PUBLISHER, str(data_dir)], capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert (data_dir / "exports" / "latest").readlink() == Path("r1")
    assert served_release(data_dir) == "r1"
    assert publish(settings(data_dir), big_table_rows=50).release_id == "r2"


@pytest.mark.parametrize("moment", range(6))
def test_a_kill_at_any_moment_leaves_a_whole_release_and_a_rerun_repairs(
    builds: Builds, data_dir: Path, moment: int
) -> None:
    builds.put("good", data_dir)
    publish(settings(data_dir))
    builds.put("corrected", data_dir)
    process = subprocess.Popen([sys.executable, "-c", PUBLISHER, str(data_dir)], stderr=subprocess.DEVNULL)
    partial = data_dir / "exports" / ".partial-r2"
    deadline = time.monotonic() + 60
    while process.poll() is None and not partial.exists() and time.monotonic() < deadline:
        time.sleep(0.001)
    time.sleep(0.15 * moment)
    process.send_signal(signal.SIGKILL)
    process.wait()

    latest = data_dir / "exports" / "latest"
    assert latest.readlink().name in {"r1", "r2"}
    manifest = json.loads((latest / "manifest.json").read_text())
    for table in manifest["tables"].values():
        for file in table["files"]:
            assert (latest / file["path"]).stat().st_size == file["bytes"]
    assert served_release(data_dir) in {"r1", "r2"}
    assert value(data_dir / "smallcap.duckdb", "select count(*) from fct_price_daily") in {195, 196}

    repaired = publish(settings(data_dir), big_table_rows=50)
    assert repaired.release_id == "r2"
    assert exports(data_dir) == ["latest", "r1", "r2"]
    assert served_release(data_dir) == "r2"
    assert value(repaired.served_path, "select count(*) from fct_price_daily") == 196


def test_a_rerun_after_going_back_serves_what_latest_says(builds: Builds, data_dir: Path) -> None:
    """The served database was swapped, latest was not, and then the old data were built again."""
    builds.put("good", data_dir)
    publish(settings(data_dir))
    builds.put("corrected", data_dir)
    publish(settings(data_dir))
    link = data_dir / "exports" / "latest"
    link.unlink()
    link.symlink_to("r1")
    builds.put("good", data_dir)
    assert publish(settings(data_dir)).release_id == "r1"
    assert served_release(data_dir) == "r1"


def test_readers_never_fail_during_publications(builds: Builds, data_dir: Path) -> None:
    builds.put("good", data_dir)
    served = publish(settings(data_dir)).served_path
    readers = [
        subprocess.Popen(
            [sys.executable, "-c", READER, str(served), "9"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(8)
    ]
    held = duckdb.connect(str(served), read_only=True)
    for number in range(5):
        builds.put("corrected" if number % 2 == 0 else "good", data_dir, release_id=f"n{number}")
        assert publish(settings(data_dir)).status == "published"
    # a reader that stays connected keeps what it opened
    assert held.execute("select count(*) from fct_price_daily").fetchone() == (195,)
    held.close()
    for reader in readers:
        out, errors = reader.communicate(timeout=120)
        assert reader.returncode == 0, errors
        assert int(out) > 0
    assert value(served, "select count(*) from fct_price_daily") == 196


def test_the_build_is_opened_read_only(builds: Builds, data_dir: Path) -> None:
    record = builds.put("good", data_dir)
    before = record.database_path.stat()
    publish(settings(data_dir))
    after = record.database_path.stat()
    assert (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns)


@pytest.mark.parametrize("has_the_release", [True, False])
def test_a_copy_made_without_links_is_mended(
    builds: Builds, data_dir: Path, tmp_path: Path, has_the_release: bool
) -> None:
    builds.put("good", data_dir)
    publish(settings(data_dir))
    copy = tmp_path / "copy"
    shutil.copytree(data_dir, copy, symlinks=False)
    if not has_the_release:
        shutil.rmtree(copy / "exports" / "r1")
    assert not (copy / "exports" / "latest").is_symlink()
    builds.put("corrected", copy)
    assert publish(settings(copy)).release_id == "r2"
    assert exports(copy) == ["latest", "r1", "r2"]
    assert (copy / "exports" / "latest").readlink() == Path("r2")


def test_a_folder_that_is_no_release_is_not_taken_for_latest(builds: Builds, data_dir: Path) -> None:
    builds.put("good", data_dir)
    (data_dir / "exports" / "latest").mkdir(parents=True)
    (data_dir / "exports" / "latest" / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(PublishRefused, match="neither a link to a release nor a copy of one"):
        publish(settings(data_dir))
    assert exports(data_dir) == ["latest"]


def test_two_publications_do_not_interleave(builds: Builds, data_dir: Path) -> None:
    builds.put("good", data_dir)
    processes = [subprocess.Popen([sys.executable, "-c", PUBLISHER, str(data_dir)]) for _ in range(2)]
    assert [p.wait(timeout=120) for p in processes] == [0, 0]
    assert exports(data_dir) == ["latest", "r1"]


def test_a_held_lock_is_named(builds: Builds, data_dir: Path) -> None:
    from filelock import FileLock

    builds.put("good", data_dir)
    with FileLock(data_dir / "build" / ".publish.lock"), pytest.raises(PublishRefused, match="another publication"):
        publish(settings(data_dir), lock_timeout=0.1)


def test_a_served_database_with_other_rows_is_not_swapped_in(builds: Builds, data_dir: Path) -> None:
    from orchestration.publish.served import _verify

    builds.put("good", data_dir)
    served = publish(settings(data_dir)).served_path
    with pytest.raises(ServedDatabaseError, match="fct_volume: 3 rows, the build has 4"):
        _verify(data_dir, served, {"fct_volume": 4}, ())


def test_the_clock_names_the_release_not_the_wall(builds: Builds, data_dir: Path) -> None:
    builds.put("good", data_dir)
    folder = publish(settings(data_dir)).release_path
    assert json.loads((folder / "manifest.json").read_text())["built_at"] == NOW.isoformat()
    assert (data_dir / "exports" / "latest").readlink() == Path("r1")
