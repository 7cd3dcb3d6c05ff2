"""The checks of hand-typed and scheduled calendars fail when less than two months of them are left, and not before."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from orchestration.build.facts import write_facts
from tests.conftest import REPOSITORY

CHECKS = ("fomc_list_reaches_ahead", "reconstitution_list_reaches_ahead", "cpi_calendar_reaches_ahead")


@pytest.fixture(scope="module")
def failing(sandbox_release, tmp_path_factory):
    """Which of the checks fail at a clock, on a build of 2026-11-20."""
    root = tmp_path_factory.mktemp("checks")
    (root / "build").mkdir()
    shutil.copy(sandbox_release.data / "build" / "warehouse.duckdb", root / "build")
    (root / "raw").symlink_to(sandbox_release.data / "raw")

    def run(now_at: str) -> set[str]:
        # facts and not --vars, with which dbt would parse the project anew each time
        write_facts(root, {"now_at": now_at, "as_of_session": now_at[:10], "start_date": "2024-01-02"})
        target = Path(root / "target")
        done = subprocess.run(
            [
                *(sys.executable, "-m", "dbt.cli.main", "--quiet", "test", "--profiles-dir", "."),
                *("--select", *CHECKS),
                *("--target-path", str(target), "--log-path", str(root / "logs")),
            ],
            cwd=REPOSITORY / "dbt_project",
            env=os.environ | {"SMALLCAP_DATA_DIR": str(root)},
            capture_output=True,
            text=True,
            check=False,
        )
        # a calendar that runs out warns: prices are published all the same
        assert done.returncode == 0, done.stdout + done.stderr
        results = json.loads((target / "run_results.json").read_text(encoding="utf-8"))["results"]
        status = {result["unique_id"].split(".")[2]: result["status"] for result in results}
        assert set(status) == set(CHECKS)
        return {name for name, state in status.items() if state != "pass"}

    return run


@pytest.mark.parametrize(
    ("now_at", "expected"),
    [
        ("2026-11-20 23:59:59-05:00", set()),
        # the lists end on 2027-12-08 (FOMC) and 2027-12-10 (Russell), the sandbox's CPI calendar on 2027-12-10
        ("2027-10-09 12:00:00-04:00", set()),
        ("2027-10-10 12:00:00-04:00", {"fomc_list_reaches_ahead"}),
        ("2027-10-12 12:00:00-04:00", set(CHECKS)),
    ],
)
def test_the_checks_fail_sixty_days_before_the_end(failing, now_at, expected):
    assert failing(now_at) == expected
