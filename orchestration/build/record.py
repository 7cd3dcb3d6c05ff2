"""The record of a build, which publish audits: written by the build, right after dbt has closed the database."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from orchestration.lake.store import file_state, write_atomically

RECORD_NAME = "build_result.json"


class BuildRecordError(ValueError):
    """A file that should be the record of a build is not one."""


@dataclass(frozen=True)
class BuildRecord:
    """What one dbt build was, written right after it, whether it passed or failed.

    Attributes:
        invocation_id: dbt's id of the build.
        dbt_target_path: Folder with the build's manifest.json and run_results.json.
        database_path: The build database.
        database_size: Its size in bytes when the build ended.
        database_mtime_ns: Its modification time when the build ended.
        now_at: The warehouse clock of the build, ISO 8601 with offset.
        as_of_session: Newest closed session at that clock, ISO 8601.
        source: sandbox or live.
        release_id: Name the release gets if it is published.
        git_commit: Commit of the code, or unknown.
        dagster_run_id: The Dagster run, if there was one.
        finished_at: Wall clock at the end, ISO 8601 with offset.
        version: Version of the code; unknown in records of before 0.2.0, which did not say.
        inputs: Hash of all that the build was made from; None in records of before 0.2.0.
    """

    invocation_id: str
    dbt_target_path: Path
    database_path: Path
    database_size: int
    database_mtime_ns: int
    now_at: str
    as_of_session: str
    source: str
    release_id: str
    git_commit: str
    dagster_run_id: str | None
    finished_at: str
    version: str = "unknown"
    inputs: str | None = None

    @property
    def is_untouched(self) -> bool:
        """Whether the database is the one the build left, closed and unchanged."""
        return database_state(self.database_path) == (self.database_size, self.database_mtime_ns)


def record_build(
    data_dir: Path,
    *,
    dbt_target_path: Path,
    database_path: Path,
    now_at: dt.datetime,
    as_of_session: dt.date,
    source: str,
    release_id: str,
    version: str,
    git_commit: str,
    dagster_run_id: str | None = None,
    inputs: str | None = None,
) -> BuildRecord:
    """Write down the build that just ended; call it after dbt has closed the database, failed builds included."""
    results = read_json(dbt_target_path / "run_results.json")
    stat = database_path.stat()
    record = BuildRecord(
        invocation_id=results["metadata"]["invocation_id"],
        dbt_target_path=dbt_target_path,
        database_path=database_path,
        database_size=stat.st_size,
        database_mtime_ns=stat.st_mtime_ns,
        now_at=now_at.isoformat(),
        as_of_session=as_of_session.isoformat(),
        source=source,
        release_id=release_id,
        git_commit=git_commit,
        dagster_run_id=dagster_run_id,
        finished_at=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        version=version,
        inputs=inputs,
    )
    save_record(data_dir, record)
    return record


def save_record(data_dir: Path, record: BuildRecord) -> Path:
    """Write a record to build/build_result.json; paths below the data directory are stored relative to it."""
    path = data_dir / "build" / RECORD_NAME
    content = {
        name: _portable(value, data_dir) if isinstance(value, Path) else value for name, value in asdict(record).items()
    }
    write_atomically(path, (json.dumps(content, indent=2) + "\n").encode())
    return path


def load_record(data_dir: Path) -> BuildRecord | None:
    """The record of the newest build; None where nothing was built.

    Raises:
        BuildRecordError: The file is not a build record.
    """
    path = data_dir / "build" / RECORD_NAME
    if not path.exists():
        return None
    try:
        content = read_json(path)
        for name in ("dbt_target_path", "database_path"):
            content[name] = data_dir / content[name]
        return BuildRecord(**content)
    except (TypeError, KeyError, ValueError) as error:
        raise BuildRecordError(f"{path} is not a build record ({error})") from error


def database_state(path: Path) -> tuple[int, int] | None:
    """Size and modification time of a database that is closed; None where there is none, or where it is open."""
    return None if path.with_name(f"{path.name}.wal").exists() else file_state(path)


def read_json(path: Path) -> dict[str, Any]:
    """A JSON file of a build."""
    return json.loads(path.read_text(encoding="utf-8"))


def _portable(path: Path, data_dir: Path) -> str:
    return path.relative_to(data_dir).as_posix() if path.is_relative_to(data_dir) else str(path)
