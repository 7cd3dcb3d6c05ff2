"""`make docs`: one page of all models, their columns and lineage; dbt makes it from the project and the build."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from orchestration.foreign_text import say
from orchestration.settings import REPOSITORY, SettingsError, load_settings_to_read


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the page and print its path.

    Returns:
        0, or 1 with the reason on standard error.
    """
    parser = argparse.ArgumentParser(prog="docs", description="Write a page of all models, columns and lineage.")
    parser.parse_args(arguments)
    try:
        data = load_settings_to_read().data_dir
    except SettingsError as error:
        return _fail(str(error))
    database = data / "build" / "warehouse.duckdb"
    if not database.exists():
        return _fail(f"{database} does not exist: dbt reads the types of columns from a built database. Run: make run")
    made = data / "build" / "docs"
    done = _generate(data, made)
    if done.returncode:
        return _fail(f"dbt could not write the page, the earlier one stays:\n{done.stdout}{done.stderr}")
    page = data / "docs" / "index.html"
    page.parent.mkdir(exist_ok=True)
    (made / "static_index.html").replace(page)
    say(f"wrote {page}")
    return 0


def _generate(data: Path, target: Path) -> subprocess.CompletedProcess[str]:
    """Let dbt write one file that holds the page, the project and the catalog; the database is opened read-only."""
    options = ["--static", "--profiles-dir", ".", "--target", "docs", "--target-path", str(target)]
    return subprocess.run(  # noqa: S603 - the interpreter of this environment, and settings of this user
        [sys.executable, "-m", "dbt.cli.main", "--quiet", "docs", "generate", *options, "--log-path", str(target)],
        cwd=REPOSITORY / "dbt_project",
        env=os.environ | {"SMALLCAP_DATA_DIR": str(data)},
        capture_output=True,
        text=True,
        check=False,
    )


def _fail(message: str) -> int:
    say(message, error=True)
    return 1


if __name__ == "__main__":
    sys.exit(main())
