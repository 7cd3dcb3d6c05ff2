"""A warehouse that grew day by day holds the same rows as one built from nothing, whatever arrived in between."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from itertools import groupby
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from benchmarks.archive import Market, Snapshot, Writer, clock_after, sessions_of, write_reference
from tests.conftest import REPOSITORY

DBT = REPOSITORY / "dbt_project"
TABLES = {
    "intermediate": (
        *(
            "int_holding_line",
            "int_holding_file",
            "int_evidence_basis",
            "int_holding_file_as_known",
            "int_newest_file_as_known",
        ),
        *("int_security_identity", "int_identity_run", "int_identity_seen", "int_holding_scale", "int_presence"),
        *("int_security_resolution", "int_arrival_evidence", "int_departure_evidence", "int_holding_file_usable"),
        "int_holding_change",
    ),
    "main": (
        *("fct_holding", "dim_security", "dim_security_identifier", "fct_index_membership"),
        *("fct_index_membership_revision", "mart_reconstitution_change", "mart_reconstitution_summary"),
        "mart_sector_weight",
    ),
}
CHAIN = [name for names in TABLES.values() for name in names]
STATE = {"int_security_identity": ["through_node", "basis"], "int_holding_change": ["is_changed"]}
LATE, LAST = 12, 24


class Warehouse:
    """A data directory and what dbt builds in it."""

    def __init__(self, root: Path, project: Path) -> None:
        self.root = root
        self.project = project

    @property
    def database(self) -> Path:
        return self.root / "build" / "warehouse.duckdb"

    def build(self, last: dt.date) -> None:
        write_reference(self.root, last)
        (self.root / "build" / "tmp").mkdir(exist_ok=True)
        done = subprocess.run(
            [
                *(sys.executable, "-m", "orchestration.build.steps", str(self.root / "target")),
                *("--project", str(self.project), "--select", *(f"+{name}" for name in CHAIN)),
                *("--exclude", "test_type:data"),
            ],
            cwd=REPOSITORY,
            env={**os.environ, "SMALLCAP_DATA_DIR": str(self.root)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]

    def was_appended_to(self, model: str) -> bool:
        compiled = next((self.root / "target" / "compiled").rglob(f"{model}.sql")).read_text(encoding="utf-8")
        return {"int_holding_line": "where ingest_seq in (", "int_security_identity": "through_node, 0)"}[
            model
        ] in compiled

    def table(self, name: str) -> pa.Table:
        schema = next(schema for schema, names in TABLES.items() if name in names)
        with closing(duckdb.connect(str(self.database), read_only=True)) as con:
            return con.execute(f"select * from {schema}.{name}").to_arrow_table()

    def rows(self, where: str = "true") -> int:
        lines = self.table("int_holding_line")
        return duckdb.from_arrow(lines).filter(where).shape[0]


def differences(grown: Warehouse, built: Warehouse) -> dict[str, tuple[int, int]]:
    """How many rows of each table the other warehouse lacks."""
    out = {}
    with closing(duckdb.connect()) as con:
        for name in CHAIN:
            # how far an incremental table had read when it wrote a row, or what was new to it, is no fact about the row
            con.register("one", grown.table(name).drop_columns(STATE.get(name, [])))
            con.register("other", built.table(name).drop_columns(STATE.get(name, [])))
            ((lost, invented, rows),) = con.execute(
                "select (select count(*) from (from other except all from one)), "
                "(select count(*) from (from one except all from other)), (select count(*) from other)"
            ).fetchall()
            assert rows, f"{name} is empty: nothing was compared"
            if lost or invented:
                out[name] = (lost, invented)
    return out


@pytest.fixture(scope="module")
def days() -> list[tuple[dt.date, list[Snapshot]]]:
    """A tenth of the market around the reconstitution of June 2026."""
    sessions = sessions_of(LAST / 252, dt.date(2026, 7, 10))
    return [(day, list(files)) for day, files in groupby(Market(sessions, scale=0.1), key=lambda s: s.as_of)]


def store(root: Path, files: list[Snapshot], fetched_at: dt.datetime) -> None:
    writer = Writer(root)
    for file in files:
        writer.add(file, fetched_at)
    writer.flush()


def test_a_grown_warehouse_equals_a_built_one(tmp_path, days):
    project = tmp_path / "project"
    shutil.copytree(DBT, project, ignore=shutil.ignore_patterns("target", "logs", "__pycache__"))
    grown = Warehouse(tmp_path / "grown", project)

    def built_anew(last: dt.date) -> Warehouse:
        other = Warehouse(tmp_path / "built", project)
        shutil.rmtree(other.root, ignore_errors=True)
        shutil.copytree(grown.root / "raw", other.root / "raw")
        other.build(last)
        return other

    # an archive at once, one file of it missing
    first = [file for day, files in days[:20] for file in files if (file.fund, day) != ("IWM", days[LATE][0])]
    store(grown.root, first, clock_after(days[19][0]))
    grown.build(days[19][0])

    # two days, each built
    for day, files in days[20:22]:
        store(grown.root, files, clock_after(day))
        grown.build(day)
        assert grown.was_appended_to("int_holding_line")
        assert grown.was_appended_to("int_security_identity")
    assert differences(grown, built_anew(days[21][0])) == {}

    # the missing file, a new version of an old one and of yesterday's, and the day's own
    day, files = days[22]
    late = [file for file in days[LATE][1] if file.fund == "IWM"]
    corrected = [replace(file, lines=file.lines.slice(3)) for file in [*days[5][1][:1], *days[21][1][:2]]]
    store(grown.root, [*late, *corrected, *files], clock_after(day))
    grown.build(day)
    assert grown.was_appended_to("int_holding_line")
    assert not grown.was_appended_to("int_security_identity")
    assert differences(grown, built_anew(day)) == {}

    # a rule less, with a new day
    rules = project / "seeds" / "holding_exclusion_rule.csv"
    lines = rules.read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if not line.startswith("cash_ticker,")]
    assert len(kept) == len(lines) - 1
    rules.write_text("\n".join(kept) + "\n", encoding="utf-8")
    day, files = days[23]
    store(grown.root, files, clock_after(day))
    grown.build(day)
    assert not grown.was_appended_to("int_holding_line")
    assert grown.rows("excluded_reason = 'cash_ticker'") == 0
    assert differences(grown, built_anew(day)) == {}

    # the clock set back, on the directory that knows more
    earlier = days[20][0]
    newest = grown.rows()
    grown.build(earlier)
    assert grown.rows() < newest
    assert differences(grown, built_anew(earlier)) == {}
