"""Every reason to refuse a build, word for word: an operator acts on these sentences.

The files are written here as dbt writes them, so that each sentence has its test within milliseconds; test_audit.py
asks the gate about builds that the real dbt made.
"""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestration.build.record import BuildRecord, record_build, save_record
from orchestration.publish.audit import audit
from orchestration.publish.tables import PublishRefused

NODES: dict[str, dict[str, Any]] = {
    "model.tiny.fct_price": {"resource_type": "model", "original_file_path": "models/fct_price.sql", "config": {}},
    "model.tiny.int_helper": {"resource_type": "model", "config": {"materialized": "ephemeral"}},
    "seed.tiny.pair": {"resource_type": "seed", "original_file_path": "seeds/pair.csv", "config": None},
    "snapshot.tiny.frozen": {"resource_type": "snapshot"},
    "operation.tiny.hook": {"resource_type": "operation"},
    "test.tiny.unique_price.1a2b": {
        "resource_type": "test",
        "original_file_path": "models/fct_price.yml",
        "config": {"store_failures": True},
    },
    "test.tiny.not_null_price.3c4d": {"resource_type": "test", "original_file_path": "models/fct_price.yml"},
}
UNIT_TESTS = {"unit_test.tiny.fct_price.splits": {"original_file_path": "models/fct_price.yml"}}
PASSED = [
    *({"unique_id": name, "status": "success"} for name in NODES if name.startswith(("model.tiny.fct", "seed"))),
    {"unique_id": "snapshot.tiny.frozen", "status": "success"},
    {"unique_id": "test.tiny.unique_price.1a2b", "status": "pass", "failures": 0},
    {"unique_id": "test.tiny.not_null_price.3c4d", "status": "pass", "failures": 0},
    {"unique_id": "unit_test.tiny.fct_price.splits", "status": "pass"},
]


def write(data_dir: Path, *results: dict[str, Any], args: dict[str, Any] | None = None) -> BuildRecord:
    """A build of all nodes; a result given here stands in for the one that passed, None of it for its absence."""
    changed = {result["unique_id"]: result for result in results}
    listed = [changed.pop(one["unique_id"], one) for one in PASSED] + list(changed.values())
    target = data_dir / "build" / "dbt"
    target.mkdir(parents=True, exist_ok=True)
    (target / "manifest.json").write_text(json.dumps({"nodes": NODES, "unit_tests": UNIT_TESTS}), encoding="utf-8")
    content = {
        "metadata": {"invocation_id": "i1"},
        "results": [one for one in listed if one.get("status")],
        "args": {} if args is None else args,
    }
    (target / "run_results.json").write_text(json.dumps(content), encoding="utf-8")
    database = data_dir / "build" / "warehouse.duckdb"
    database.write_bytes(b"built")
    return record_build(
        data_dir,
        dbt_target_path=target,
        database_path=database,
        now_at=dt.datetime(2026, 8, 21, 22, tzinfo=dt.UTC),
        as_of_session=dt.date(2026, 8, 21),
        source="sandbox",
        release_id="r1",
        version="1.0.0",
        git_commit="unknown",
    )


def reasons(data_dir: Path) -> list[str]:
    """Why the gate refuses, one reason an entry."""
    with pytest.raises(PublishRefused) as refused:
        audit(data_dir, "sandbox")
    lines = str(refused.value).split("\n")
    assert lines[0] == "Not published, the release before stays in place:"
    assert lines[-1] == "Correct what is named, then build and publish again: make run."
    assert all(line.startswith("  - ") for line in lines[1:-1])
    return [line.removeprefix("  - ") for line in lines[1:-1]]


def refusal(data_dir: Path, source: str = "sandbox") -> str:
    with pytest.raises(PublishRefused) as refused:
        audit(data_dir, source)
    return str(refused.value)


def test_a_whole_build_passes_and_its_tests_are_counted(tmp_path: Path) -> None:
    record = write(tmp_path)
    found = audit(tmp_path, "sandbox")
    assert (found.record, found.tests, found.warnings) == (record, 3, ())
    assert found.manifest["unit_tests"] == UNIT_TESTS


def test_a_warning_passes_and_is_told(tmp_path: Path) -> None:
    write(tmp_path, {"unique_id": "test.tiny.not_null_price.3c4d", "status": "warn", "failures": 2, "message": "Got 2"})
    assert audit(tmp_path, "sandbox").warnings == (
        "test not_null_price warn: 2 rows (Got 2); defined in models/fct_price.yml",
    )


def test_results_without_arguments_pass(tmp_path: Path) -> None:
    record = write(tmp_path)
    path = record.dbt_target_path / "run_results.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    del content["args"]
    path.write_text(json.dumps(content), encoding="utf-8")
    assert audit(tmp_path, "sandbox").tests == 3


