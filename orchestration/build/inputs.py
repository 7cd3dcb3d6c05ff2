"""What a build is made from, as one hash: equal hashes, equal warehouse."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from orchestration.calendars import NEW_YORK
from orchestration.settings import REPOSITORY, Settings

# the clock counts by its New York date, the names of release and commit change no row outside dim_release
NOT_COUNTED = ("now_at", "release_id", "git_commit")
CODE = ("dbt_project/**/*.sql", "dbt_project/**/*.yml", "dbt_project/**/*.csv", "orchestration/**/*.py")
LOCK = "requirements.lock"


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
    code = [path for pattern in CODE for path in REPOSITORY.glob(pattern) if "target" not in path.parts]
    for path in _sorted([*counted, *code, REPOSITORY / LOCK]):
        digest.update(f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()


def _sorted(paths: Iterable[Path]) -> list[Path]:
    return sorted(paths, key=str)
