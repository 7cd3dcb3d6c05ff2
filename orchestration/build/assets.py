"""The dbt assets: one full build of the warehouse."""

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
from dagster_dbt import DagsterDbtTranslatorSettings, DbtCliResource, dbt_assets

from orchestration.build.facts import build_vars, git_commit, project_version, release_id
from orchestration.build.project import DBT_PROJECT
from orchestration.build.record import record_build
from orchestration.build.translator import Translator
from orchestration.calendars import last_closed_session
from orchestration.settings import load_settings


@dbt_assets(
    manifest=DBT_PROJECT.manifest_path,
    project=DBT_PROJECT,
    name="warehouse",
    dagster_dbt_translator=Translator(
        # several raw tables are filled by one ingest asset
        settings=DagsterDbtTranslatorSettings(enable_duplicate_source_asset_keys=True)
    ),
)
def warehouse(context: dg.AssetExecutionContext, dbt: DbtCliResource) -> Iterator[Any]:
    """One full, deterministic dbt build; only this step opens the build database for writing."""
    settings = load_settings()
    now = settings.now()
    name = release_id(settings, now)
    build = settings.data_dir / "build"
    (build / "tmp").mkdir(parents=True, exist_ok=True)
    # dbt reads the folder from the environment, in which the default is not spelled out
    os.environ["SMALLCAP_DATA_DIR"] = str(settings.data_dir)
    target = build / "dbt" / context.run.run_id
    # Whatever part was asked for, the whole is built: a partial build could not be published. Unit tests look at the
    # code and at rows of their own, never at data: they belong to the test suite.
    select = ["--select", "fqn:*", "--exclude-resource-type", "unit_test"]
    call = dbt.cli(
        ["build", *select, "--vars", json.dumps(build_vars(settings, now, name))],
        context=context,
        target_path=target,
    )
    events: list[Any] = []
    try:
        events.extend(call.stream())
    finally:
        # a failed build is recorded as well: publish refuses it by name
        if (target / "run_results.json").exists():
            record_build(
                settings.data_dir,
                dbt_target_path=target,
                database_path=build / "warehouse.duckdb",
                now_at=now,
                as_of_session=last_closed_session(now),
                source=settings.source,
                release_id=name,
                version=project_version(),
                git_commit=git_commit(),
                dagster_run_id=context.run.run_id,
            )
    # counted here, after dbt has closed the file: dagster-dbt's own count leaves it open in this process
    asked = [event for event in events if _is_selected(context, event)]
    yield from _with_row_counts(asked, build / "warehouse.duckdb")


def _is_selected(context: dg.AssetExecutionContext, event: object) -> bool:
    """Whether an event belongs to the part of the warehouse that the run asked for."""
    if isinstance(event, dg.Output):
        return event.output_name in context.op_execution_context.selected_output_names
    if isinstance(event, dg.AssetCheckResult) and event.asset_key and event.check_name:
        return dg.AssetCheckKey(event.asset_key, event.check_name) in context.selected_asset_check_keys
    return True


def _with_row_counts(events: Iterable[Any], database: Path) -> Iterator[Any]:
    with closing(duckdb.connect(str(database), read_only=True)) as con:
        names = con.execute("select table_schema, table_name from information_schema.tables").fetchall()
        where = {name: f'"{schema}"."{name}"' for schema, name in names}
        for event in events:
            table = where.get(str(_unique_id(event)).rpartition(".")[2])
            if isinstance(event, dg.Output) and table:
                count = con.execute(f"select count(*) from {table}").fetchone()
                yield event.with_metadata({**event.metadata, "dagster/row_count": count[0] if count else 0})
            else:
                yield event


def _unique_id(event: object) -> object:
    value = getattr(event, "metadata", {}).get("unique_id")
    return getattr(value, "value", value)