def test_what_the_project_does_not_know_is_no_part_of_the_build(tmp_path: Path) -> None:
    write(tmp_path, {"unique_id": "operation.tiny.hook", "status": "error", "message": "no"})
    assert audit(tmp_path, "sandbox").tests == 3


def test_nothing_built(tmp_path: Path) -> None:
    assert refusal(tmp_path) == f"Not published: nothing was built in {tmp_path} yet. Run: make run."


def test_a_broken_record(tmp_path: Path) -> None:
    write(tmp_path)
    path = tmp_path / "build" / "build_result.json"
    path.write_text("{", encoding="utf-8")
    told = refusal(tmp_path)
    assert told.startswith(f"Not published: {path} is not a build record (")
    assert told.endswith(". Build again (make run).")


def test_another_source(tmp_path: Path) -> None:
    write(tmp_path)
    assert refusal(tmp_path, "live") == (
        "Not published: the build holds sandbox data and SMALLCAP_SOURCE is live. "
        "Set SMALLCAP_SOURCE=sandbox, or SMALLCAP_DATA_DIR to another folder."
    )


@pytest.mark.parametrize("name", ["manifest.json", "run_results.json"])
def test_files_of_dbt_that_are_missing_or_broken(tmp_path: Path, name: str) -> None:
    path = write(tmp_path).dbt_target_path / name
    path.write_text("{", encoding="utf-8")
    told = refusal(tmp_path)
    assert told.startswith(f"Not published: {path} cannot be read (")
    assert told.endswith("). Build again (make run).")
    path.unlink()
    assert refusal(tmp_path) == f"Not published: {path} of the recorded build is missing. Build again (make run)."


def test_results_of_another_invocation(tmp_path: Path) -> None:
    record = write(tmp_path)
    save_record(tmp_path, replace(record, invocation_id="i0"))
    assert reasons(tmp_path) == [
        f"{record.dbt_target_path / 'run_results.json'} is of dbt invocation i1, the recorded build is i0: "
        "another dbt command ran since. Build again (make run)"
    ]


def test_a_missing_database(tmp_path: Path) -> None:
    record = write(tmp_path)
    record.database_path.unlink()
    # its size and the log beside it are not asked after
    record.database_path.with_name("warehouse.duckdb.wal").touch()
    assert reasons(tmp_path) == [f"the build database {record.database_path} is missing. Build again (make run)"]


@pytest.mark.parametrize("change", [{"database_size": 4}, {"database_mtime_ns": 1}])
def test_a_changed_database(tmp_path: Path, change: dict[str, int]) -> None:
    record = write(tmp_path)
    save_record(tmp_path, replace(record, **change))
    assert reasons(tmp_path) == [
        f"{record.database_path} was changed after the recorded build, so its tests say nothing about it. "
        "Build again (make run)"
    ]


def test_a_database_that_was_not_closed(tmp_path: Path) -> None:
    record = write(tmp_path)
    record.database_path.with_name("warehouse.duckdb.wal").touch()
    assert reasons(tmp_path) == [
        f"{record.database_path} was not closed: a build is running or was killed. Let it end. Build again (make run)"
    ]


@pytest.mark.parametrize(
    ("result", "told"),
    [
        (
            {"unique_id": "test.tiny.unique_price.1a2b", "status": "fail", "failures": 7, "message": " Got\n 7  rows "},
            "test unique_price fail: 7 rows (Got 7 rows); defined in models/fct_price.yml",
        ),
        (
            {"unique_id": "test.tiny.unique_price.1a2b", "status": "fail", "failures": 7, "relation_name": "a.failed"},
            "test unique_price fail: 7 rows; the rows are in a.failed",
        ),
        (
            {"unique_id": "test.tiny.not_null_price.3c4d", "status": "fail", "failures": 1, "relation_name": "a.not"},
            "test not_null_price fail: 1 rows; defined in models/fct_price.yml",
        ),
        (
            {"unique_id": "test.tiny.not_null_price.3c4d", "status": "error", "failures": None, "message": "Binder"},
            "test not_null_price error (Binder); defined in models/fct_price.yml",
        ),
        (
            {"unique_id": "unit_test.tiny.fct_price.splits", "status": "fail", "failures": 1},
            "unit test fct_price.splits fail; defined in models/fct_price.yml",
        ),
        (
            {"unique_id": "model.tiny.fct_price", "status": "error", "failures": 3, "relation_name": "main.fct_price"},
            "model fct_price error; defined in models/fct_price.sql",
        ),
        (
            {"unique_id": "seed.tiny.pair", "status": "error", "relation_name": "seeds.pair", "message": None},
            "seed pair error; defined in seeds/pair.csv",
        ),
        ({"unique_id": "snapshot.tiny.frozen", "status": "error"}, "snapshot frozen error"),
        ({"unique_id": "test.tiny.gone.5e6f", "status": "fail", "failures": 2}, "test gone fail: 2 rows"),
    ],
)
def test_what_failed_is_named_with_where_to_look(tmp_path: Path, result: dict[str, Any], told: str) -> None:
    write(tmp_path, result)
    assert reasons(tmp_path) == [told]


