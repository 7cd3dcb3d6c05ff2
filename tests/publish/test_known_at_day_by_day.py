"""What a `*_known_at` macro answers on the last build is what was built on the day.

Random worlds are fetched day by day: late, missed, restated and removed data, splits, prints that go back. On some days
the real models, as dbt compiles them, are built over what could be fetched by then; the macros of the last day must
show each of those builds again, row by row. `membership_known_at` has its own definition over every moment of
knowledge in `tests/membership/test_membership_over_knowledge.py`, and both are walked on real data in
`tests/realdata/test_no_look_ahead.py`.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from orchestration.calendars import NEW_YORK, fund_available_at, price_available_at, sessions_between
from orchestration.lake.contracts import TABLES, RawTable
from orchestration.publish.known_at import FLOW_KNOWN_AT, KNOWN_AT, MACRO_KNOWN_AT, MEMBERSHIP_KNOWN_AT, PRICE_KNOWN_AT
from orchestration.settings import REPOSITORY

PROJECT = REPOSITORY / "dbt_project"
SESSIONS = sessions_between(dt.date(2025, 3, 3), dt.date(2025, 3, 24))
RAW = {"fund_day": "stg_fund_day", "yahoo_bar": "stg_yahoo_bar", "yahoo_action": "stg_yahoo_action",
       "fred_observation": "stg_fred_observation"}  # fmt: skip
MODELS = (
    *RAW.values(), "int_split_basis", "fct_corporate_action", "fct_price_revision", "fct_price_daily",
    "fct_macro_observation", "fct_etf_shares", "mart_etf_flow",
)  # fmt: skip
# facts of a build that are found again in the compiled text, and what stands there instead
FACTS = {"now_at": "1999-03-01 17:30:00-05:00", "as_of_session": "1999-02-02", "start_date": "1999-01-04"}
PLACES = {
    "cast('1999-03-01 17:30:00-05:00' as timestamp with time zone)": "getvariable('now_at')",
    "cast('1999-03-01' as date)": "getvariable('clock_date')",
    "cast('1999-02-02' as date)": "getvariable('as_of_session')",
    "cast('1999-01-04' as date)": "date '2025-01-02'",
}
# compared with the table of the day; the macro gives a moment's newest vintage, which is then in force
TABLE_OF = {
    PRICE_KNOWN_AT.name: ("fct_price_daily", "true"),
    MACRO_KNOWN_AT.name: ("fct_macro_observation", "realtime_end = date '9999-12-31'"),
    FLOW_KNOWN_AT.name: ("mart_etf_flow", "true"),
}


def clock(day: dt.date) -> dt.datetime:
    """The evening run of a day."""
    return dt.datetime.combine(day, dt.time(17, 30), tzinfo=NEW_YORK)


@dataclass
class World:
    """Raw rows by table, and a hand-reviewed misprint or none."""

    rows: dict[str, list[dict]] = field(default_factory=lambda: {name: [] for name in RAW})
    newest: dict[tuple, dict] = field(default_factory=dict)
    misprint: tuple[str, dt.date, dt.date] | None = None

    def store(self, table: str, row: dict, due: dt.datetime, now: dt.datetime, was_late: bool = False) -> None:
        """Append an answer as the lake does: what differs is a revision, knowable from its fetch."""
        contract: RawTable = TABLES[table]
        key = (table, *(row[name] for name in contract.key))
        before = self.newest.get(key)
        compared = [name for name in row if name not in (*contract.key, *contract.not_compared)]
        if before and all(before[name] == row[name] for name in compared) and not self._crosses(contract, before, row):
            return
        # a run in the evening of the day it was due sees it, as one that finds what was not there before; what was due
        # when nobody asked is modelled
        available = now if was_late or due.date() == now.date() else due
        if before:
            available = before["available_at"] if contract.keeps_availability else now
        stored = {**row, "fetched_at": now, "available_at": available, "is_first": before is None}
        self.newest[key] = stored
        self.rows[table].append(stored)

    def splits(self, symbol: str, after: dt.date | None, until: dt.date | None) -> list[float]:
        """Ratios of the stored splits of a symbol between two bases."""
        if after is None or until is None:
            return []
        return [
            split["value"]
            for split in self.rows["yahoo_action"]
            if split["action_type"] == "split" and split["symbol"] == symbol and after < split["ex_date"] <= until
        ]

    def _crosses(self, contract: RawTable, old: dict, new: dict) -> bool:
        if contract.basis_date is None or contract.name == "yahoo_action":
            return False
        return bool(self.splits(new["symbol"], old["split_basis_date"], new["split_basis_date"]))


FUNDS = {"IWM": ("blackrock", "restated"), "URTY": ("proshares", "restated"), "SPY": ("ssga", "as_reported")}


def world_of(number: int) -> World:
    """One of the random worlds."""
    chance = random.Random(number)  # noqa: S311 - a test's dice
    world = World()
    asked = chance.choice([0.6, 0.9, 1.0])
    runs = [day for day in SESSIONS if chance.random() < asked] or [SESSIONS[-1]]
    restating, lost = chance.choice([0.0, 0.1]), chance.choice([0.0, 0.1])
    for symbol, (vendor, basis) in FUNDS.items():
        split_on = chance.choice([None, None, *SESSIONS[3:-2]])
        split = chance.choice([0.1, 0.5, 2.0, 4.0])
        shares, close, truth = 1000.0, 50.0, {}
        for day in SESSIONS:
            if day == split_on:
                shares, close = shares * split, close / split
            shares = round(
                shares * chance.choice([1, 1, 1.01, 0.97, 1.3, 0.7]) + chance.choice([0, chance.random()]), 3
            )
            close = round(close * chance.choice([1, 1.01, 0.98]), 2)
            # digits go wrong for a day or two, by little or by much
            wrong = chance.choice([1, 1, 1, 1, 1, 1.2 + chance.random(), 3, 0.1])
            truth[day] = [shares, shares * wrong, close]
        for day in SESSIONS[1:]:
            if chance.random() < 0.15:
                truth[day][1] = truth[SESSIONS[SESSIONS.index(day) - 1]][1] * (split if day == split_on else 1)
        if symbol == "IWM" and chance.random() < 0.5:
            at = chance.randrange(1, len(SESSIONS) - 2)
            world.misprint = (symbol, SESSIONS[at], SESSIONS[chance.randrange(at + 1, len(SESSIONS))])
        dividend = {day: round(chance.random(), 3) for day in SESSIONS if chance.random() < 0.1}
        absent = {day for day in SESSIONS if chance.random() < lost}
        for run in runs:
            now = clock(run)
            if split_on and split_on <= run:
                row = {
                    "symbol": symbol,
                    "ex_date": split_on,
                    "action_type": "split",
                    "value": split,
                    "split_basis_date": run,
                }
                world.store("yahoo_action", row, price_available_at(split_on), now)
            for day in SESSIONS[: SESSIONS.index(run) + 1]:
                known, shown, close = truth[day]
                # what the vendor's history is divided by once a later split is in it
                factor = split if split_on and day < split_on <= run else 1.0
                if chance.random() < restating:
                    truth[day][2] = close = round(close + 0.01, 2)
                bar = {name: round(close / factor, 4) for name in ("open", "high", "low", "close")}
                bar |= {"symbol": symbol, "session_date": day, "volume": round(1000 * factor), "split_basis_date": run}
                was_late = day in absent
                if not was_late or chance.random() < 0.3:
                    world.store("yahoo_bar", bar, price_available_at(day), now, was_late)
                if day in dividend:
                    action = {"symbol": symbol, "ex_date": day, "action_type": "dividend", "split_basis_date": run}
                    action["value"] = dividend[day] / factor
                    world.store("yahoo_action", action, price_available_at(day), now)
                if fund_available_at(day) > now or (was_late and chance.random() < 0.7):
                    continue
                if chance.random() < restating:
                    truth[day][1] = shown = chance.choice([known, known * 1.1])
                printed = factor if basis == "restated" else 1.0
                fund = {
                    "vendor": vendor, "symbol": symbol, "as_of_date": day, "nav_usd": close / printed,
                    "shares_outstanding": shown * printed, "aum_usd": known * close if vendor != "ssga" else None,
                    "share_basis": basis, "split_basis_date": run if basis == "restated" else None,
                }  # fmt: skip
                if chance.random() < lost / 4:
                    fund["nav_usd"] = None
                world.store("fund_day", fund, fund_available_at(day), now, was_late)
        for run in runs:
            for day in SESSIONS[: SESSIONS.index(run) + 1]:
                first = not any(
                    row["series_id"] == symbol and row["observation_date"] == day
                    for row in world.rows["fred_observation"]
                )
                if (first and chance.random() < 0.8) or chance.random() < restating:
                    observation = {"series_id": symbol, "observation_date": day, "realtime_start": run}
                    observation["value"] = chance.choice([1.0, 1.1, 1.2, None])
                    world.store("fred_observation", observation, clock(run), clock(run))
    return world


@pytest.fixture(scope="module")
def compiled(tmp_path_factory) -> dict[str, str]:
    """The models as dbt compiles them, over tables of their names, with the facts of a build as variables."""
    folder: Path = tmp_path_factory.mktemp("compiled")
    (folder / "build" / "tmp").mkdir(parents=True)
    done = subprocess.run(
        [
            *(str(Path(sys.executable).with_name("dbt")), "--quiet", "compile", "--profiles-dir", "."),
            *("--select", *MODELS, "--vars", json.dumps(FACTS)),
            *("--target-path", str(folder / "target"), "--log-path", str(folder / "log")),
        ],
        cwd=PROJECT,
        env={**os.environ, "SMALLCAP_DATA_DIR": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    texts = {}
    for name in MODELS:
        text = next((folder / "target" / "compiled").rglob(f"{name}.sql")).read_text(encoding="utf-8")
        for literal, variable in PLACES.items():
            text = text.replace(literal, variable)
        text = re.sub(r"read_parquet\('[^']*/raw/(\w+)/[^']*'\)", r"raw_\1", text)
        texts[name] = re.sub(r'"warehouse"\."\w+"\."(\w+)"', r"main.\1", text)
        assert "1999-" not in texts[name], f"{name} has a fact of the build that is not a variable"
    return texts


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with closing(duckdb.connect(config={"threads": 1})) as connection:
        connection.execute("set TimeZone = 'America/New_York'")
        days = ", ".join(f"(date '{day}', {i})" for i, day in enumerate(SESSIONS, 1))
        connection.execute(f"create table dim_session as select * from (values {days}) t (session_date, session_index)")
        names = ", ".join(f"('{name}')" for name in FUNDS)
        connection.execute(f"create table dim_instrument as select * from (values {names}) t (symbol)")
        connection.execute(f"create table dim_series as select * from (values {names}) t (series_id)")
        yield connection


def load(con: duckdb.DuckDBPyConnection, world: World) -> None:
    """The raw tables, with the bookkeeping the lake adds."""
    for name, rows in world.rows.items():
        full = [
            {**row, "ingest_seq": number, "is_availability_assumed": row["available_at"] < row["fetched_at"]}
            for number, row in enumerate(rows, 1)
        ]
        con.register("rows", pa.Table.from_pylist(full, schema=TABLES[name].schema))
        con.execute(f"create or replace table raw_{name} as select * from rows")
        con.unregister("rows")
    listed = "select null::varchar as symbol, null::date as as_of_date, null::date as known_from where false"
    if world.misprint:
        symbol, day, known_from = world.misprint
        listed = f"select '{symbol}' as symbol, date '{day}' as as_of_date, date '{known_from}' as known_from"
    con.execute(f"create or replace table sponsor_print_override as {listed}")


def build(con: duckdb.DuckDBPyConnection, compiled: dict[str, str], now: dt.datetime, day: dt.date) -> None:
    """All models at a clock."""
    con.execute("set variable now_at = cast(? as timestamptz)", [now.isoformat(sep=" ")])
    con.execute("set variable clock_date = cast(? as date)", [day.isoformat()])
    con.execute("set variable as_of_session = cast(? as date)", [day.isoformat()])
    for name in MODELS:
        con.execute(f"create or replace table {name} as {compiled[name]}")


def on_time(world: World) -> World:
    """The same answers, the first of each fact stored when the market could know it, on the basis of that day."""
    rows: dict[str, list[dict]] = {}
    for name, stored in world.rows.items():
        rows[name] = []
        for row in stored:
            if row["is_first"] and row["available_at"] < row["fetched_at"]:
                row = {**row, "fetched_at": row["available_at"]}
                day = row["available_at"].astimezone(NEW_YORK).date()
                if row.get("split_basis_date") and row.get("action_type") != "split":
                    for ratio in world.splits(row["symbol"], day, row["split_basis_date"]):
                        for column in ("open", "high", "low", "close", "nav_usd", "value"):
                            if row.get(column) is not None:
                                row[column] *= ratio
                        for column in ("volume", "shares_outstanding"):
                            if row.get(column) is not None:
                                row[column] = type(row[column])(row[column] / ratio)
                    row["split_basis_date"] = min(day, row["split_basis_date"])
            rows[name].append(row)
        rows[name].sort(key=lambda row: row["fetched_at"])
    return World(rows, misprint=world.misprint)


def compare(con: duckdb.DuckDBPyConnection, macro: str, moment: dt.datetime) -> int:
    """Check a macro against the table built at its moment, kept as then_<table>; the number of rows."""
    table, condition = TABLE_OF[macro]
    columns = con.execute(
        "select column_name, data_type from duckdb_columns() where schema_name = 'main' and table_name = ?", [table]
    ).fetchall()
    key = {"fct_price_daily": ("symbol", "session_date"), "mart_etf_flow": ("symbol", "flow_date")}.get(
        table, ("series_id", "observation_date")
    )
    con.execute(f"create or replace temp table then_rows as from then_{table} where {condition}")
    con.execute(f"create or replace temp table now_rows as from {macro}('{moment.isoformat(sep=' ')}')")
    on = ", ".join(key)
    lost = con.execute(f"from then_rows anti join now_rows using ({on}) order by {on} limit 5").df()
    assert lost.empty, f"{macro} at {moment} lacks\n{lost.to_string()}"
    early = con.execute(f"from now_rows anti join then_rows using ({on}) order by {on} limit 5").df()
    assert early.empty, f"{macro} at {moment} knows too early\n{early.to_string()}"
    for column, kind in columns:
        if column in ("known_at", "is_availability_assumed"):
            # of the fetch, which is another one here
            continue
        same = f"t.{column} is not distinct from n.{column}"
        if column in ("shares_outstanding", "nav_usd", "split_factor"):
            # on the basis of the fetch, which is another one here for a fund that was split
            same = f"({same} or symbol in (select symbol from fct_corporate_action where action_type = 'split'))"
        if kind == "DOUBLE":
            # a split that came later is carried back, which costs the last digits of rounded prices
            same = f"({same} or abs(t.{column} - n.{column}) <= 2e-4 * (1 + abs(t.{column})))"
        wrong = con.execute(
            f"select {', '.join('t.' + k for k in key)}, t.{column} as built, n.{column} as said "
            f"from then_rows as t inner join now_rows as n using ({on}) where not ({same}) order by all limit 5"
        ).df()
        assert wrong.empty, f"{macro} at {moment}, {column}\n{wrong.to_string()}"
    return con.execute("select count(*) from then_rows").fetchone()[0]


def walk(con: duckdb.DuckDBPyConnection, compiled: dict[str, str], world: World) -> int:
    """Build a world day by day, and compare every day with the macros of the last one; the number of rows compared."""
    kept, timely = {}, on_time(world)
    for day in SESSIONS[2:-1:4]:
        load(con, timely)
        build(con, compiled, clock(day), day)
        for table, _ in TABLE_OF.values():
            con.execute(f"create or replace table then_{table}_{day:%m%d} as from {table}")
        kept[day] = clock(day)
    load(con, world)
    build(con, compiled, clock(SESSIONS[-1]), SESSIONS[-1])
    rows = 0
    for macro in KNOWN_AT:
        if macro.name in TABLE_OF:
            con.execute(f"create or replace macro {macro.name}({', '.join(macro.parameters)}) as {macro.body}")
            for day, moment in kept.items():
                table, _ = TABLE_OF[macro.name]
                con.execute(f"create or replace view then_{table} as from then_{table}_{day:%m%d}")
                rows += compare(con, macro.name, moment)
    return rows


def test_every_macro_is_compared_here_or_has_its_own_definition():
    assert {macro.name for macro in KNOWN_AT} == {*TABLE_OF, MEMBERSHIP_KNOWN_AT.name}


@settings(
    max_examples=25,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(number=st.integers(0, 2**32))
def test_the_last_build_shows_what_was_built_on_every_day(con, compiled, number):
    assert walk(con, compiled, world_of(number)) > 0
