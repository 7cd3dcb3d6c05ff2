"""Runs the whole job, as `make live` does, on real vendor data replayed through the real clients."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest

from tests.conftest import SHARED, ReplayServer

REPOSITORY = Path(__file__).resolve().parents[2]
READERS = 16
# The days whose numbers are published, the last day held and the one before it, and the last day once more.
STEPS = ("2023-10-05", "2024-07-16", "2025-02-21", "2025-12-18", "2026-08-20", "2026-08-21", "2026-08-21")
DAY_BEFORE, DAY_AFTER, AGAIN = 4, 5, 6

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
    # more often would take one of two cores from the runs
    time.sleep(2)
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
            "SMALLCAP_SEC_USER_AGENT": "Jane Doe jane@example.com",
            "DAGSTER_HOME": str(self.root / "dagster"),
        }
        for vendor in ("YAHOO", "FRED", "BLACKROCK", "SSGA", "PROSHARES", "DIREXION", "SEC"):
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
    """A directory walked through STEPS, with what was seen after each of them."""

    releases: list[str] = field(default_factory=list)
    files: list[list[str]] = field(default_factory=list)
    requests: list[int] = field(default_factory=list)
    output: list[str] = field(default_factory=list)
    readers: list[str] = field(default_factory=list)

    def take(self, number: int, requests: int, output: str) -> None:
        """Note what stands after a step, and keep the database it served."""
        self.output.append(output)
        self.requests.append(requests)
        self.releases.append((self.data / "exports" / "latest").readlink().name)
        self.files.append(self.raw_files())
        # the next run replaces the file and leaves this name on the old one
        self.served_at(number).parent.mkdir(exist_ok=True)
        self.served_at(number).hardlink_to(self.served)

    def served_at(self, number: int) -> Path:
        """The database served after a step."""
        return self.root / "served" / f"{number}.duckdb"

    def sql_at(self, day: str, query: str) -> pd.DataFrame:
        """Ask the database served after the run of a day."""
        with duckdb.connect(str(self.served_at(STEPS.index(day))), read_only=True) as con:
            return con.execute(query).df()

    def row_at(self, day: str, query: str) -> tuple[Any, ...]:
        """The one row of an answer of the database served after the run of a day."""
        with duckdb.connect(str(self.served_at(STEPS.index(day))), read_only=True) as con:
            rows = con.execute(query).fetchall()
        assert len(rows) == 1, rows
        return rows[0]

    def clock(self, day: str) -> str:
        """The moment the run of a day took place, as SQL reads it."""
        return f"{day} 23:59:59 America/New_York"

    def exported(self, number: int, table: str) -> str:
        """SQL that reads a table of the release of a step."""
        folder = self.data / "exports" / self.releases[number]
        path = folder / f"{table}.parquet"
        return f"read_parquet('{path}')" if path.exists() else f"read_parquet('{folder / table}/**/*.parquet')"

    def manifest(self, number: int) -> dict[str, Any]:
        """The manifest of the release of a step."""
        path = self.data / "exports" / self.releases[number] / "manifest.json"
        return json.loads(path.read_text(encoding="utf-8"))


def walked(root: Path, replay: ReplayServer) -> Walk:
    """Walk a fresh directory through STEPS, with readers at work during the last two."""
    held = json.loads((SHARED / "realdata" / "ishares" / "holdings_index.json").read_text(encoding="utf-8"))
    walk = Walk(root, replay.url)
    walk.extra = {
        # whatever the cadence asks for, no file that is there is left out
        "SMALLCAP_HOLDINGS_DATES": ",".join(f"{file['symbol']}:{file['as_of']}" for file in held),
        "SMALLCAP_RELEASES_KEPT": str(len(STEPS)),
    }
    script, stop = root / "reader.py", root / "stop"
    script.write_text(READER, encoding="utf-8")
    reports = [root / f"report-{n}" for n in range(READERS)]
    readers: list[subprocess.Popen[bytes]] = []
    replay.clear()
    try:
        for number, today in enumerate(STEPS):
            if number == DAY_AFTER:
                readers = [
                    subprocess.Popen([sys.executable, str(script), str(walk.served), str(stop), str(r)])
                    for r in reports
                ]
                time.sleep(5)
            replay.today(today)
            # FRED cut the ICE BofA series to three years in April 2026
            replay.option("bofa_window", today >= "2026-04-01")
            output = walk.run(today)
            walk.take(number, sum(replay.requests().values()), output)
            replay.clear()
    finally:
        stop.touch()
        for reader in readers:
            reader.wait(timeout=60)
        replay.option("bofa_window", True)
        replay.today(None)
        replay.clear()
    walk.readers = [r.read_text(encoding="utf-8") for r in reports]
    return walk


@pytest.fixture(scope="session")
def walk(replay, tmp_path_factory) -> Walk:
    """One data directory, walked through STEPS."""
    return walked(tmp_path_factory.mktemp("walk"), replay)


@pytest.fixture
def directory(replay, tmp_path) -> Iterator[Directory]:
    """An empty data directory against a clean replay."""
    replay.clear()
    yield Directory(tmp_path, replay.url)
    replay.clear()
    replay.today(None)
