"""The event calendar as of any session holds what was announced by then, and nothing else.

The SQL of the two models is compiled once and asked for many sessions; what it answers is computed again from the
reviewed lists, in Python.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import cache

import duckdb
import exchange_calendars
import pandas as pd
import pytest
from pandas.tseries.holiday import USFederalHolidayCalendar

from tests.conftest import REPOSITORY

SEEDS = REPOSITORY / "dbt_project" / "seeds"
MARKER = "1999-09-09"
FIRST, LAST = dt.date(2023, 1, 3), dt.date(2026, 11, 20)
STEPS = {
    "RUSSELL_RANK_DAY": "rank_date",
    "RUSSELL_PRELIMINARY_LIST": "prelim_date",
    "RUSSELL_LOCK_DOWN": "lockdown_date",
}


@pytest.fixture(scope="module")
def catalysts(sandbox_release, tmp_path_factory) -> Callable[[dt.date], pd.DataFrame]:
    """The rows of mart_catalyst as of a session."""
    root = tmp_path_factory.mktemp("catalysts")
    (root / "build").mkdir()
    shutil.copy(sandbox_release.data / "build" / "warehouse.duckdb", root / "build")
    (root / "raw").symlink_to(sandbox_release.data / "raw")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "dbt.cli.main", "--quiet", "compile", "--profiles-dir", "."),
            *("--select", "fct_market_event", "mart_catalyst", "--target-path", str(root / "target")),
            *("--vars", json.dumps({"as_of_session": MARKER, "start_date": "2016-01-04"})),
            *("--log-path", str(root / "logs")),
        ],
        cwd=REPOSITORY / "dbt_project",
        env=os.environ | {"SMALLCAP_DATA_DIR": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    models = root / "target" / "compiled" / "smallcap" / "models"
    events, ahead = (
        (models / path).read_text(encoding="utf-8")
        for path in ("core/events/fct_market_event.sql", "marts/events/mart_catalyst.sql")
    )
    assert MARKER in events
    assert MARKER in ahead
    con = duckdb.connect(str(root / "build" / "warehouse.duckdb"))
    con.execute("set timezone = 'America/New_York'")

    def as_of(session: dt.date) -> pd.DataFrame:
        con.execute(f"create or replace table main.fct_market_event as {events.replace(MARKER, str(session))}")
        return con.execute(ahead.replace(MARKER, str(session))).df()

    return as_of


@cache
def listed(name: str) -> pd.DataFrame:
    frame = pd.read_csv(SEEDS / f"{name}.csv", dtype=str)
    for column in frame.columns:
        if column.endswith(("_date", "_on")):
            frame[column] = pd.to_datetime(frame[column]).dt.date
    return frame


@cache
def business_days() -> set[dt.date]:
    """Days on which the Federal Reserve and the exchange are open."""
    sessions = exchange_calendars.get_calendar("XNYS").sessions_in_range(str(FIRST), "2027-11-19")
    return set(sessions.date) - set(USFederalHolidayCalendar().holidays(FIRST, dt.date(2027, 11, 19)).date)


def minutes_by_rule(decision: dt.date) -> dt.date:
    """Three weeks later, or the last business day before."""
    day = decision + dt.timedelta(days=21)
    while day not in business_days():
        day -= dt.timedelta(days=1)
    return day


def known(session: dt.date) -> set[tuple[str, dt.date, str, str]]:
    """Type, date, name and status of what the reviewed lists say a reader of a session could know lies ahead."""
    out = set()
    decisions, minutes = listed("fomc_decision"), listed("fomc_minutes").set_index("event_id")
    for row in decisions.itertuples():
        announced = row.announced_on
        if pd.isna(announced):
            announced = dt.date(row.decision_date.year - 1, 10, 1)
        if announced > session:
            continue
        out.add(("FOMC_DECISION", row.decision_date, row.event_id, "official"))
        # the calendar of sessions of this build ends a year after its clock
        if row.decision_date + dt.timedelta(days=21) < dt.date(2027, 11, 19):
            name, date, status = row.event_id, minutes_by_rule(row.decision_date), "derived"
            if name in minutes.index and row.decision_date <= session:
                date, status = minutes.loc[name, "minutes_date"], "official"
            out.add(("FOMC_MINUTES", date, name, status))
    for row in listed("reconstitution").to_dict("records"):
        announced, friday = row["announced_on"], row["effective_date"]
        if pd.isna(announced):
            announced = dt.date(friday.year, 4, 1)
        if announced <= session:
            out.add(("RUSSELL_RECONSTITUTION", friday, row["event_id"], row["status"]))
            for event_type, column in STEPS.items():
                if not pd.isna(row[column]):
                    status = row["lockdown_status"] if column == "lockdown_date" else row["status"]
                    out.add((event_type, row[column], row["event_id"], status))
        elif friday.month == 6:
            out.add(("RUSSELL_RECONSTITUTION", friday, row["event_id"], "derived"))
    return {row for row in out if session < row[1] <= session + dt.timedelta(days=365)}


def test_no_session_sees_a_date_that_was_announced_later(catalysts):
    sessions = [s.date() for s in exchange_calendars.get_calendar("XNYS").sessions_in_range(str(FIRST), str(LAST))]
    # about one session a month, and those around the days on which something was announced
    turns = [dt.date(*day) for day in [(2024, 3, 1), (2024, 8, 9), (2024, 11, 7), (2025, 9, 5), (2026, 2, 13)]]
    asked = sorted({*sessions[::23], *turns, *(sessions[sessions.index(day) - 1] for day in turns)})
    checked = 0
    for session in asked:
        rows = catalysts(session)
        early = rows[pd.to_datetime(rows["announced_on"]) > pd.Timestamp(session)]
        assert early.empty, (session, early)
        rows["event_date"] = pd.to_datetime(rows["event_date"]).dt.date
        ours = rows[rows["event_type"].str.startswith("FOMC") | rows["event_type"].isin([*STEPS])]
        ours = pd.concat([ours, rows[rows["event_type"] == "RUSSELL_RECONSTITUTION"]])
        found = set(ours[["event_type", "event_date", "event_id", "status"]].itertuples(index=False, name=None))
        assert found == known(session), session
        checked += len(found)
    assert checked > 800


@pytest.mark.parametrize(
    ("session", "event_date", "status"),
    [
        # the decision is not out yet: the rule, which says Thanksgiving and hence the day before
        ("2024-11-06", "2024-11-27", "derived"),
        ("2024-11-07", "2024-11-26", "official"),
        ("2023-11-01", "2023-11-21", "official"),
        ("2025-12-18", "2025-12-30", "official"),
    ],
)
def test_minutes_before_a_holiday_come_early(catalysts, session, event_date, status):
    rows = catalysts(dt.date.fromisoformat(session))
    first = rows[rows["event_type"] == "FOMC_MINUTES"].sort_values("event_date").iloc[0]
    assert (str(first["event_date"].date()), first["status"]) == (event_date, status)


def test_the_december_reconstitution_is_unknown_before_it_was_confirmed(catalysts):
    before, after = (catalysts(dt.date.fromisoformat(day)) for day in ("2026-02-13", "2026-02-17"))
    dates = {
        name: {
            (row.event_type, str(row.event_date.date()))
            for row in rows.itertuples()
            if row.event_type.startswith("RUSSELL") and row.event_date > pd.Timestamp("2026-10-01")
        }
        for name, rows in (("before", before), ("after", after))
    }
    assert dates["before"] == {("RUSSELL_QUARTERLY_IPO", "2026-12-18")}
    assert dates["after"] == {
        ("RUSSELL_QUARTERLY_IPO", "2026-12-11"),
        ("RUSSELL_RECONSTITUTION", "2026-12-11"),
        ("RUSSELL_RANK_DAY", "2026-10-30"),
        ("RUSSELL_PRELIMINARY_LIST", "2026-11-13"),
        ("RUSSELL_LOCK_DOWN", "2026-11-30"),
    }
