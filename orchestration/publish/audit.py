"""The gate: publishes only what the newest dbt build holds, and only if that build was whole and passed.

A failed test stops the assets below it in the same run only. The gate therefore reads the build's own results, and
refuses whenever the database, the results and the record of the build do not belong together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestration.build.record import BuildRecord, BuildRecordError, load_record, read_json
from orchestration.build.results import NODE_TYPES, TEST_TYPES, failure, failures, short_name
from orchestration.lake.store import file_state
from orchestration.publish.tables import PublishRefused

AGAIN = "Build again (make run)"


@dataclass(frozen=True)
class Audit:
    """A build that may be published.

    Attributes:
        record: The build.
        manifest: Its dbt manifest.
        warnings: Tests of severity warn that failed, one sentence each.
        tests: Number of data and unit tests that ran.
    """

    record: BuildRecord
    manifest: Mapping[str, Any]
    warnings: tuple[str, ...]
    tests: int


def audit(data_dir: Path, source: str) -> Audit:
    """Check that the newest build may be published.

    Args:
        data_dir: The data directory.
        source: The source of this process's settings.

    Raises:
        PublishRefused: It may not; the message names every reason.
    """
    try:
        record = load_record(data_dir)
    except BuildRecordError as error:
        raise PublishRefused(f"Not published: {error}. {AGAIN}.") from error
    if record is None:
        raise PublishRefused(f"Not published: nothing was built in {data_dir} yet. Run: make run.")
    if record.source != source:
        raise PublishRefused(
            f"Not published: the build holds {record.source} data and SMALLCAP_SOURCE is {source}. "
            f"Set SMALLCAP_SOURCE={record.source}, or SMALLCAP_DATA_DIR to another folder."
        )
    manifest = _artifact(record, "manifest.json")
    results = _artifact(record, "run_results.json")
    problems = [
        *_stale(record, results),
        *failures(results["results"], manifest),
        *_gaps(results, _expected_nodes(manifest)),
    ]
    if problems:
        raise PublishRefused(
            "Not published, the release before stays in place:\n  - "
            + "\n  - ".join(problems)
            + "\nCorrect what is named, then build and publish again: make run."
        )
    outcomes = results["results"]
    return Audit(
        record=record,
        manifest=manifest,
        warnings=tuple(failure(r, manifest) for r in outcomes if r["status"] == "warn"),
        tests=_tests_run(outcomes),
    )


def _stale(record: BuildRecord, results: Mapping[str, Any]) -> Iterable[str]:
    ran = results["metadata"]["invocation_id"]
    if ran != record.invocation_id:
        yield (
            f"{record.dbt_target_path / 'run_results.json'} is of dbt invocation {ran}, the recorded build is "
            f"{record.invocation_id}: another dbt command ran since. {AGAIN}"
        )
    found = file_state(record.database_path)
    if found is None:
        yield f"the build database {record.database_path} is missing. {AGAIN}"
        return
    if found != (record.database_size, record.database_mtime_ns):
        yield f"{record.database_path} was changed after the recorded build, so its tests say nothing about it. {AGAIN}"
    if record.database_path.with_name(f"{record.database_path.name}.wal").exists():
        yield f"{record.database_path} was not closed: a build is running or was killed. Let it end. {AGAIN}"


def _gaps(results: Mapping[str, Any], expected: set[str]) -> Iterable[str]:
    outcomes = results["results"]
    counted = Counter(r["unique_id"] for r in outcomes)
    twice = sorted(short_name(name) for name, count in counted.items() if count > 1)
    if twice:
        yield f"{', '.join(twice[:10])} ran twice: the parts of the build overlap, see orchestration/build/steps.py"
    absent = sorted(short_name(name) for name in expected - {r["unique_id"] for r in outcomes})
    if absent:
        shown = ", ".join(absent[:10]) + (f" and {len(absent) - 10} more" if len(absent) > 10 else "")
        missed = f"{len(absent)} of {len(expected)} nodes did not run ({shown})"
        yield f"the build was partial: {missed}. Build without a selection"
    if not _tests_run(outcomes):
        yield "no test ran. Build with dbt build, not dbt run"
    for flag in ("empty", "sample"):
        if (results.get("args") or {}).get(flag):
            yield f"the build was made with --{flag}, so its tables do not hold the data. Build without it"


def _expected_nodes(manifest: Mapping[str, Any]) -> set[str]:
    """What a whole build ran. Unit tests say nothing about its data: one that ran must have passed, none has to run."""
    return {
        name
        for name, node in manifest["nodes"].items()
        if node["resource_type"] in NODE_TYPES and (node.get("config") or {}).get("materialized") != "ephemeral"
    }


def _tests_run(outcomes: Iterable[Mapping[str, Any]]) -> int:
    return sum(r["unique_id"].partition(".")[0] in TEST_TYPES and r["status"] != "skipped" for r in outcomes)


def _artifact(record: BuildRecord, name: str) -> dict[str, Any]:
    path = record.dbt_target_path / name
    try:
        return read_json(path)
    except FileNotFoundError as error:
        raise PublishRefused(f"Not published: {path} of the recorded build is missing. {AGAIN}.") from error
    except ValueError as error:
        raise PublishRefused(f"Not published: {path} cannot be read ({error}). {AGAIN}.") from error
