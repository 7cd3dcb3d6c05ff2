"""The harness itself: a few kills on a history that other tests have made, and faults planted for it to notice."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from orchestration.lake.account import PATTERN
from tests.chaos import checks
from tests.chaos.__main__ import Harness
from tests.chaos.points import STAGES, Stage
from tests.conftest import FILINGS_START, SandboxDirectory

RANGE = {
    "SMALLCAP_START": "2024-01-02",
    "SMALLCAP_HOLDINGS_START": "2026-05-01",
    "SMALLCAP_FILINGS_START": FILINGS_START,
}
# two vendors that answer in a second
FEW = {"SMALLCAP_VENDORS": "fred,proshares"}


@pytest.fixture(scope="module")
def harness(sandbox_release: SandboxDirectory, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Harness]:
    root = tmp_path_factory.mktemp("chaos")
    with Harness(root, 7, RANGE, "2026-11-20", "2026-11-23") as made:
        shutil.copytree(sandbox_release.data, root / "kept-before", symlinks=True)
        yield made


def again(stage: Stage) -> Stage:
    """The stage on a build that is published already: it is published once more."""
    return Stage(
        stage.name, (*stage.command, "--force"), "before", stage.chain, stage.points, stage.environment, stage.constants
    )


@pytest.mark.parametrize(
    ("name", "points"),
    [
        ("merge", ["before a part gets its name", "parts are merged: exchanged"]),
        ("publish", ["before latest moves"]),
    ],
)
def test_what_was_killed_is_repaired(harness: Harness, name: str, points: list[str]) -> None:
    stage = STAGES[name]
    if name == "merge":
        points_of_both = (*STAGES["ask"].points, *stage.points)
        stage = Stage(name, stage.command, stage.begins, 2, points_of_both, FEW, stage.constants)
    else:
        stage = again(stage)
    harness.directory.restore("before")
    harness.left_alone(stage, harness.day)
    harness.wanted[name] = harness.contents(stage)
    assert harness.wrong(stage) == []
    assert harness.chain(stage, points) == []
    assert [harness.rows[name, point].kills for point in points] == [1] * len(points)


@pytest.fixture
def whole(harness: Harness) -> Path:
    harness.directory.restore("before")
    assert checks.repaired(harness.directory.data) == []
    return harness.directory.data


def test_leftovers_are_noticed(whole: Path) -> None:
    (whole / "raw" / "request" / ".part-00000099.parquet.tmp").touch()
    (whole / "exports" / ".partial-r9").mkdir()
    (whole / "build" / "tmp").mkdir(exist_ok=True)
    (whole / "build" / "tmp" / "duckdb_temp_storage-0.tmp").touch()
    assert checks.repaired(whole) == [
        "raw/request/.part-00000099.parquet.tmp was left",
        "exports/.partial-r9 was left",
        "build/tmp/duckdb_temp_storage-0.tmp was left",
    ]


def test_a_lock_that_is_held_is_noticed(whole: Path) -> None:
    with FileLock(whole / "raw" / ".lock"):
        assert list(checks.locked(whole)) == ["raw/.lock is held"]


def test_a_release_that_is_not_whole_and_names_that_are_apart_are_noticed(whole: Path) -> None:
    latest = whole / "exports" / "latest"
    other = shutil.copytree(latest.resolve(), whole / "exports" / "sandbox-other")
    (other / "mart_return.parquet").unlink(missing_ok=True)
    shutil.rmtree(other / "mart_return", ignore_errors=True)
    name = latest.readlink().name
    latest.unlink()
    latest.symlink_to("sandbox-other")
    assert list(checks.standing(whole)) == [
        f"{latest} points at sandbox-other, which says that it is {name}",
        f"{latest} is not whole",
    ]
    assert checks.is_apart(whole)


def test_other_tables_are_noticed(whole: Path) -> None:
    before = checks.raw_contents(whole)
    newest = max((whole / "raw" / "yahoo_bar").glob(PATTERN), key=os.path.getsize)
    newest.unlink()
    assert len(checks.differences(checks.raw_contents(whole), before)) == 1
    assert any("is missing" in said for said in checks.repaired(whole))
    assert checks.differences({"a": "1", "b": "2"}, {"a": "1", "b": "3", "c": "4"}) == [
        "table b differs: 2 instead of 3",
        "table c differs: None instead of 4",
    ]
