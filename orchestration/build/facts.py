"""The facts of one build: the clock, the release it makes, the version and the commit of the code.

dbt reads them as data. Given as `--vars` they would make it parse the whole project anew in every run.
"""

import datetime as dt
import subprocess
import tomllib
from pathlib import Path

import pyarrow as pa

from orchestration.calendars import last_closed_session
from orchestration.ingest.common import reference_file
from orchestration.lake.store import write_table_atomically
from orchestration.settings import REPOSITORY, Settings


def run_facts(settings: Settings, now: dt.datetime, release_id: str) -> dict[str, str]:
    """What a build depends on besides the raw lake, all as text."""
    return {
        "now_at": now.isoformat(sep=" ", timespec="seconds"),
        "as_of_session": last_closed_session(now).isoformat(),
        "start_date": settings.start.isoformat(),
        "source": settings.source,
        "release_id": release_id,
        "version": project_version(),
        "git_commit": git_commit(),
    }


def write_facts(data_dir: Path, facts: dict[str, str]) -> None:
    """Write the one row that dbt reads as the source reference.run."""
    write_table_atomically(reference_file(data_dir, "run"), pa.table({name: [value] for name, value in facts.items()}))


def release_id(settings: Settings, now: dt.datetime) -> str:
    """Name of the release a build makes: its source, newest session, and the clock."""
    return f"{settings.source}-{last_closed_session(now):%Y%m%d}-{now.astimezone(dt.UTC):%Y%m%dT%H%M%SZ}"


def project_version() -> str:
    """The version of the code, which is written in pyproject.toml and nowhere else."""
    return tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]


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
