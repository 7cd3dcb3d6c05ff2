"""The dbt assets: one full build of the warehouse, and the record of it that publish audits."""

import datetime as dt
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, DbtCliResource, DbtProject, dbt_assets
from filelock import FileLock

from orchestration.calendars import last_closed_session
from orchestration.ingest.common import OWNER
from orchestration.publish.audit import record_build
from orchestration.settings import REPOSITORY, Settings, load_settings

PROJECT_DIR = REPOSITORY / "dbt_project"


def dbt_project() -> DbtProject:
    """The dbt project, its manifest made anew where a file of the project is newer."""
    project = DbtProject(project_dir=PROJECT_DIR, profiles_dir=PROJECT_DIR, target="build")
    sources = [path for folder in ("models", "seeds", "macros", "tests") for path in (PROJECT_DIR / folder).rglob("*")]
    newest = max(path.stat().st_mtime for path in [*sources, PROJECT_DIR / "dbt_project.yml"])
    # processes that start together on changed files would write one manifest at the same time
    project.manifest_path.parent.mkdir(exist_ok=True)
    with FileLock(project.manifest_path.with_suffix(".lock")):
        if not project.manifest_path.exists() or project.manifest_path.stat().st_mtime < newest:
            _parse()
    return project


def _parse() -> None:
    """Write the manifest; a failing parse shows dbt's own message."""
    done = subprocess.run(
        [sys.executable, "-m", "dbt.cli.main", "--quiet", "parse", "--profiles-dir", "."],
        cwd=PROJECT_DIR,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise dg.DagsterInvalidDefinitionError(f"dbt cannot read dbt_project/:\n{done.stdout}\n{done.stderr}")


class Translator(DagsterDbtTranslator):
    """Groups, owners, kinds and tags of the dbt assets by the folder of their model."""

    def get_asset_spec(self, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None) -> dg.AssetSpec:
        """The asset of one dbt node."""
        spec = super().get_asset_spec(manifest, unique_id, project)
        node = manifest["nodes"].get(unique_id) or manifest["sources"][unique_id]
        if node["resource_type"] == "source":
            return spec
        folder = "seeds" if node["resource_type"] == "seed" else node["fqn"][1]
        group = node["fqn"][2] if folder == "marts" and len(node["fqn"]) > 3 else folder
        # what stands on nothing waits for the ingest as well, so that a backfill builds the warehouse once
        roots = [] if list(spec.deps) else [dg.AssetKey("request_ledger"), dg.AssetKey("nyse_sessions")]
        return spec.replace_attributes(group_name=group, owners=[OWNER]).merge_attributes(
            deps=roots, metadata=_seed_columns(node), tags={"layer": folder}, kinds={"dbt", "duckdb"}
        )


def _seed_columns(node: Mapping[str, Any]) -> dict[str, dg.TableSchema]:
    """Columns of a seed, which stand in its column_types; models declare theirs."""
    types = node["config"].get("column_types") or {}
    if not types:
        return {}
    known = {name: column.get("description") or None for name, column in node["columns"].items()}
    columns = [dg.TableColumn(name, kind, description=known.get(name)) for name, kind in types.items()]
    return {"dagster/column_schema": dg.TableSchema(columns)}


DBT_PROJECT = dbt_project()
# dbt of this environment, which need not be on the PATH
DBT = DbtCliResource(project_dir=DBT_PROJECT, dbt_executable=str(Path(sys.executable).with_name("dbt")))


def build_vars(settings: Settings, now: dt.datetime, release_id: str) -> dict[str, str]:
    """What a build depends on besides the raw lake."""
    return {
        "now_at": now.isoformat(sep=" ", timespec="seconds"),
        "as_of_session": last_closed_session(now).isoformat(),
        "start_date": settings.start.isoformat(),
        "source": settings.source,
        "release_id": release_id,
        "git_commit": git_commit(),
    }


def release_id(settings: Settings, now: dt.datetime) -> str:
    """Name of the release a build makes: its source, newest session, and the clock."""
    return f"{settings.source}-{last_closed_session(now):%Y%m%d}-{now.astimezone(dt.UTC):%Y%m%dT%H%M%SZ}"


def git_commit() -> str:
    """The commit of the code that builds, `-dirty` where files differ from it; `unknown` outside a repository."""
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],  # noqa: S607 - git of the PATH
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() if done.returncode == 0 else "unknown"


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
