"""Membership over moments of knowledge equals its definition: all of it computed again at every moment.

The models write the state of a file where it changes, and compute a security at the moments at which it can have
changed. The definitions know no shortcuts: every file at each moment (`snapshot_known_by_definition.sql`), and
every security at each moment.
"""

from __future__ import annotations

import datetime as dt
import random
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestration.securities.lattice import lattice, nodes_of
from tests.membership.chain import build, sql

HERE = Path(__file__).resolve().parent
# the last is the book of one source, of which the others must hear nothing
FUNDS = {"IWM": "R2000", "IWB": "R1000", "IVV": "SP500", "IWB/sec": "R1000/sec"}
FIRST = dt.date(2025, 1, 1)
START = dt.datetime(2025, 6, 1, 12, tzinfo=dt.UTC)
SESSIONS = 45
SECURITIES = 12


@dataclass(repr=False)
class World:
    """Files of some funds, who is in them, what happened, and when it was learnt."""

    files: list[dict]
    shown: dict[tuple[str, int], set[str]]
    events: list[dict]
    departures: list[dict]
    arrivals: list[dict]


@st.composite
def worlds(draw) -> World:
    chance = random.Random(draw(st.integers(0, 2**32)))  # noqa: S311 - a test's dice
    moments = draw(st.integers(1, 14))
    arrival = draw(st.sampled_from(["any", "in order", "newest first", "mostly at once"]))
    spare = draw(st.floats(0.2, 1.0))
    files = []
    for fund, book_code in FUNDS.items():
        days = sorted(chance.sample(range(1, SESSIONS), k=max(1, int(spare * chance.randint(2, SESSIONS - 1)))))
        node = 0
        for place, day in enumerate(days):
            for version in range(1 if chance.random() < 0.85 else 2):
                node += 1
                share = place / len(days)
                moment = {
                    "any": chance.randrange(moments),
                    "in order": int(share * moments),
                    "newest first": int((1 - share) * moments * 0.99),
                    "mostly at once": 0 if chance.random() < 0.8 else chance.randrange(moments),
                }[arrival]
                moment = min(moment + version, moments - 1)
                files.append(
                    {
                        "vendor": "blackrock",
                        "fund": fund,
                        "book_code": book_code,
                        "as_of_date": FIRST + dt.timedelta(days=day * (7 if place > 30 else 1)),
                        "snapshot_seq": 100 * moment + node,
                        "known_at": START + dt.timedelta(days=moment, minutes=node),
                        "lines": chance.choice([100, 100, 100, 101, 60]),
                        "constituents": 100,
                        "weight_sum_pct": chance.choice([100.0, 100.0, 100.0, 99.0, 98.9, 97.0, None]),
                        "zero_weight_lines": chance.choice([0, 0, 50]),
                        "lines_sha256": chance.choice([None, "a", *[str(node)] * 8]),
                        "session_index": None if chance.random() < 0.04 else day * (7 if place > 30 else 1),
                    }
                )
    _number(files)
    shown: dict[tuple[str, int], set[str]] = {(f["book_code"], f["node_no"]): set() for f in files}
    for number in range(SECURITIES):
        for book_code in FUNDS.values():
            if chance.random() < 0.25:
                continue
            held, lively = chance.random() < 0.5, chance.choice([0.03, 0.1, 0.4])
            for key in sorted(key for key in shown if key[0] == book_code):
                held ^= chance.random() < lively
                if held:
                    shown[key].add(f"S{number}")
    events = [
        {
            "event_type": chance.choice(["RUSSELL_RECONSTITUTION", "RUSSELL_RECONSTITUTION", "RUSSELL_QUARTERLY_IPO"]),
            "event_date": FIRST + dt.timedelta(days=day),
            "first_session": FIRST + dt.timedelta(days=day + 1),
        }
        for day in chance.sample(range(1, SESSIONS), k=chance.randint(0, 4))
    ]
    runs = _runs(shown)
    departures = [
        {
            **{name: run[name] for name in ("book_code", "security_id", "last_node")},
            "known_at": START + dt.timedelta(days=chance.randrange(moments + 1), minutes=chance.randrange(90)),
            "is_sold": chance.choice([None, True, False]),
            "is_priced": chance.random() < 0.5,
            "is_pinned": chance.random() < 0.3,
            "is_collapsed": chance.random() < 0.2,
            "claim_known_at": chance.choice([None, START + dt.timedelta(days=chance.randrange(moments + 1))]),
        }
        for run in runs
        if chance.random() < 0.6
    ]
    arrivals = [
        {
            **{name: run[name] for name in ("book_code", "security_id", "first_node")},
            "known_at": START + dt.timedelta(days=chance.randrange(moments + 1), minutes=chance.randrange(90)),
            "has_parent_by_price": chance.random() < 0.2,
            "has_parent_by_name": chance.random() < 0.2,
            "weight_rank": chance.choice([3, 900]),
        }
        for run in runs
        if chance.random() < 0.6
    ]
    return World(files, shown, events, departures, arrivals)


