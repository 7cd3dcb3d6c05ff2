"""manifest.json of a release: what it holds, where it came from, and whether it is whole."""

from __future__ import annotations

import datetime as dt
import importlib.metadata
import json
import platform
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import duckdb

from orchestration.publish.audit import Audit
from orchestration.publish.edition import Edition
from orchestration.publish.exports import ExportedTable, LeftOut, table_json
from orchestration.publish.tables import SCHEMA

NAME = "manifest.json"
BRIEF_NAME = "brief.html"
# Names the release, so it differs on every build.
RELEASE_TABLE = "dim_release"
PACKAGES = {"duckdb": "duckdb", "dbt": "dbt-core", "dagster": "dagster", "yfinance": "yfinance", "fredapi": "fredapi"}


def build_manifest(
    found: Audit,
    release_id: str,
    edition: Edition,
    start: dt.date,
    tables: Mapping[str, ExportedTable],
    left_out: LeftOut | None,
    first_membership: Mapping[str, str] | None,
    raw: Mapping[str, Mapping[str, int | str]],
) -> dict[str, Any]:
    """The manifest of a release as it is written to JSON."""
    record = found.record
    return {
        "release_id": release_id,
        "source": record.source,
        "is_synthetic": record.source == "sandbox",
        "built_at": record.now_at,
        "as_of_session": record.as_of_session,
        "start": start.isoformat(),
        "version": record.version,
        "git_commit": record.git_commit,
        "dagster_run_id": record.dagster_run_id,
        "dbt_invocation_id": record.invocation_id,
        "versions": {"project": record.version, **versions()},
        "tests_run": found.tests,
        "warnings": list(found.warnings),
        "first_membership_dates": dict(first_membership) if first_membership is not None else None,
        "edition": asdict(edition),
        "left_out": asdict(left_out) if left_out else None,
        "raw": dict(raw),
        "tables": {name: table_json(table) for name, table in sorted(tables.items())},
    }


def write_manifest(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Write manifest.json into a release folder."""
    (folder / NAME).write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def load_manifest(release: Path) -> dict[str, Any] | None:
    """The manifest of a release folder; None where there is none or it cannot be read."""
    try:
        return json.loads((release / NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def same_content(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two releases say the same: data, types, descriptions, source and edition; dim_release aside."""
    is_same = all(one.get(key) == other.get(key) for key in ("source", "edition", "left_out"))
    return is_same and _tables(one) == _tables(other)


def is_whole(release: Path, manifest: Mapping[str, Any]) -> bool:
    """Whether every file of a release is there in its size."""
    files = [f for table in manifest["tables"].values() for f in table["files"]]
    sizes = all(_size(release / f["path"]) == f["bytes"] for f in files)
    return sizes and (release / BRIEF_NAME).is_file()


def first_membership_dates(con: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """First known membership date of each index, in what was exported."""
    rows = con.execute(
        f"select index_code, min(valid_from) from {SCHEMA}.fct_index_membership group by index_code order by index_code"
    ).fetchall()
    return {code: day.isoformat() for code, day in rows if day is not None}


def versions() -> dict[str, str]:
    """Versions of what the code ran on."""
    return {
        "python": platform.python_version(),
        **{name: importlib.metadata.version(package) for name, package in PACKAGES.items()},
    }


def _tables(manifest: Mapping[str, Any]) -> dict[str, Any]:
    return {name: table for name, table in manifest["tables"].items() if name != RELEASE_TABLE}


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None
