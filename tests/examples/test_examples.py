"""Every example runs on a published warehouse and says something."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest

from orchestration.settings import REPOSITORY

EXAMPLES = REPOSITORY / "examples"
STATEMENTS = duckdb.extract_statements((EXAMPLES / "query.sql").read_text(encoding="utf-8"))
SAYS = {
    "duckdb_example.py": ("sandbox-", "^RUT", "return_px", "CPIAUCSL"),
    "pandas_example.py": ("synthetic", "percentage points", "IWM", "SPY", "flow_65d_usd"),
    "pictures.py": ("members_contribution.png: sandbox-", "members_effect.png", "members_score.png"),
    "polars_example.py": ("synthetic", "126d", "ytd", "RUSSELL-2026-06"),
}


def _title(statement: duckdb.Statement) -> str:
    comments = [line for line in statement.query.splitlines() if line.startswith("-- ")]
    return comments[-1].removeprefix("-- ")[:50]


@pytest.fixture(scope="module")
def served(sandbox_release):
    with duckdb.connect(str(sandbox_release.data / "smallcap.duckdb"), read_only=True) as con:
        yield con


@pytest.mark.parametrize("statement", STATEMENTS, ids=_title)
def test_each_query_answers(served: duckdb.DuckDBPyConnection, statement: duckdb.Statement) -> None:
    answer = served.execute(statement)
    columns = [column[0] for column in answer.description]
    rows = answer.fetchall()
    # bars of members are off by default; tests/marts/test_member_bars.py asks this query where there are some
    assert rows or "from fct_security_bar_daily" in statement.query
    volumes = {"median_days", "mean_days_per_usd_bn", *(columns if not rows else ())}
    # without a gap, a failure, a missing file or years of history these have no value
    empty = {name for i, name in enumerate(columns) if all(row[i] is None for row in rows)}
    expected = {"first_gap", "last_gap", "last_failure", "last_detail", "missing_evidence", "flow_65d_zscore"}
    # nor have scores, where no files of the rank day of a past reconstitution are stored
    scores = {"hits", "missed_not_in_files", "precision", "recall", "brier"}
    assert empty <= expected | scores | volumes | {"weight_before_pct"}


def test_the_file_has_a_query_for_each_question(served: duckdb.DuckDBPyConnection) -> None:
    text = (EXAMPLES / "query.sql").read_text(encoding="utf-8")
    for part in (
        *("'ytd'", "'IWM' and benchmark_symbol = 'QQQ' and window_code = '5d'", "return_between(", "'DGS10'"),
        *(
            "'BAMLH0A0HYM2'",
            "flow_65d_usd",
            "mart_reconstitution_change",
            "mart_reconstitution_forecast",
            "fct_coverage",
            "fct_request_ledger",
        ),
    ):
        assert part in text


@pytest.mark.parametrize("script", sorted(SAYS))
def test_each_script_runs_where_the_readme_says(sandbox_release, tmp_path: Path, script: str) -> None:
    (tmp_path / "data_lake").symlink_to(sandbox_release.data)
    _check(_run(script, cwd=tmp_path), script)


@pytest.mark.parametrize("script", sorted(SAYS))
def test_each_script_takes_the_data_directory(sandbox_release, tmp_path: Path, script: str) -> None:
    _check(_run(script, str(sandbox_release.data), cwd=tmp_path), script)


def test_every_script_is_tested() -> None:
    assert {path.name for path in EXAMPLES.glob("*.py")} == set(SAYS)


def _run(script: str, *args: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command: list[Any] = [sys.executable, EXAMPLES / script, *args]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=120)


def _check(done: subprocess.CompletedProcess[str], script: str) -> None:
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    for part in SAYS[script]:
        assert part in done.stdout
    for nothing in ("0 rows", "shape: (0,", "Empty DataFrame", "NaN", "NULL"):
        assert nothing not in done.stdout
