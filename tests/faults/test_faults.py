"""What becomes of every vendor's answers under every fault is written down in expected.csv, a line for each cell.

The suite tries a part of it; FAULTS=all tries the whole, which `make faults` does.
"""

from __future__ import annotations

import csv
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestration.settings import VENDORS
from tests.conftest import SandboxDirectory
from tests.faults.faulty import FAULTS, vendors
from tests.faults.matrix import COLUMNS, DATASETS, PLACES, Matrix

EXPECTED = Path(__file__).with_name("expected.csv")
ALL = os.environ.get("FAULTS") == "all"
# one of a connection, one of a status, one of a body
PART = [
    ("body ends early", "all"),
    ("cut, length and all", "all"),
    ("500", "files of fails"),
]
TRIED = [(fault, place) for place in PLACES for fault in FAULTS] if ALL else PART


def expected() -> list[dict[str, str]]:
    with EXPECTED.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def matrix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Matrix]:
    with pytest.MonkeyPatch.context() as patch:
        yield Matrix(tmp_path_factory.mktemp("faults"), patch)


def test_the_table_has_every_cell_once() -> None:
    cells = [(row["fault"], row["vendor"], row["dataset"]) for row in expected()]
    pairs = [pair for place in DATASETS.values() for pair in place]
    assert sorted(cells) == sorted((fault, *pair) for fault in FAULTS for pair in pairs)
    assert {vendor for vendor, _ in pairs} == set(VENDORS)


def test_no_fault_costs_a_row_or_a_run_and_the_next_run_repairs_all() -> None:
    for row in expected():
        assert (row["rows_kept"], row["run"], row["repaired"]) == ("yes", "passes", "yes"), row
        assert row["outcomes"] or row["vendor"] == "sec", row
        # what is stored of a failed answer would pass for the whole
        assert row["rows_added"] == "no" or "ok" in row["outcomes"].split(), row
        assert row["told"] == "yes" or set(row["outcomes"].split()) <= {"ok", "empty"}, row


@pytest.mark.parametrize(("fault", "place"), TRIED)
def test_every_cell_ends_as_written(matrix: Matrix, fault: str, place: str) -> None:
    found = list(matrix.cells(fault, place))
    wanted = {(row["vendor"], row["dataset"]): row for row in expected() if row["fault"] == fault}
    assert found
    assert tuple(found[0]) == COLUMNS
    for cell in found:
        assert cell == wanted[cell["vendor"], cell["dataset"]]


@pytest.mark.skipif(not ALL, reason="two whole runs; make faults makes them")
def test_a_day_on_which_nobody_answers_ends_with_0_and_a_line_for_each_vendor(
    sandbox_release: SandboxDirectory, tmp_path: Path
) -> None:
    directory = SandboxDirectory(tmp_path)
    shutil.copytree(sandbox_release.data, directory.data, symlinks=True)
    (tmp_path / "dagster").mkdir()

    def run(fault: str, where: str) -> tuple[int, list[str], str]:
        with vendors("2026-11-23T20:00:00", fault, where) as url:
            urls = {f"SMALLCAP_{vendor.upper()}_URL": url for vendor in VENDORS}
            done = directory.call("orchestration.cli.run", "2026-11-23T20:00:00", SMALLCAP_MAX_RPS="1000", **urls)
        _, _, less = done.stdout.partition("this run got less than everything:\n")
        lines = [line for line in less.splitlines() if " not answered (" in line]
        return done.returncode, lines, done.stdout + done.stderr

    code, lines, printed = run("403 with a page", "^/")
    assert (code, [line.partition(":")[0] for line in lines]) == (0, sorted(VENDORS)), printed
    assert all("stands" in line or "stand until" in line for line in lines), lines
    code, lines, printed = run("", "^$")
    assert (code, lines) == (0, []), printed