def _number(files: list[dict]) -> None:
    """What int_holding_file says of nodes and moments."""
    by_day: dict[dt.date, dt.datetime] = {}
    for file in files:
        day = file["known_at"].date()
        by_day[day] = max(by_day.get(day, file["known_at"]), file["known_at"])
    moments = sorted(by_day.values())
    nodes: dict[str, int] = {}
    for file in sorted(files, key=lambda f: (f["book_code"], f["as_of_date"], f["snapshot_seq"])):
        nodes[file["book_code"]] = file["node_no"] = nodes.get(file["book_code"], 0) + 1
        file["known_moment"] = by_day[file["known_at"].date()]
        versions = [f for f in files if (f["book_code"], f["as_of_date"]) == (file["book_code"], file["as_of_date"])]
        newest_first = sorted(versions, key=lambda f: (f["known_at"], f["snapshot_seq"]), reverse=True)
        file["revision_rank"] = newest_first.index(file) + 1
        file["moment_no"] = moments.index(file["known_moment"]) + 1


def _runs(shown: dict[tuple[str, int], set[str]]) -> list[dict]:
    runs, open_runs = [], {}
    for (book_code, node), names in sorted(shown.items()):
        for name in names:
            run = open_runs.get((book_code, name))
            if run is None or run["last_node"] != node - 1:
                said = {"ticker": name, "is_ticker_inferred": False, "name": None}
                run = {"book_code": book_code, "security_id": name, "first_node": node} | said
                open_runs[book_code, name] = run
                runs.append(run)
            run["last_node"] = node
    return runs


def table(rows: list[dict], schema: dict[str, pa.DataType]) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=pa.schema(list(schema.items())))


MOMENT, DATE, TEXT, NUMBER, REAL, YES = (
    pa.timestamp("us", tz="UTC"),
    pa.date32(),
    pa.string(),
    pa.int32(),
    pa.float64(),
    pa.bool_(),
)
FILES = {
    "vendor": TEXT,
    "fund": TEXT,
    "book_code": TEXT,
    "as_of_date": DATE,
    "snapshot_seq": NUMBER,
    "known_at": MOMENT,
    "known_moment": MOMENT,
    "moment_no": NUMBER,
    "lines": NUMBER,
    "constituents": NUMBER,
    "weight_sum_pct": REAL,
    "zero_weight_lines": NUMBER,
    "lines_sha256": TEXT,
    "session_index": NUMBER,
    "node_no": NUMBER,
}
RUNS = {
    "book_code": TEXT,
    "security_id": TEXT,
    "first_node": NUMBER,
    "last_node": NUMBER,
    "ticker": TEXT,
    "is_ticker_inferred": YES,
    "name": TEXT,
}
EVENTS = {"event_type": TEXT, "event_date": DATE, "first_session": DATE}
DEPARTURES = {
    "book_code": TEXT,
    "security_id": TEXT,
    "last_node": NUMBER,
    "known_at": MOMENT,
    "is_sold": YES,
    "is_priced": YES,
    "is_pinned": YES,
    "is_collapsed": YES,
    "claim_known_at": MOMENT,
}
ARRIVALS = {
    "book_code": TEXT,
    "security_id": TEXT,
    "first_node": NUMBER,
    "known_at": MOMENT,
    "has_parent_by_price": YES,
    "has_parent_by_name": YES,
    "weight_rank": NUMBER,
}


