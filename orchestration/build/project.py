"""The dbt project for Dagster: its manifest, made anew where a file is newer."""

import subprocess
import sys

import dagster as dg
from dagster_dbt import DbtProject
from filelock import FileLock

from orchestration.settings import REPOSITORY

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


DBT_PROJECT = dbt_project()
