"""What must not change membership: the order files arrive in, a file stored twice, a few files missing."""

from __future__ import annotations

import datetime as dt
import random
from contextlib import closing

import duckdb
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.membership.chain import build
from tests.membership.test_membership_over_knowledge import World, _number, lattice_tables, load

FIRST = dt.date(2025, 1, 1)
START = dt.datetime(2025, 6, 1, 12, tzinfo=dt.UTC)
FILES, SECURITIES = 60, 30
STAY = ("index_code", "security_id", "valid_from", "valid_to", "first_seen", "last_seen")
SLOW = settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def con():
    with closing(duckdb.connect(config={"threads": 1})) as connection:
        connection.execute("set TimeZone = 'America/New_York'")
        days = ", ".join(f"(date '{FIRST}' + {day}, {day})" for day in range(1, 200))
        connection.execute(f"create table dim_session as select * from (values {days}) t (session_date, session_index)")
        yield connection


def stays(chance: random.Random) -> set[int]:
    """The files that show a security: one to three stays, each long enough to be told from a glitch."""
    shown: set[int] = set()
    at = chance.choice([1, 1, chance.randint(2, 30)])
    while at <= FILES:
        end = at + chance.randint(12, 40)
        shown |= set(range(at, min(end, FILES + 1)))
        if end - at > 20:
            # one file forgets it
            shown.discard(at + 10)
        at = end + chance.randint(10, 20)
        if chance.random() < 0.4:
            break
    return shown


def world(chance: random.Random) -> World:
    """A fund with a file on each of 60 sessions and a reconstitution, all learnt at once."""
    files = [
        {
            "vendor": "blackrock",
            "fund": "IWM",
            "book_code": "R2000",
            "as_of_date": FIRST + dt.timedelta(days=day),
            "snapshot_seq": day,
            "known_at": START,
            "lines": 100,
            "constituents": 100,
            "weight_sum_pct": 100.0,
            "zero_weight_lines": 0,
            "lines_sha256": str(day),
            "session_index": day,
        }
        for day in range(1, FILES + 1)
    ]
    _number(files)
    shown = {("R2000", day): set() for day in range(1, FILES + 1)}
    friday = chance.randint(20, 40)
    for number in range(SECURITIES):
        for day in stays(chance):
            shown["R2000", day].add(f"S{number}")
    # some are deleted at the reconstitution and sold within four weeks
    for number in range(SECURITIES, SECURITIES + 6):
        for day in range(1, friday + chance.randint(0, 18)):
            shown["R2000", day].add(f"S{number}")
    event = {
        "event_type": "RUSSELL_RECONSTITUTION",
        "event_date": FIRST + dt.timedelta(days=friday),
        "first_session": FIRST + dt.timedelta(days=friday + 1),
    }
    return World(files, shown, [event], [], [])


def known_now(con: duckdb.DuckDBPyConnection, this: World) -> set[tuple]:
    """Membership by what is known at the end."""
    load(con, this)
    lattice_tables(con, this)
    build(con)
    now = f"select {', '.join(STAY)} from fct_index_membership_revision where known_to is null"
    return set(con.execute(now).fetchall())


def renumbered(this: World, files: list[dict]) -> World:
    """The same content in another set of files."""
    by_date = {file["as_of_date"]: this.shown["R2000", file["node_no"]] for file in this.files}
    files = [dict(file) for file in files]
    _number(files)
    shown = {("R2000", file["node_no"]): by_date[file["as_of_date"]] for file in files}
    return World(files, shown, this.events, [], [])


@SLOW
@given(seed=st.integers(0, 2**32))
def test_the_order_of_arrival_changes_nothing(con, seed):
    chance = random.Random(seed)  # noqa: S311 - a test's dice
    this = world(chance)
    expected = known_now(con, this)
    order = list(range(len(this.files)))
    chance.shuffle(order)
    arrived = [
        file | {"known_at": START + dt.timedelta(days=place // 8, minutes=place)}
        for place, file in zip(order, this.files, strict=True)
    ]
    assert known_now(con, renumbered(this, arrived)) == expected
    assert len(expected) > SECURITIES


@SLOW
@given(seed=st.integers(0, 2**32))
def test_a_file_stored_twice_changes_nothing(con, seed):
    chance = random.Random(seed)  # noqa: S311 - a test's dice
    this = world(chance)
    expected = known_now(con, this)
    again = [
        file
        | {"snapshot_seq": file["snapshot_seq"] + 1000, "known_at": START + dt.timedelta(days=chance.randint(1, 5))}
        for file in chance.sample(this.files, k=10)
    ]
    assert known_now(con, renumbered(this, this.files + again)) == expected


@SLOW
@given(seed=st.integers(0, 2**32))
def test_missing_files_move_no_boundary_but_their_own(con, seed):
    chance = random.Random(seed)  # noqa: S311 - a test's dice
    this = world(chance)
    complete = known_now(con, this)
    missing = {file["as_of_date"] for file in chance.sample(this.files[3:-3], k=FILES // 20)}
    thinned = known_now(con, renumbered(this, [file for file in this.files if file["as_of_date"] not in missing]))
    counts = [{name: sum(row[1] == name for row in rows) for (_, name, *_) in complete} for rows in (complete, thinned)]
    assert counts[0] == counts[1]

    def is_near(day: dt.date | None) -> bool:
        return day is not None and any(abs((day - gone).days) <= 3 for gone in missing)

    # a return that is seen a day later may fall out of the window of a reconstitution, and so move the end before it
    touched = {name for _, name, *days in complete if any(is_near(day) for day in days)}
    closed = {row for row in complete if row[3] is not None and row[1] not in touched}
    # by chance a file near a boundary of each of them may be missing
    assume(closed)
    assert closed <= thinned
