"""Every raw table keeps account of its files, so that a lost, cut, altered or foreign one is named."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.lake.account import open_account, save_account, unnamed
from orchestration.lake.contracts import YAHOO_BAR
from orchestration.lake.store import Lake, LakeError, raw_accounts, raw_problems
from tests.lake.test_store import append, bar, closes

PART = "part-00000002.parquet"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A table of four parts, an empty one and three with a bar each."""
    filled(tmp_path)
    return tmp_path / "raw" / YAHOO_BAR.name


def filled(data_dir: Path) -> Lake:
    lake = Lake(data_dir, "live")
    for day in (1, 2, 3):
        append(lake, YAHOO_BAR, [bar(day, 10.0 + day)])
    return lake


def flip(path: Path) -> None:
    """Change a byte in the middle, as somebody would who edits the file."""
    said = bytearray(path.read_bytes())
    said[len(said) // 2] ^= 1
    path.write_bytes(said)


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (Path.unlink, rf"{PART} is missing \(1 rows\)"),
    "cut": (lambda path: path.write_bytes(path.read_bytes()[:-100]), rf"{PART} was altered: [\d,]+ bytes instead of"),
    "altered": (flip, rf"{PART} was altered: its content is not what was stored"),
    "another": (lambda path: shutil.copy(path.with_name("part-00000003.parquet"), path), f"{PART} was altered"),
    "foreign": (
        lambda path: shutil.copy(path, path.with_name("part-00000009.parquet")),
        r"part-00000009\.parquet is foreign: no run of this data directory wrote it",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_table_is_refused_by_name_and_left_as_it_is(tmp_path: Path, folder: Path, damage: str) -> None:
    harm, said = DAMAGES[damage]
    harm(folder / PART)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(LakeError, match=said) as refused:
        Lake(tmp_path, "live")
    assert str(folder) in str(refused.value)
    assert "Restore these files from a backup of raw/" in str(refused.value)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_restored_file_is_taken_as_it_was(tmp_path: Path, folder: Path) -> None:
    aside = shutil.copy(folder / PART, tmp_path)
    (folder / PART).unlink()
    with pytest.raises(LakeError, match="is missing"):
        Lake(tmp_path, "live")
    shutil.copy(aside, folder / PART)
    assert sorted(closes(Lake(tmp_path, "live")).values()) == [11.0, 12.0, 13.0]


def test_what_is_missing_is_accepted_as_lost_once_and_what_is_altered_never(tmp_path: Path, folder: Path) -> None:
    flip(folder / PART)
    with pytest.raises(LakeError, match="was altered"):
        Lake(tmp_path, "live", accept_losses=True)
    (folder / PART).unlink()
    assert sorted(closes(Lake(tmp_path, "live", accept_losses=True)).values()) == [11.0, 13.0]
    lake = Lake(tmp_path, "live")
    assert [entry["name"] for entry in json.loads((folder / "account.json").read_text())["lost"]] == [PART]
    assert append(lake, YAHOO_BAR, [bar(2, 12.0)]).num_rows == 1
    (folder / PART.replace("2", "1")).unlink()
    with pytest.raises(LakeError, match="is missing"):
        Lake(tmp_path, "live")


def test_an_account_that_was_edited_is_refused(tmp_path: Path, folder: Path) -> None:
    path = folder / "account.json"
    said = json.loads(path.read_text())
    said["parts"] = [entry for entry in said["parts"] if entry["name"] != PART]
    path.write_text(json.dumps(said))
    (folder / PART).unlink()
    with pytest.raises(LakeError, match=r"account\.json is damaged or was changed by hand"):
        Lake(tmp_path, "live")


def test_a_part_that_a_kill_left_without_its_name_gets_it(tmp_path: Path, folder: Path) -> None:
    (folder / PART).rename(unnamed(folder / PART))
    assert sorted(closes(Lake(tmp_path, "live")).values()) == [11.0, 12.0, 13.0]
    assert not list(folder.glob(".*"))


def test_a_part_that_a_kill_left_before_its_account_does_not_count(tmp_path: Path, folder: Path) -> None:
    shutil.copy(folder / PART, unnamed(folder / "part-00000004.parquet"))
    lake = Lake(tmp_path, "live")
    assert lake.next_sequence() == 4
    assert append(lake, YAHOO_BAR, [bar(4, 14.0)]).num_rows == 1
    assert not list(folder.glob(".*"))


def test_what_a_kill_left_under_a_name_that_never_comes_again_is_removed(tmp_path: Path, folder: Path) -> None:
    shutil.copy(folder / PART, unnamed(folder / "part-00000007.parquet"))
    (folder / ".account.json.tmp").write_text("{")
    assert sorted(closes(Lake(tmp_path, "live")).values()) == [11.0, 12.0, 13.0]
    assert not list(folder.glob(".*"))


def test_a_directory_of_an_older_version_gets_its_accounts(tmp_path: Path, folder: Path) -> None:
    before = raw_accounts(tmp_path)
    for path in (tmp_path / "raw").glob("*/account.json"):
        path.unlink()
    assert raw_accounts(tmp_path) == {}
    Lake(tmp_path, "live")
    assert raw_accounts(tmp_path) == before
    assert before[YAHOO_BAR.name] | {"head": ""} == {"parts": 4, "rows": 3, "head": ""}


@pytest.mark.parametrize("number", [0, 3])
def test_a_part_with_the_columns_of_another_version_is_refused_by_name(tmp_path, folder: Path, number: int) -> None:
    part = sorted(folder.glob("part-*.parquet"))[number]
    pq.write_table(pq.read_table(part).drop_columns("volume"), part)
    # as that version kept its account
    (folder / "account.json").unlink()
    save_account(folder, open_account(folder))
    said = rf"written by another version, so nothing is asked(.|\n)*{part.name} has other columns .*: volume\nRun the"
    for look in (lambda: Lake(tmp_path, "live"), lambda: raw_accounts(tmp_path)):
        with pytest.raises(LakeError, match=said):
            look()


def test_an_unreadable_part_of_an_older_version_is_named(tmp_path: Path, folder: Path) -> None:
    (folder / "account.json").unlink()
    (folder / PART).write_bytes((folder / PART).read_bytes()[:-10])
    with pytest.raises(LakeError, match=rf"{PART} cannot be read: .*Restore it from the backup of raw/"):
        Lake(tmp_path, "live")


def test_rot_that_moves_no_date_is_found_where_all_files_are_read(tmp_path: Path, folder: Path) -> None:
    state = (folder / PART).stat()
    flip(folder / PART)
    os.utime(folder / PART, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert raw_problems(tmp_path) == []
    assert [problem.split(" was ")[0] for problem in raw_problems(tmp_path, read_all=True)] == [str(folder / PART)]


@settings(max_examples=40, deadline=None)
@given(
    days=st.lists(st.integers(1, 28), min_size=1, max_size=40),
    which=st.integers(0, 1000),
    damage=st.sampled_from(sorted(DAMAGES)),
)
def test_no_history_is_refused_and_no_damage_passes(days: list[int], which: int, damage: str) -> None:
    with tempfile.TemporaryDirectory() as directory:
        lake = Lake(Path(directory), "live")
        for number, day in enumerate(days):
            append(lake, YAHOO_BAR, [bar(day, 10.0 + number)], days_later=number)
        Lake(Path(directory), "live")
        parts = sorted((lake.root / YAHOO_BAR.name).glob("part-*.parquet"))
        part = parts[which % len(parts)]
        if damage == "another":
            flip(part)
        elif damage == "foreign":
            shutil.copy(part, part.with_name("part-00009999.parquet"))
        else:
            DAMAGES[damage][0](part)
        with pytest.raises(LakeError, match=r"is missing|was altered|is foreign"):
            Lake(Path(directory), "live")
