"""Runs the whole job, as `make live` does, on real vendor data replayed through the real clients."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import pandas as pd
import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
READERS = 16

READER = """
import sys, time, pathlib, duckdb
database, stop, report = map(pathlib.Path, sys.argv[1:])
done, errors = 0, []
while not stop.exists():
    try:
        con = duckdb.connect(str(database), read_only=True)
        con.execute("select count(*), max(session_date) from mart_return").fetchall()
        con.execute("select max(built_at) from dim_release").fetchall()
        con.close()
        done += 1
    except Exception as error:
        errors.append(repr(error))
    time.sleep(0.25)
report.write_text(f"{done}|{errors[:3]}")
"""


@dataclass
class Directory:
    """One data directory and how the job is run on it."""

    root: Path
    url: str
    extra: dict[str, str] = field(default_factory=dict)

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def served(self) -> Path:
        return self.data / "smallcap.duckdb"

    def environment(self, today: str) -> dict[str, str]:
        env = {k: v for k, v in os.environ.items() if not k.startswith(("SMALLCAP_", "DAGSTER_"))}
        env |= {
            "SMALLCAP_SOURCE": "live",
            "SMALLCAP_TODAY": today,
            "SMALLCAP_START": "2000-01-03",
            "SMALLCAP_HOLDINGS_START": "2024-09-01",
            "SMALLCAP_MAX_RPS": "1000",
            "SMALLCAP_HOLDINGS_DAILY_BUDGET": "100000",
            "SMALLCAP_DATA_DIR": str(self.data),
            "FRED_API_KEY": "0123456789abcdef0123456789abcdef",
            "DAGSTER_HOME": str(self.root / "dagster"),
        }
        for vendor in ("YAHOO", "FRED", "BLACKROCK", "SSGA", "PROSHARES", "DIREXION"):
            env[f"SMALLCAP_{vendor}_URL"] = self.url
        return env | self.extra

    def run(self, today: str) -> str:
        """Run the job to its end; a failing one shows what it printed."""
        done = self.call("orchestration.cli.run", today)
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-6000:]
        return done.stdout + done.stderr

    def call(self, module: str, today: str, *args: str) -> subprocess.CompletedProcess[str]:
        """Run one of the commands."""
        return subprocess.run(
            [sys.executable, "-m", module, *args],
            cwd=REPOSITORY,
            env=self.environment(today),
            capture_output=True,
            text=True,
            check=False,
            timeout=900,
        )

    def sql(self, query: str) -> pd.DataFrame:
        """Ask the served database."""
        with duckdb.connect(str(self.served), read_only=True) as con:
            return con.execute(query).df()

    def raw(self, query: str) -> pd.DataFrame:
        """Ask the raw tables, named as {table}."""
        tables = {p.name: f"read_parquet('{p}/part-*.parquet')" for p in (self.data / "raw").iterdir() if p.is_dir()}
        return duckdb.sql(query.format(**tables)).df()

    def raw_files(self) -> list[str]:
        return sorted(str(p.relative_to(self.data)) for p in (self.data / "raw").rglob("*.parquet"))


@dataclass
class Walk(Directory):
    """A directory walked from 2026-08-20 to 2026-08-21 and run there twice, with what was seen on the way."""

    releases: list[str] = field(default_factory=list)
    files: list[list[str]] = field(default_factory=list)
    requests: list[int] = field(default_factory=list)
    output: list[str] = field(default_factory=list)
    readers: list[str] = field(default_factory=list)

    def exported(self, number: int, table: str) -> str:
        """SQL that reads a table of the release of a step."""
        folder = self.data / "exports" / self.releases[number]
        path = folder / f"{table}.parquet"
        return f"read_parquet('{path}')" if path.exists() else f"read_parquet('{folder / table}/**/*.parquet')"


@pytest.fixture(scope="session")
def walk(replay, tmp_path_factory) -> Iterator[Walk]:
    root = tmp_path_factory.mktemp("walk")
    directory = Walk(root, replay.url)
    script, stop = root / "reader.py", root / "stop"
    script.write_text(READER, encoding="utf-8")
    readers: list[subprocess.Popen[bytes]] = []
    replay.clear()
    # before April 2026 FRED showed the ICE BofA series complete
    replay.option("bofa_window", False)
    try:
        for today in ("2026-08-20", "2026-08-21", "2026-08-21"):
            replay.today(today)
            directory.output.append(directory.run(today))
            directory.releases.append((directory.data / "exports" / "latest").readlink().name)
            directory.files.append(directory.raw_files())
            directory.requests.append(sum(replay.requests().values()))
            replay.clear()
            replay.option("bofa_window", True)
            if not readers:
                reports = [root / f"report-{n}" for n in range(READERS)]
                readers = [
                    subprocess.Popen([sys.executable, str(script), str(directory.served), str(stop), str(r)])
                    for r in reports
                ]
                time.sleep(5)
        stop.touch()
        for reader in readers:
            reader.wait(timeout=60)
        directory.readers = [r.read_text(encoding="utf-8") for r in reports]
        yield directory
    finally:
        stop.touch()
        for reader in readers:
            reader.wait(timeout=60)
        replay.option("bofa_window", True)
        replay.today(None)
        replay.clear()


@pytest.fixture
def directory(replay, tmp_path) -> Iterator[Directory]:
    """An empty data directory against a clean replay."""
    replay.clear()
    yield Directory(tmp_path, replay.url)
    replay.clear()
    replay.today(None)
