"""Who may read which model: groups by subject, private models by folder, published ones by exposure, kept by dbt."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from orchestration.build.project import DBT_PROJECT, PROJECT_DIR
from orchestration.publish.tables import is_published

# private steps that a model of another group reads; each says in its YAML which
SHARED = {
    "int_signal",
    "int_holding_file",
    "int_holding_file_usable",
    "int_security_identity",
    "int_security_resolution",
}


@pytest.fixture(scope="module")
def manifest() -> dict[str, Any]:
    return json.loads(DBT_PROJECT.manifest_path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def models(manifest: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {node["name"]: node for node in manifest["nodes"].values() if node["resource_type"] == "model"}


def test_every_model_is_in_a_group_that_has_an_owner_and_a_description(
    manifest: dict[str, Any], models: dict[str, dict[str, Any]]
) -> None:
    groups = {group["name"]: group for group in manifest["groups"].values()}
    assert {node["config"]["group"] for node in models.values()} == set(groups)
    assert all(group["owner"]["name"] and group["description"] for group in groups.values())


def test_what_is_in_an_exposure_is_public_and_has_a_contract(
    manifest: dict[str, Any], models: dict[str, dict[str, Any]]
) -> None:
    exposed = {name for e in manifest["exposures"].values() for name in map(last, e["depends_on"]["nodes"])}
    assert exposed == {name for name in models if is_published(name)}
    assert exposed == {name for name, node in models.items() if node["access"] == "public"}
    assert all(models[name]["config"]["contract"]["enforced"] and models[name]["schema"] == "main" for name in exposed)


def test_private_models_stand_in_a_folder_of_their_own(models: dict[str, dict[str, Any]]) -> None:
    private = {name: node for name, node in models.items() if name.startswith("int_")}
    assert len(private) >= 19
    assert {name for name, node in private.items() if Path(node["path"]).parent.name != "intermediate"} == set()
    assert {node["schema"] for node in private.values()} == {"intermediate"}
    assert {name for name, node in private.items() if node["access"] != "private"} == SHARED
    assert {name for name, node in models.items() if node["access"] == "private"} == set(private) - SHARED


def test_a_shared_step_is_read_by_another_group(manifest: dict[str, Any], models: dict[str, dict[str, Any]]) -> None:
    for name in SHARED:
        readers = map(last, manifest["child_map"][models[name]["unique_id"]])
        groups = {models[reader]["config"]["group"] for reader in readers if reader in models}
        assert groups - {models[name]["config"]["group"]}, f"{name} could be private"


def test_dbt_refuses_a_reader_from_another_group(tmp_path: Path) -> None:
    project = tmp_path / "dbt_project"
    shutil.copytree(PROJECT_DIR, project, ignore=shutil.ignore_patterns("target", "logs"))
    intruder = project / "models" / "core" / "funds" / "intruder.sql"
    intruder.write_text("select index_code from {{ ref('int_presence') }}\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "dbt.cli.main", "parse", "--profiles-dir", ".", "--target", "lint"],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "intruder attempted to reference node model.smallcap.int_presence" in done.stdout
    assert "private to the 'index' group" in done.stdout


def last(unique_id: str) -> str:
    """Name of a node."""
    return unique_id.rpartition(".")[2]