@pytest.fixture(scope="module")
def con():
    with closing(duckdb.connect(config={"threads": 1})) as connection:
        connection.execute("set TimeZone = 'America/New_York'")
        days = ", ".join(f"(date '{FIRST}' + {day}, {day})" for day in range(1, 400))
        connection.execute(f"create table dim_session as select * from (values {days}) t (session_date, session_index)")
        yield connection


def load(con: duckdb.DuckDBPyConnection, world: World) -> None:
    tables = {
        "int_holding_file": table(world.files, FILES),
        "int_presence": table(_runs(world.shown), RUNS),
        "fct_market_event": table(world.events, EVENTS),
        "int_departure_evidence": table(world.departures, DEPARTURES),
        "int_arrival_evidence": table(world.arrivals, ARRIVALS),
    }
    for name, rows in tables.items():
        con.register("rows", rows)
        con.execute(f"create or replace table {name} as select * from rows")
    con.execute(f"create or replace table known_by_definition as {sql(HERE / 'snapshot_known_by_definition.sql')}")


def lattice_tables(con: duckdb.DuckDBPyConnection, world: World) -> None:
    states, moments = lattice(nodes_of(world.files))
    known = {file["moment_no"]: file["known_moment"] for file in world.files}
    con.register(
        "rows",
        pa.Table.from_pylist(
            [
                {"book_code": book, "node_no": node, "moment_no": moment} | {"is_usable": state.is_usable} | vars(state)
                for book, node, moment, state in states
            ],
            schema=pa.schema(
                [
                    *[("book_code", TEXT), ("node_no", NUMBER), ("moment_no", NUMBER)],
                    *[("is_current", YES), ("is_usable", YES), ("unusable_reason", TEXT)],
                    *[("lines_before", REAL), ("lines_after", REAL), ("opening_node", NUMBER)],
                    *[("before_opening_node", NUMBER), ("closing_node", NUMBER), ("absent_node", NUMBER)],
                    ("second_absent_node", NUMBER),
                ]
            ),
        ),
    )
    con.execute("create or replace table int_holding_file_as_known as select * from rows")
    con.register(
        "rows",
        pa.Table.from_pylist(
            [{"book_code": m.book, "known_moment": known[m.moment_no]} | vars(m) for m in moments],
            schema=pa.schema(
                [
                    *[("book_code", TEXT), ("moment_no", NUMBER), ("known_moment", MOMENT)],
                    *[("newest_node", NUMBER), ("newest_date", DATE)],
                    *[("earlier_newest_node", NUMBER), ("earlier_newest_date", DATE)],
                ]
            ),
        ),
    )
    con.execute("create or replace table int_newest_file_as_known as select * from rows")


# the definition of when to read a security again: always
EVERY_MOMENT = {
    "int_change_by_own_file": """
        select distinct r.security_id, m.moment_no from int_presence as r cross join int_newest_file_as_known as m
    """,
    **dict.fromkeys(
        ("int_change_by_other_fund", "int_change_by_evidence"),
        "select null::varchar as security_id, null::integer as moment_no where false",
    ),
}


def compare_revisions(con: duckdb.DuckDBPyConnection, world: World) -> int:
    """Check a world, and count its revisions."""
    load(con, world)
    lattice_tables(con, world)
    build(con, EVERY_MOMENT)
    con.execute("create or replace table expected as from int_membership_revision")
    build(con)
    con.execute("create or replace table found as from int_membership_revision")
    lost = con.execute("select * from expected except all select * from found order by all").fetchall()
    invented = con.execute("select * from found except all select * from expected order by all").fetchall()
    assert (lost, invented) == ([], [])
    return len(con.execute("select * from found").fetchall())


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(world=worlds())
def test_revisions_equal_their_definition(con, world):
    compare_revisions(con, world)


