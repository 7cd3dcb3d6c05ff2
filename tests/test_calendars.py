"""Sessions, the last closed one, and when a number became knowable."""

from __future__ import annotations

import csv
import datetime as dt

import pytest

from orchestration import calendars as cal
from orchestration.settings import REPOSITORY

D = dt.date


def ny(*args: int) -> dt.datetime:
    return dt.datetime(*args, tzinfo=cal.NEW_YORK)


@pytest.mark.parametrize(("year", "count"), [(2018, 251), (2020, 253), (2024, 252), (2025, 250), (2026, 251)])
def test_session_counts_of_a_year(year, count):
    assert len(cal.sessions_between(D(year, 1, 1), D(year, 12, 31))) == count


@pytest.mark.parametrize(
    ("now", "session"),
    [
        (ny(2026, 8, 21, 15, 59), D(2026, 8, 20)),
        (ny(2026, 8, 21, 16, 10), D(2026, 8, 20)),  # closed, not settled
        (ny(2026, 8, 21, 16, 15), D(2026, 8, 21)),
        (ny(2026, 8, 23, 12, 0), D(2026, 8, 21)),  # Sunday
        (ny(2025, 11, 28, 13, 15), D(2025, 11, 28)),  # half day
        (ny(2025, 1, 9, 20, 0), D(2025, 1, 8)),  # ad-hoc closure
        (cal.end_of_day(D(2026, 8, 21)), D(2026, 8, 21)),
        (dt.datetime(2026, 8, 21, 20, 15, tzinfo=dt.UTC), D(2026, 8, 21)),
    ],
)
def test_last_closed_session(now, session):
    assert cal.last_closed_session(now) == session


@pytest.mark.parametrize(
    ("observed", "lag", "known"),
    [
        (D(2025, 12, 17), "next_business_day 16:15", ny(2025, 12, 18, 16, 15)),
        (D(2025, 10, 10), "next_business_day 16:15", ny(2025, 10, 14, 16, 15)),  # Columbus Day between
        (D(2026, 8, 21), "next_business_day 09:00", ny(2026, 8, 24, 9, 0)),  # over the weekend
        (D(2025, 12, 17), "next_business_day 09:00", ny(2025, 12, 18, 9, 0)),
        (D(2025, 12, 18), "next_business_day 09:00", ny(2025, 12, 19, 9, 0)),  # Friday is a business day
        (D(2025, 11, 1), "release_date 08:30", ny(2025, 12, 18, 8, 30)),
        # the release of the last day of the month is still that of the month before
        (D(2025, 12, 1), "release_date 08:30", ny(2026, 1, 13, 8, 30)),
        # no calendar that far: the business day after the middle of the next month
        (D(2026, 3, 1), "release_date 08:30", ny(2026, 4, 15, 8, 30)),
    ],
)
def test_a_macro_observation_is_knowable_at_its_release(observed, lag, known):
    releases = [D(2025, 10, 24), D(2025, 12, 18), D(2025, 12, 31), D(2026, 1, 13)]
    assert cal.observation_available_at(observed, lag, releases) == known


@pytest.mark.parametrize("lag", ["soon", "release date 08:30", "release_date 8"])
def test_an_unknown_release_lag_names_the_forms_that_exist(lag):
    with pytest.raises(ValueError, match="release_lag") as refused:
        cal.observation_available_at(D(2026, 1, 2), lag)
    assert str(refused.value) == f"release_lag {lag!r}: write 'next_business_day HH:MM' or 'release_date HH:MM'"


def test_an_unknown_release_rule_is_named():
    with pytest.raises(ValueError, match=r"^release_lag 'next_day 08:30': unknown rule 'next_day'$"):
        cal.observation_available_at(D(2026, 1, 2), "next_day 08:30")


def test_opens_and_closes_are_told_in_new_york():
    assert cal.session_open(D(2025, 11, 28)).isoformat() == "2025-11-28T09:30:00-05:00"
    assert cal.session_close(D(2025, 11, 28)).isoformat() == "2025-11-28T13:00:00-05:00"
    assert cal.end_of_day(D(2025, 7, 1)).isoformat() == "2025-07-01T23:59:59-04:00"


def test_a_stretch_of_sessions_includes_both_ends():
    assert cal.sessions_between(D(2025, 11, 26), D(2025, 11, 28)) == [D(2025, 11, 26), D(2025, 11, 28)]
    assert cal.sessions_between(D(2025, 11, 28), D(2025, 11, 28)) == [D(2025, 11, 28)]
    assert cal.sessions_between(D(2025, 11, 28), D(2025, 11, 26)) == []


def test_thanksgiving_is_no_session_and_the_half_day_after_it_is():
    assert not cal.is_session(D(2025, 11, 27))
    assert cal.is_session(D(2025, 11, 28))


def test_prices_settle_after_the_close_and_fund_files_come_the_next_session():
    assert cal.price_available_at(D(2025, 11, 28)) == ny(2025, 11, 28, 13, 15)
    assert cal.fund_available_at(D(2026, 7, 17)) == ny(2026, 7, 20, 8, 0)


def test_the_reviewed_reconstitution_calendar_agrees_with_the_rule():
    with (REPOSITORY / "dbt_project/seeds/reconstitution.csv").open(encoding="utf-8") as handle:
        seeded = {D.fromisoformat(row["effective_date"]) for row in csv.DictReader(handle)}
    ruled = set(cal.reconstitution_fridays([2019, 2020, 2021, 2022, 2023, 2024, 2025, 2026, 2027]))
    assert {d for d in seeded if d.year >= 2019} == ruled
    assert {D(2024, 6, 28), D(2025, 6, 27), D(2026, 6, 26), D(2026, 12, 11)} <= seeded


def test_shifting_sessions_counts_sessions_and_not_days():
    assert cal.shift_sessions(D(2025, 12, 18), -126) == D(2025, 6, 20)


@pytest.mark.parametrize(
    ("now", "session"),
    [
        # Friday 2025-07-25: open 09:30, settled 16:15
        ("2025-07-25T09:29:59", dt.date(2025, 7, 24)),
        ("2025-07-25T09:30:00", None),
        ("2025-07-25T16:14:59", None),
        ("2025-07-25T16:15:00", dt.date(2025, 7, 25)),
        ("2025-07-27T12:00:00", dt.date(2025, 7, 25)),
        # a half day, then Thanksgiving's weekend
        ("2025-11-28T13:15:00", dt.date(2025, 11, 28)),
        ("2025-11-27T12:00:00", dt.date(2025, 11, 26)),
    ],
)
def test_what_shows_the_present_describes_the_last_session_until_the_next_opens(now, session):
    assert cal.snapshot_session(dt.datetime.fromisoformat(now).replace(tzinfo=cal.NEW_YORK)) == session
