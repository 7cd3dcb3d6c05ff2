"""make doctor, make backup and make restore: the raw zone is read to the last byte before it counts."""

from __future__ import annotations

import filecmp
import gzip
import re
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from orchestration.cli.backup import main as backup_or_restore
from orchestration.cli.doctor import main as doctor
from orchestration.lake.contracts import YAHOO_BAR
from orchestration.lake.store import Lake, raw_accounts
from orchestration.publish.release import publish
from tests.lake.test_account import DAMAGES, PART, filled
from tests.publish.tiny_project import Builds, settings


@pytest.fixture
def lake(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """A raw zone with three bars and a file as received."""
    monkeypatch.setenv("SMALLCAP_DATA_DIR", str(data_dir))
    lake = filled(data_dir)
    lake.archive(b"Ticker,Shares\nTZA,1\n", "csv", "direxion", "fund_days", "TZA")
    return lake


def backed_up(capsys: pytest.CaptureFixture[str], to: Path) -> Path:
    assert backup_or_restore(["backup", str(to)]) == 0
    found = re.search(r"make restore FROM=(\S+)", capsys.readouterr().out)
    assert found
    return Path(found[1])


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_backup_is_a_whole_copy_and_a_restore_brings_it_back(
    lake: Lake, data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw = data_dir / "raw"
    copy = backed_up(capsys, tmp_path / "backups")
    names = [name for name in files(raw) if not name.endswith(".lock")]
    assert files(copy / "raw") == names
    shutil.move(raw, tmp_path / "before")
    assert backup_or_restore(["restore", str(copy)]) == 0
    assert "read through. Build from it with: make run" in capsys.readouterr().out
    assert filecmp.cmpfiles(raw, tmp_path / "before", names, shallow=False) == (names, [], [])
    assert doctor([]) == 0
    assert Lake(data_dir, "live").next_sequence() == 4
    assert files(tmp_path / "backups") == files(copy.parent)
    assert not list((tmp_path / "backups").glob(".*"))


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_raw_zone_is_named_and_neither_backed_up_nor_restored(
    lake: Lake, data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: str
) -> None:
    copy = backed_up(capsys, tmp_path / "backups")
    harm, said = DAMAGES[damage]
    for folder in (data_dir, copy):
        harm(folder / "raw" / YAHOO_BAR.name / PART)
    assert doctor([]) == 1
    assert re.search(said, capsys.readouterr().out)
    assert backup_or_restore(["backup", str(tmp_path / "backups")]) == 1
    error = capsys.readouterr().err
    assert re.search(said, error)
    assert str(data_dir / "raw" / YAHOO_BAR.name) in error
    assert [path.name for path in (tmp_path / "backups").iterdir()] == [copy.name]
    shutil.rmtree(data_dir / "raw")
    assert backup_or_restore(["restore", str(copy)]) == 1
    assert re.search(said, capsys.readouterr().err)
    assert not (data_dir / "raw").exists()


def test_a_file_as_received_that_was_altered_cut_or_renamed_is_named(
    lake: Lake, data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = next((data_dir / "raw" / "files").rglob("*.gz"))
    stored = path.read_bytes()
    path.write_bytes(gzip.compress(b"something else"))
    assert doctor([]) == 1
    assert f"{path} was altered: its content is not what was received" in capsys.readouterr().out
    path.write_bytes(stored[:-9])
    assert doctor([]) == 1
    assert f"{path} cannot be unpacked" in capsys.readouterr().out
    path.write_bytes(stored)
    assert doctor([]) == 0


def test_a_part_with_other_columns_is_named_with_them(
    lake: Lake, data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = data_dir / "raw" / YAHOO_BAR.name
    pq.write_table(pq.read_table(folder / PART).drop_columns("volume"), folder / PART)
    (folder / "account.json").unlink()
    assert doctor([]) == 1
    assert f"{folder / PART} has other columns than this version reads: volume" in capsys.readouterr().out


def test_a_folder_that_is_gone_is_missed_by_the_release_made_from_it(
    lake: Lake, builds: Builds, data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    builds.put("good", data_dir)
    release = publish(settings(data_dir)).release_path
    assert f'"rows": {raw_accounts(data_dir)[YAHOO_BAR.name]["rows"]}' in (release / "manifest.json").read_text()
    assert doctor([]) == 0
    shutil.rmtree(data_dir / "raw" / YAHOO_BAR.name)
    assert doctor([]) == 1
    assert f"raw/{YAHOO_BAR.name} has 0 rows, 3 fewer than the 3 it had" in capsys.readouterr().out


def test_what_cannot_be_done_is_said(
    data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], lake: Lake
) -> None:
    copy = backed_up(capsys, tmp_path / "backups")
    for arguments, said in (
        (["backup", ""], "Name a folder: make backup TO="),
        (["backup", str(data_dir / "copies")], "lies in the data directory"),
        (["restore", str(tmp_path)], "is no backup: it has no raw/source.json"),
        (["restore", str(copy)], "a restore replaces nothing: move it away first"),
    ):
        assert backup_or_restore(arguments) == 1
        assert said in capsys.readouterr().err
    shutil.rmtree(data_dir / "raw")
    assert doctor([]) == 1
    assert "nothing was stored yet" in capsys.readouterr().err
    assert backup_or_restore(["backup", str(tmp_path / "backups")]) == 1
    assert "there is nothing to back up" in capsys.readouterr().err