def simple_file(fund: str, day: int, moment: int, weight: float = 100.0) -> dict:
    return {
        "vendor": "blackrock",
        "fund": fund,
        "book_code": FUNDS[fund],
        "as_of_date": FIRST + dt.timedelta(days=day),
        "snapshot_seq": moment + 1,
        "known_at": START + dt.timedelta(days=moment),
        "lines": 100,
        "constituents": 100,
        "weight_sum_pct": weight,
        "zero_weight_lines": 0,
        "lines_sha256": None,
        "session_index": day,
    }


def simple_world(files: list[dict], absent: set[tuple[str, int]]) -> World:
    _number(files)
    shown = {(f["book_code"], f["node_no"]): set() if (f["fund"], f["node_no"]) in absent else {"S"} for f in files}
    return World(files, shown, [], [], [])


def test_another_fund_s_later_file_ends_a_stay(con):
    """The file without S is learnt first; the other tier's file of that day, with S, a day later."""
    files = [simple_file(fund, day, 0) for fund in ("IWM", "IWB") for day in range(1, 10)]
    files += [simple_file("IWM", 10, 1), simple_file("IWB", 10, 2)]
    compare_revisions(con, simple_world(files, {("IWM", 10)}))
    stays = con.execute(
        "select valid_to, known_from, known_to is null from found where book_code = 'R2000' order by known_from"
    ).fetchall()
    absent_date = FIRST + dt.timedelta(days=10)
    assert [(valid_to, stands) for valid_to, _, stands in stays] == [(None, False), (None, False), (absent_date, True)]


def test_a_newest_file_that_turns_out_unusable_is_forgotten(con):
    """S misses the newest file, which a later version shows to be broken: S is in the newest usable file again."""
    files = [simple_file("IWM", day, 0) for day in range(1, 11)] + [simple_file("IWM", 10, 1, weight=50.0)]
    compare_revisions(con, simple_world(files, {("IWM", 10), ("IWM", 11)}))
    stays = con.execute("select last_seen, known_to is null from found order by known_from").fetchall()
    assert stays == [(FIRST + dt.timedelta(days=9), False), (None, True)]


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(world=worlds())
def test_states_of_files_equal_their_definition(con, world):
    load(con, world)
    lattice_tables(con, world)
    # every node at every moment, from the changes that were written
    con.execute(
        """
        create or replace table found as
        select
            m.book_code, m.moment_no, n.node_no,
            coalesce(s.is_current, false) as is_current,
            coalesce(s.is_usable, false) as is_usable,
            s.unusable_reason, s.lines_before, s.lines_after,
            case when n.node_no <= m.newest_node then s.opening_node end as opening_node,
            case
                when n.node_no >= m.newest_node then m.newest_node
                -- where no file is usable any more, nobody reads what was written before
                when n.node_no < m.newest_node then s.closing_node
            end as closing_node,
            case when n.node_no < m.newest_node then s.absent_node end as absent_node
        from int_newest_file_as_known as m
        inner join int_holding_file as n on m.book_code = n.book_code
        asof left join int_holding_file_as_known as s
            on n.book_code = s.book_code and n.node_no = s.node_no and m.moment_no >= s.moment_no
        """
    )
    con.execute(
        """
        create or replace table expected as
        with usable as (select * from known_by_definition where is_usable)
        select
            k.book_code, k.moment_no, k.node_no, k.is_current, k.is_usable,
            case when k.is_current then k.unusable_reason end as unusable_reason, k.lines_before, k.lines_after,
            opening.node_no as opening_node, closing.node_no as closing_node, absent.node_no as absent_node
        from known_by_definition as k
        left join usable as opening
            on k.book_code = opening.book_code and k.moment_no = opening.moment_no
            and k.next_usable_no = opening.usable_no
        left join usable as closing
            on k.book_code = closing.book_code and k.moment_no = closing.moment_no
            and k.previous_usable_no = closing.usable_no
        left join usable as absent
            on k.book_code = absent.book_code and k.moment_no = absent.moment_no
            and k.previous_usable_no + 1 = absent.usable_no
            and k.node_no < absent.node_no
        """
    )
    lost = con.execute("select * from expected except all select * from found order by all limit 5").fetchall()
    invented = con.execute("select * from found except all select * from expected order by all limit 5").fetchall()
    assert (lost, invented) == ([], [])
