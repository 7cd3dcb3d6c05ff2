"""A publication writes what changed and takes over the rest; nobody can tell it from one that wrote everything."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from orchestration.lake.store import file_state
from orchestration.publish.release import publish
from orchestration.publish.standing import NAME, load_standing, note_standing
from tests.publish.tiny_project import MODELS, Builds, settings

DIVIDED, WHOLE = 50, 1_000_000


def put(builds: Builds, name: str, data_dir: Path) -> None:
    """The build of this name, beside the note of the last publication."""
    note = data_dir / "build" / NAME
    noted = note.read_bytes() if note.exists() else None
    builds.put(name, data_dir)
    if noted:
        note.write_bytes(noted)


def files(release: Path) -> dict[str, str]:
    """Hashes of the data files by path; the table that names the release aside."""
    tables = json.loads((release / "manifest.json").read_text())["tables"]
    return {f["path"]: f["sha256"] for name, t in tables.items() if name != "dim_release" for f in t["files"]}


def linked(release: Path) -> set[str]:
    """Data files of a release that are files of another release too."""
    return {path.relative_to(release).as_posix() for path in release.rglob("*.parquet") if path.stat().st_nlink > 1}


def served(database: Path) -> dict[str, list[tuple[object, ...]]]:
    """Everything a reader of the served database can see: rows, comments, macros."""
    with duckdb.connect(str(database), read_only=True) as con:
        said = {name: con.execute(f"from {name} order by all").fetchall() for name in MODELS if name != "dim_release"}
        said["tables"] = con.execute("select table_name, comment from duckdb_tables() order by all").fetchall()
        said["columns"] = con.execute(
            "select table_name, column_index, column_name, data_type, comment from duckdb_columns() "
            "where not internal order by all"
        ).fetchall()
        said["macros"] = con.execute(
            "select function_name, function_type, parameters, comment, "
            "case when function_name <> 'served_release' then macro_definition end "
            "from duckdb_functions() where not internal order by all"
        ).fetchall()
    return said


@pytest.mark.parametrize("big_table_rows", [DIVIDED, WHOLE])
@pytest.mark.parametrize("edition", [(True, True), (False, True), (True, False)])
def test_a_history_of_publications_equals_publications_from_nothing(builds, tmp_path, big_table_rows, edition):
    named = dict(zip(("export_restricted", "export_cusip"), edition, strict=True))
    grown = tmp_path / "grown"
    for number, name in enumerate(("good", "corrected", "good", "warned")):
        put(builds, name, grown)
        new = publish(settings(grown, **named), big_table_rows=big_table_rows)
        assert new.status == "published"
        fresh = tmp_path / f"fresh{number}"
        builds.put(name, fresh)
        whole = publish(settings(fresh, **named), big_table_rows=big_table_rows)
        assert files(new.release_path) == files(whole.release_path)
        assert served(new.served_path) == served(whole.served_path)
        assert bool(linked(new.release_path)) == (number > 0)
        name_of = "select release_id from"
        with duckdb.connect(str(new.served_path), read_only=True) as con:
            assert con.execute(f"{name_of} dim_release").fetchone() == (new.release_id,)
            exported = f"read_parquet('{new.release_path}/dim_release.parquet')"
            assert con.execute(f"{name_of} {exported}").fetchone() == (new.release_id,)


def test_only_the_year_that_changed_is_written(builds: Builds, data_dir: Path) -> None:
    put(builds, "good", data_dir)
    old = publish(settings(data_dir), big_table_rows=DIVIDED)
    put(builds, "corrected", data_dir)
    new = publish(settings(data_dir), big_table_rows=DIVIDED)
    before, after = files(old.release_path), files(new.release_path)
    same = {path for path in after if before.get(path) == after[path]}
    assert "fct_price_daily/year=2024/fct_price_daily.parquet" in same
    assert "fct_price_daily/year=2025/fct_price_daily.parquet" in set(after) - same
    assert linked(new.release_path) == same
    inodes = {(r / p).stat().st_ino for r in (old.release_path, new.release_path) for p in same}
    assert len(inodes) == len(same)


def test_a_file_that_was_touched_is_not_taken_over(builds: Builds, data_dir: Path) -> None:
    put(builds, "good", data_dir)
    old = publish(settings(data_dir), big_table_rows=DIVIDED)
    touched = old.release_path / "fct_price_daily/year=2024/fct_price_daily.parquet"
    good = touched.read_bytes()
    touched.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    put(builds, "corrected", data_dir)
    new = publish(settings(data_dir), big_table_rows=DIVIDED)
    assert (new.release_path / "fct_price_daily/year=2024/fct_price_daily.parquet").read_bytes() == good


def test_a_served_database_that_was_touched_is_built_from_nothing(builds: Builds, data_dir: Path) -> None:
    put(builds, "good", data_dir)
    old = publish(settings(data_dir))
    with duckdb.connect(str(old.served_path)) as con:
        con.execute("update dim_instrument set name = 'something else'")
        con.execute("create table of_somebody_else as select 1 as one")
    put(builds, "corrected", data_dir)
    new = publish(settings(data_dir))
    with duckdb.connect(str(new.served_path), read_only=True) as con:
        assert con.execute("select count(*) from dim_instrument where name = 'something else'").fetchone() == (0,)
        assert ("of_somebody_else",) not in con.execute("select table_name from duckdb_tables()").fetchall()


def test_a_note_that_cannot_be_read_makes_everything_new(builds: Builds, data_dir: Path) -> None:
    put(builds, "good", data_dir)
    publish(settings(data_dir))
    assert load_standing(data_dir).files
    for broken in ("", "[]", '{"files": 1}', '{"release": "x", "files": {}, "unknown": 1}'):
        (data_dir / "build" / NAME).write_text(broken)
        assert load_standing(data_dir).files == {}
    put(builds, "corrected", data_dir)
    assert linked(publish(settings(data_dir)).release_path) == set()


def test_a_divided_table_that_gained_a_column_is_served_with_it(builds: Builds, data_dir: Path, tmp_path: Path) -> None:
    put(builds, "good", data_dir)
    old = publish(settings(data_dir), big_table_rows=DIVIDED)
    # as an older version published it: the columns are part of what it noted of each month
    with duckdb.connect(str(old.served_path)) as con:
        con.execute("alter table fct_price_daily drop column available_at")
    noted = load_standing(data_dir)
    months = noted.served["fct_price_daily"]
    assert len(months) > 1
    older = dict(noted.served) | {"fct_price_daily": {month: f"older {month}" for month in months}}
    note_standing(data_dir, replace(noted, served=older, served_state=file_state(old.served_path)))
    put(builds, "corrected", data_dir)
    new = publish(settings(data_dir), big_table_rows=DIVIDED)
    builds.put("corrected", tmp_path / "fresh")
    assert served(new.served_path) == served(publish(settings(tmp_path / "fresh")).served_path)
