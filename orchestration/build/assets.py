"""The dbt assets: one full build of the warehouse, whatever part of it was asked for."""

import os
import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
from dagster_dbt import DagsterDbtTranslatorSettings, dbt_assets
from dagster_dbt.asset_utils import get_asset_check_key_for_test

from orchestration.build.facts import release_id, run_facts, write_facts
from orchestration.build.inputs import fingerprint
from orchestration.build.project import DBT_PROJECT
from orchestration.build.record import BuildRecordError, load_record, read_json, record_build
from orchestration.build.results import failures
from orchestration.build.served import publication
from orchestration.build.translator import Translator
from orchestration.calendars import last_closed_session
from orchestration.foreign_text import for_markdown
from orchestration.ingest.common import plain_words
from orchestration.lake.store import raw_accounts
from orchestration.settings import REPOSITORY, load_settings

# of what the steps print, where they end without a result to read
LINES_SHOWN = 15
# what the steps print is told in parts: an event in Dagster's history costs more than what one line says
LINES_TOLD_TOGETHER = 40
RELEASE = dg.AssetKey("release")


class BuildConfig(dg.Config):
    """How to build.

    Attributes:
        force: Build even where nothing changed, and compute every row of every table.
    """

    force: bool = False


TRANSLATOR = Translator(
    # several raw tables are filled by one ingest asset
    settings=DagsterDbtTranslatorSettings(enable_duplicate_source_asset_keys=True)
)


@dbt_assets(
    manifest=DBT_PROJECT.manifest_path, project=DBT_PROJECT, name="warehouse", dagster_dbt_translator=TRANSLATOR
)
def warehouse(context: dg.AssetExecutionContext, config: BuildConfig) -> Iterator[Any]:
    """One full, deterministic build; only this step opens the build database for writing.

    Whatever part was asked for, the whole is built: a partial build could not be published. Where nothing changed since
    the last build, it stands as it is. Each table says under `published` whether readers have this build.
    """
    with plain_words():
        yield from _build(context, config)


def _build(context: dg.AssetExecutionContext, config: BuildConfig) -> Iterator[Any]:
    settings = load_settings()
    # nothing is built from a raw zone that is not what was stored
    raw_accounts(settings.data_dir)
    now = settings.now()
    name = release_id(settings, now)
    facts = run_facts(settings, now, name)
    build = settings.data_dir / "build"
    (build / "tmp").mkdir(parents=True, exist_ok=True)
    write_facts(settings.data_dir, facts)
    # one folder for all builds: what dbt parsed in the last one is reused in the next
    target = build / "dbt"
    inputs = fingerprint(settings, facts)
    standing = None if config.force else _standing(settings.data_dir, inputs)
    if standing is not None:
        context.log.info("nothing changed since the last build: it stands as it is")
        yield from _events(context, settings.data_dir, target, standing)
        return
    (target / "run_results.json").unlink(missing_ok=True)
    try:
        said = _run_steps(context, settings.data_dir, target, full=config.force)
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
                version=facts["version"],
                git_commit=facts["git_commit"],
                dagster_run_id=context.run.run_id,
                inputs=inputs,
            )
    if not (target / "run_results.json").exists():
        raise dg.Failure(f"The build did not begin:\n{said}", allow_retries=False)
    manifest, results = read_json(target / "manifest.json"), read_json(target / "run_results.json")["results"]
    yield from _events(context, settings.data_dir, target, results)
    if said:
        failed = "\n  - ".join(failures(results, manifest)) or said
        raise dg.Failure(f"The build failed, nothing new is published:\n  - {failed}", allow_retries=False)


def _standing(data_dir: Path, inputs: str) -> list[dict[str, Any]] | None:
    """The results of the last build where it was made from the same inputs, passed, and was left alone since."""
    try:
        record = load_record(data_dir)
        if record is None or record.inputs != inputs or not record.is_untouched:
            return None
        results = read_json(record.dbt_target_path / "run_results.json")
        manifest = read_json(record.dbt_target_path / "manifest.json")
    except (BuildRecordError, OSError, ValueError):
        # what cannot be read is no reason to fail: it is built again
        return None
    same = results["metadata"]["invocation_id"] == record.invocation_id
    return results["results"] if same and not list(failures(results["results"], manifest)) else None


