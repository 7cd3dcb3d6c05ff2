"""What a build is made from, as one hash: equal hashes, equal warehouse."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from orchestration.calendars import NEW_YORK
from orchestration.settings import REPOSITORY, Settings

# the clock counts by its New York date, the names of release and commit change no row outside dim_release
NOT_COUNTED = ("now_at", "release_id", "git_commit")
DBT_CODE = ("**/*.sql", "**/*.yml", "**/*.csv")
LOCK = REPOSITORY / "requirements.lock"


def fingerprint(settings: Settings, facts: Mapping[str, str]) -> str:
    """Hash of the raw lake, the code with its seeds and packages, the calendars, and the facts of the run.

    A part of the lake is never changed once it is written, so its name and size stand for it.
    """
    digest = hashlib.sha256()
    digest.update(f"{settings.now().astimezone(NEW_YORK).date()}\n".encode())
    for name, value in sorted(facts.items()):
        if name not in NOT_COUNTED:
            digest.update(f"{name} {value}\n".encode())
    raw, reference = settings.data_dir / "raw", settings.data_dir / "build" / "reference"
    for part in _sorted(raw.glob("*/part-*.parquet")):
        digest.update(f"{part.relative_to(raw)} {part.stat().st_size}\n".encode())
    counted = [path for path in reference.glob("*.parquet") if path.stem != "run"]
    digest.update(_contents(counted).encode())
    digest.update(code_digest(REPOSITORY / "dbt_project").encode())
    return digest.hexdigest()


def code_digest(project: Path) -> str:
    """Hash of a dbt project with its seeds, of this package and of the versions of all others."""
    dbt = [path for pattern in DBT_CODE for path in project.glob(pattern)]
    python = (REPOSITORY / "orchestration").rglob("*.py")
    return _contents([*(path for path in dbt if "target" not in path.relative_to(project).parts), *python, LOCK])


def _contents(paths: Iterable[Path]) -> str:
    lines = (f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n" for path in _sorted(paths))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _sorted(paths: Iterable[Path]) -> list[Path]:
    return sorted(paths, key=str)
