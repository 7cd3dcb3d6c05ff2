"""The main job on the embedded sandbox market, end to end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from dagster import AssetKey, DagsterInstance, DagsterRunStatus, RunsFilter
from dagster._core.definitions.repository_definition.valid_definitions import SINGLETON_REPOSITORY_NAME
from dagster._core.remote_origin import ManagedGrpcPythonEnvCodeLocationOrigin, RemoteRepositoryOrigin
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

from orchestration.build.facts import project_version
from tests.conftest import REPOSITORY, SandboxDirectory

TODAY = "2026-11-20"


@pytest.fixture(scope="module")
def manifest(sandbox_release):
    return json.loads((sandbox_release.data / "exports" / "latest" / "manifest.json").read_text(encoding="utf-8"))


def served(directory, sql: str) -> pd.DataFrame:
    with duckdb.connect(str(directory.data / "smallcap.duckdb"), read_only=True) as con:
        return con.execute(sql).df()


def test_a_run_says_what_was_built_and_where(sandbox_release):
    assert "release sandbox-20261120" in sandbox_release.printed
    assert str(sandbox_release.data / "smallcap.duckdb") in sandbox_release.printed
    assert "warning:" not in sandbox_release.printed


def test_the_ui_lists_a_run_of_a_terminal_under_its_job(sandbox_release, manifest):
    """As the pages ask: by job and by the name of the code location that `make ui` loads."""
    module = LoadableTargetOrigin(executable_path=sys.executable, module_name="orchestration.definitions")
    location = ManagedGrpcPythonEnvCodeLocationOrigin(module)
    label = RemoteRepositoryOrigin(location, SINGLETON_REPOSITORY_NAME).get_label()
    with DagsterInstance.from_config(str(sandbox_release.root / "dagster")) as instance:
        runs = instance.get_runs(RunsFilter(job_name="smallcap_daily", tags={".dagster/repository": label}))
    assert [(run.run_id, run.status) for run in runs] == [(manifest["dagster_run_id"], DagsterRunStatus.SUCCESS)]
    # the timeline asks the run itself
    assert runs[0].remote_job_origin.repository_origin.get_label() == label


def test_every_vendor_is_asked_through_its_own_client_and_answers(sandbox_release):
    ledger = served(sandbox_release, "select vendor, outcome, count(*) as n from fct_request_ledger group by all")
    assert set(ledger["vendor"]) == {"yahoo", "fred", "blackrock", "ssga", "proshares", "direxion", "sec"}
    assert set(ledger["outcome"]) <= {"ok", "empty"}


def test_every_table_holds_rows(sandbox_release):
    tables = served(sandbox_release, "select table_name, estimated_size as n from duckdb_tables()")
    empty = set(tables[tables["n"] == 0]["table_name"])
    # bars of members are off by default
    assert empty - {"data_quality_issue"} == {"fct_security_bar_daily"}


def test_the_unit_tests_of_the_models_pass(sandbox_release, tmp_path):
    dbt = str(Path(sys.executable).with_name("dbt"))
    places = ["--profiles-dir", ".", "--target-path", str(tmp_path / "target"), "--log-path", str(tmp_path / "log")]
    done = subprocess.run(
        [dbt, "test", "--select", "test_type:unit", *places],
        cwd=REPOSITORY / "dbt_project",
        env={**os.environ, "SMALLCAP_DATA_DIR": str(sandbox_release.data)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:]
    metrics = {path.stem for path in (REPOSITORY / "dbt_project" / "models").rglob("mart_*.sql")}
    results = json.loads((tmp_path / "target" / "run_results.json").read_text(encoding="utf-8"))["results"]
    assert metrics <= {result["unique_id"].split(".")[2] for result in results if result["status"] == "pass"}


def test_sandbox_data_say_so_everywhere(sandbox_release, manifest):
    assert list(served(sandbox_release, "select distinct source from dim_release")["source"]) == ["sandbox"]
    assert manifest["source"] == "sandbox"
    assert manifest["is_synthetic"] is True
    brief = (sandbox_release.data / "exports" / "latest" / "brief.html").read_text(encoding="utf-8")
    assert "SYNTHETIC" in brief
    status = sandbox_release.call("orchestration.cli.status", TODAY).stdout
    assert "SYNTHETIC" in status


def test_a_release_says_by_which_version_it_was_made(sandbox_release, manifest):
    assert list(served(sandbox_release, "select version from dim_release")["version"]) == [project_version()]
    assert manifest["version"] == manifest["versions"]["project"] == project_version()


def test_a_directory_of_the_sandbox_is_refused_to_a_live_run(sandbox_release):
    key = {"SMALLCAP_SOURCE": "live", "FRED_API_KEY": "0" * 32, "SMALLCAP_SEC_USER_AGENT": "Jane Doe jane@example.com"}
    done = sandbox_release.call("orchestration.cli.run", TODAY, **key)
    assert done.returncode == 1
    assert "holds sandbox data and SMALLCAP_SOURCE is live" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_run_cleared_away_an_old_one_of_the_history(sandbox_release):
    assert "housekeeping removed 1 runs older than 90 days" in sandbox_release.printed


def test_a_table_materialized_alone_stands_and_says_what_is_published(sandbox_release, manifest):
    """Nothing changed, so nothing is built; the page of the table says that readers have it."""
    done = sandbox_release.call(
        "dagster", TODAY, "asset", "materialize", "--select", "mart_breadth", "-m", "orchestration.definitions"
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "nothing changed since the last build" in done.stdout + done.stderr
    with DagsterInstance.from_config(str(sandbox_release.root / "dagster")) as instance:
        event = instance.get_latest_materialization_event(AssetKey("mart_breadth"))
    assert event.run_id != manifest["dagster_run_id"]
    metadata = event.asset_materialization.metadata
    assert metadata["published"].value == f"Published as release {manifest['release_id']}."
    assert metadata["dagster/row_count"].value == manifest["tables"]["mart_breadth"]["rows"]


def test_directories_built_on_different_days_agree_on_every_common_session(sandbox_release, tmp_path):
    """The earlier one is built without a key, which the sandbox does not need."""
    earlier = SandboxDirectory(tmp_path)
    earlier.run("2026-11-18")
    for table, where in (
        ("fct_price_daily", "true"),
        ("mart_return", "true"),
        ("mart_relative_performance", "true"),
        ("fct_corporate_action", "true"),
        ("mart_macro_daily", "true"),
        ("mart_curve_daily", "true"),
        ("mart_inflation_monthly", "true"),
        ("mart_signal", "true"),
        ("mart_etf_flow", "true"),
        ("fct_holding", "true"),
        ("mart_valuation_gap", "is_proxy"),
    ):
        # known_at is when each directory was built
        with duckdb.connect(str(earlier.data / "smallcap.duckdb"), read_only=True) as con:
            columns = [
                row[0]
                for row in con.execute(f"select column_name from (describe {table})").fetchall()
                if row[0] not in ("known_at", "available_at", "inputs_available_at", "is_availability_assumed")
            ]
            con.execute(f"attach '{sandbox_release.data / 'smallcap.duckdb'}' as later (read_only)")
            listed = ", ".join(columns)
            rows, lost = con.execute(
                f"select (select count(*) from {table} where {where}), count(*) from "
                f"(select {listed} from {table} where {where} except all select {listed} from later.main.{table})"
            ).fetchone()
        assert rows > 100, table
        # Direxion shows today only: its one day is another one in each directory
        assert lost == 0 or (table == "mart_etf_flow" and lost <= 2), (table, lost)


def test_the_known_splits_moved_no_return(sandbox_release):
    split = served(
        sandbox_release,
        "select symbol, ex_date, value from fct_corporate_action where action_type = 'split' and value < 1",
    )
    assert "TZA" in set(split["symbol"])
    largest = served(
        sandbox_release,
        "select max(abs(return_px)) as r from mart_return where window_code = '1d' and symbol in ('TZA', 'SRTY')",
    )
    assert largest["r"][0] < 0.6


def test_parquet_is_read_by_everyone_with_the_types_of_the_manifest(sandbox_release, manifest):
    latest = sandbox_release.data / "exports" / "latest"
    assert len(manifest["tables"]) >= 23
    for name, table in manifest["tables"].items():
        files = [latest / file["path"] for file in table["files"]]
        columns = [column["name"] for column in table["columns"]]
        rows = table["rows"]
        described = duckdb.sql(f"describe select * from read_parquet({[str(f) for f in files]})").fetchall()
        assert [(c[0], c[1]) for c in described] == [(c["name"], c["type"]) for c in table["columns"]], name
        assert ds.dataset(files).count_rows() == rows, name
        schema = pq.read_schema(files[0])
        assert schema.names == columns, name
        assert [str(t) for t in schema.types] == [c["arrow_type"] for c in table["columns"]], name
        assert pl.scan_parquet(files).select(pl.len()).collect().item() == rows, name
        assert pl.scan_parquet(files).collect_schema().names() == columns, name
        if rows < 200_000:
            frame = pd.concat([pd.read_parquet(f) for f in files], ignore_index=True)
            assert list(frame.columns) == columns, name
            assert len(frame) == rows, name
