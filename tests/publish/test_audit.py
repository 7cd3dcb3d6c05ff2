"""The gate lets only a whole, passed, unchanged build through."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from orchestration.build.record import load_record, save_record
from orchestration.publish.audit import audit
from orchestration.publish.release import publish
from orchestration.publish.tables import PublishRefused
from tests.publish.tiny_project import Builds, build, dbt, record, settings


def test_a_passed_build_is_let_through(builds: Builds, data_dir: Path) -> None:
    builds.put("good", data_dir)
    found = audit(data_dir, "sandbox")
    assert found.tests > 10
    assert found.warnings == ()


def test_nothing_built_says_what_to_do(data_dir: Path) -> None:
    with pytest.raises(PublishRefused, match="make run"):
        publish(settings(data_dir))


def test_a_failed_test_is_named_with_its_rows_and_keeps_the_release_before(builds: Builds, data_dir: Path) -> None:
    builds.put("good", data_dir)
    publish(settings(data_dir))
    builds.put("broken", data_dir)
    # publish alone, in another run than the build that failed
    for _ in range(2):
        with pytest.raises(PublishRefused, match=r"(?s)close_is_not_broken fail: 65 rows.*make run"):
            publish(settings(data_dir))
    assert (data_dir / "exports" / "latest").readlink() == Path("r1")
    assert sorted(p.name for p in (data_dir / "exports").iterdir()) == ["latest", "r1"]


def test_a_failed_model_is_named_with_what_was_skipped(builds: Builds, data_dir: Path, tmp_path: Path) -> None:
    build(builds.project, data_dir, bump="'x'")
    with pytest.raises(PublishRefused, match=r"(?s)model fct_price_daily error.*skipped.*fct_volume"):
        audit(data_dir, "sandbox")


def test_a_warning_passes_and_is_listed(builds: Builds, data_dir: Path) -> None:
    builds.put("warned", data_dir)
    published = publish(settings(data_dir))
    assert len(published.warnings) == 1
    manifest = json.loads((published.release_path / "manifest.json").read_text())
    assert manifest["warnings"] == list(published.warnings)
    assert "no_low_volume" in manifest["warnings"][0]


def test_a_partial_build_is_refused(builds: Builds, data_dir: Path) -> None:
    builds.put("good", data_dir)
    build(builds.project, data_dir, "--select", "dim_instrument+")
    with pytest.raises(PublishRefused, match="partial"):
        audit(data_dir, "sandbox")


def test_a_build_without_tests_is_refused(builds: Builds, data_dir: Path) -> None:
    dbt(builds.project, data_dir, "run")
    record(data_dir, "r1")
    with pytest.raises(PublishRefused, match="no test ran"):
        audit(data_dir, "sandbox")


def test_an_empty_build_is_refused(builds: Builds, data_dir: Path) -> None:
    build(builds.project, data_dir, "--empty")
    with pytest.raises(PublishRefused, match="--empty"):
        audit(data_dir, "sandbox")


def test_results_of_another_invocation_are_refused(builds: Builds, data_dir: Path) -> None:
    found = builds.put("good", data_dir)
    save_record(data_dir, replace(found, invocation_id="another"))
    with pytest.raises(PublishRefused, match="another dbt command ran"):
        audit(data_dir, "sandbox")


def test_a_database_changed_after_the_build_is_refused(builds: Builds, data_dir: Path) -> None:
    found = builds.put("good", data_dir)
    with duckdb.connect(str(found.database_path)) as con:
        con.execute("update fct_price_daily set close = 0")
    with pytest.raises(PublishRefused, match="changed after the recorded build"):
        audit(data_dir, "sandbox")


def test_a_missing_database_or_result_is_refused(builds: Builds, data_dir: Path) -> None:
    found = builds.put("good", data_dir)
    found.database_path.unlink()
    with pytest.raises(PublishRefused, match=r"warehouse\.duckdb is missing"):
        audit(data_dir, "sandbox")
    (found.dbt_target_path / "run_results.json").unlink()
    with pytest.raises(PublishRefused, match=r"run_results\.json of the recorded build is missing"):
        audit(data_dir, "sandbox")


def test_an_unreadable_record_is_refused(builds: Builds, data_dir: Path) -> None:
    builds.put("good", data_dir)
    (data_dir / "build" / "build_result.json").write_text('{"release_id": "r1"}')
    with pytest.raises(PublishRefused, match="not a build record"):
        audit(data_dir, "sandbox")


def test_a_record_of_before_there_was_a_version_can_be_published(builds: Builds, data_dir: Path) -> None:
    builds.put("good", data_dir)
    path = data_dir / "build" / "build_result.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    assert content.pop("version") == "1.2.3"
    path.write_text(json.dumps(content), encoding="utf-8")
    assert audit(data_dir, "sandbox").record.version == "unknown"


def test_another_source_is_refused(builds: Builds, data_dir: Path) -> None:
    builds.put("good", data_dir)
    with pytest.raises(PublishRefused, match="SMALLCAP_SOURCE=sandbox"):
        audit(data_dir, "live")


def test_a_record_outlives_a_moved_data_directory(builds: Builds, data_dir: Path) -> None:
    builds.put("good", data_dir)
    moved = data_dir.rename(data_dir.with_name("elsewhere"))
    found = load_record(moved)
    assert found is not None
    assert found.database_path == moved / "build" / "warehouse.duckdb"
    assert audit(moved, "sandbox").record == found