def _run_steps(context: dg.AssetExecutionContext, data_dir: Path, target: Path, *, full: bool) -> str:
    """Run the steps in a process of their own, which closes the database when it ends.

    Args:
        context: Where to log.
        data_dir: The data directory.
        target: Folder for dbt's artifacts.
        full: Whether to keep no rows of the last build.

    Returns:
        The last lines it printed where a step failed; nothing where all passed.
    """
    process = subprocess.Popen(  # noqa: S603 - our own module
        [sys.executable, "-m", "orchestration.build.steps", str(target), *(["--full-refresh"] if full else [])],
        cwd=REPOSITORY,
        # dbt reads the folder from the environment, in which the default is not spelled out
        env={**os.environ, "SMALLCAP_DATA_DIR": str(data_dir)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    newest: deque[str] = deque(maxlen=LINES_SHOWN)
    told: list[str] = []
    try:
        for line in process.stdout or ():
            newest.append(line)
            told.append(line)
            if len(told) == LINES_TOLD_TOGETHER:
                # a line for each node: of use in the UI, too much for a terminal
                context.log.debug("".join(told).rstrip())
                told.clear()
    except BaseException:
        # interrupted: dbt must not go on writing behind the run that ended
        process.terminate()
        process.wait()
        raise
    finally:
        if told:
            context.log.debug("".join(told).rstrip())
    return "".join(newest) if process.wait() else ""


def _events(
    context: dg.AssetExecutionContext, data_dir: Path, target: Path, results: list[dict[str, Any]]
) -> Iterator[dg.Output | dg.AssetCheckResult]:
    """What was built and checked, of the part of the warehouse that the run asked for."""
    manifest = read_json(target / "manifest.json")
    counts = _row_counts(data_dir / "build" / "warehouse.duckdb")
    selected = context.op_execution_context.selected_output_names
    invocation = read_json(target / "run_results.json")["metadata"]["invocation_id"]
    publishes = RELEASE in context.job_def.asset_layer.selected_asset_keys
    is_served, published = publication(data_dir, invocation, publishes=publishes)
    if not is_served:
        context.log.warning(published)
    for result in results:
        unique_id, status = result["unique_id"], result["status"]
        metadata = {"unique_id": unique_id, "Execution Duration": result["execution_time"]}
        if unique_id.startswith("test."):
            key = get_asset_check_key_for_test(manifest, TRANSLATOR, unique_id, project=DBT_PROJECT)
            if key and key in context.selected_asset_check_keys and status in {"pass", "warn", "fail", "error"}:
                severity = dg.AssetCheckSeverity.WARN if status == "warn" else dg.AssetCheckSeverity.ERROR
                yield dg.AssetCheckResult(
                    passed=status == "pass",
                    asset_key=key.asset_key,
                    check_name=key.name,
                    severity=severity,
                    description=for_markdown(result.get("message") or ""),
                    metadata={**metadata, "failing rows": result.get("failures") or 0},
                )
        elif status == "success":
            output = TRANSLATOR.get_asset_spec(manifest, unique_id, DBT_PROJECT).key.to_python_identifier()
            table = unique_id.split(".")[2]
            if output in selected:
                rows = {"dagster/row_count": counts[table]} if table in counts else {}
                yield dg.Output(None, output_name=output, metadata={**metadata, **rows, "published": published})


def _row_counts(database: Path) -> dict[str, int]:
    """Rows by table, as DuckDB keeps them; views have none."""
    with closing(duckdb.connect(str(database), read_only=True)) as con:
        return dict(con.execute("select table_name, estimated_size from duckdb_tables()").fetchall())