def test_every_failure_is_told_and_what_it_kept_from_running_in_one_line(tmp_path: Path) -> None:
    write(
        tmp_path,
        {"unique_id": "test.tiny.unique_price.1a2b", "status": "skipped"},
        {"unique_id": "seed.tiny.pair", "status": "error"},
        {"unique_id": "snapshot.tiny.frozen", "status": "error"},
        {"unique_id": "model.tiny.fct_price", "status": "skipped"},
    )
    assert reasons(tmp_path) == [
        "seed pair error; defined in seeds/pair.csv",
        "snapshot frozen error",
        "2 skipped because something before them failed: fct_price, unique_price",
    ]


def test_a_project_without_unit_tests_can_fail_too(tmp_path: Path) -> None:
    record = write(tmp_path, {"unique_id": "test.tiny.gone.5e6f", "status": "fail", "failures": 2})
    path = record.dbt_target_path / "manifest.json"
    path.write_text(json.dumps({"nodes": NODES}), encoding="utf-8")
    assert reasons(tmp_path) == ["test gone fail: 2 rows"]


def test_a_partial_build(tmp_path: Path) -> None:
    # neither the ephemeral model nor the hook nor the unit test has to run
    write(
        tmp_path,
        {"unique_id": "seed.tiny.pair", "status": None},
        {"unique_id": "model.tiny.fct_price", "status": None},
        {"unique_id": "unit_test.tiny.fct_price.splits", "status": None},
    )
    assert reasons(tmp_path) == [
        "the build was partial: 2 of 5 nodes did not run (fct_price, pair). Build without a selection"
    ]


@pytest.mark.parametrize(
    ("missing", "ending"), [(10, ", model_07, model_08, model_09)"), (11, ", model_07, model_08, model_09 and 1 more)")]
)
def test_a_long_list_of_what_did_not_run_is_cut(tmp_path: Path, missing: int, ending: str) -> None:
    path = write(tmp_path).dbt_target_path / "manifest.json"
    more = {f"model.tiny.model_{n:02d}": {"resource_type": "model"} for n in range(missing)}
    path.write_text(json.dumps({"nodes": NODES | more, "unit_tests": {}}), encoding="utf-8")
    (told,) = reasons(tmp_path)
    assert told.startswith(f"the build was partial: {missing} of {5 + missing} nodes did not run (model_00, model_01, ")
    assert told.endswith(f"{ending}. Build without a selection")


@pytest.mark.parametrize(("repeated", "told"), [(1, "model_00"), (11, "model_00, model_01, ")])
def test_parts_of_a_build_that_overlap(tmp_path: Path, repeated: int, told: str) -> None:
    record = write(tmp_path)
    more = {f"model.tiny.model_{n:02d}": {"resource_type": "model"} for n in range(repeated)}
    (record.dbt_target_path / "manifest.json").write_text(json.dumps({"nodes": NODES | more}), encoding="utf-8")
    path = record.dbt_target_path / "run_results.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    content["results"] += [{"unique_id": name, "status": "success"} for name in more] * 2
    path.write_text(json.dumps(content), encoding="utf-8")
    (found,) = reasons(tmp_path)
    assert found.startswith(told)
    # ten are named
    assert found.count("model_") == min(repeated, 10)
    assert found.endswith(" ran twice: the parts of the build overlap, see orchestration/build/steps.py")


@pytest.mark.parametrize("status", [None, "skipped"])
def test_a_build_without_tests(tmp_path: Path, status: str | None) -> None:
    write(tmp_path, *({**one, "status": status} for one in PASSED if "test." in one["unique_id"]))
    assert reasons(tmp_path)[-1] == "no test ran. Build with dbt build, not dbt run"


@pytest.mark.parametrize("flag", ["empty", "sample"])
def test_a_build_without_all_of_the_data(tmp_path: Path, flag: str) -> None:
    write(tmp_path, args={flag: True, "full_refresh": True})
    assert reasons(tmp_path) == [
        f"the build was made with --{flag}, so its tables do not hold the data. Build without it"
    ]


def test_all_reasons_are_told_at_once(tmp_path: Path) -> None:
    record = write(tmp_path, {"unique_id": "seed.tiny.pair", "status": "error"}, args={"empty": True})
    save_record(tmp_path, replace(record, invocation_id="i0", database_size=4))
    assert [one.split(" ")[0] for one in reasons(tmp_path)] == [
        str(record.dbt_target_path / "run_results.json"),
        str(record.database_path),
        "seed",
        "the",
    ]
