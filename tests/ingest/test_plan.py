"""What is asked next, and when a row counts as known."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.calendars import NEW_YORK, end_of_day, fund_available_at, price_available_at, sessions_between
from orchestration.ingest.batch import stamp
from orchestration.ingest.macro import span
from orchestration.ingest.plan import (
    Asked,
    expected_holdings,
    final_outcome,
    first_gap,
    is_settled,
    is_snapshot_due,
    newest_reconstitution_first,
    sessions_before,
    window_to_ask,
)

D = dt.date
START, LAST = D(2026, 1, 2), D(2026, 8, 21)
NOW = end_of_day(LAST)
OVERLAP = D(2026, 8, 17)


def asked(start: D | None, end: D | None, day: D, outcome: str = "ok") -> Asked:
    return Asked(start, end, outcome, end_of_day(day))


def test_a_first_question_is_for_everything():
    assert window_to_ask([], START, LAST, NOW, OVERLAP) == (START, LAST)


def test_the_next_day_asks_for_the_last_sessions_again():
    before = [asked(START, D(2026, 8, 20), D(2026, 8, 20))]
    assert window_to_ask(before, START, LAST, NOW, OVERLAP) == (OVERLAP, LAST)


def test_the_same_day_asks_nothing():
    assert window_to_ask([asked(START, LAST, LAST)], START, LAST, NOW, OVERLAP) is None


@pytest.mark.parametrize("outcome", ["blocked", "rate_limited", "unreachable", "malformed", "skipped"])
def test_a_failed_question_is_asked_again_the_same_day(outcome):
    assert window_to_ask([asked(START, LAST, LAST, outcome)], START, LAST, NOW, OVERLAP) == (START, LAST)


def test_a_gap_in_the_middle_is_found():
    history = [asked(START, D(2026, 3, 2), D(2026, 3, 2)), asked(D(2026, 5, 4), LAST, LAST)]
    assert first_gap(history, START, LAST) == D(2026, 3, 3)
    # four days of overlap: what the answer of 2026-03-02 could not show yet
    assert window_to_ask(history, START, LAST, NOW, OVERLAP) == (D(2026, 2, 27), LAST)


def test_a_history_without_a_gap_has_none():
    history = [asked(START, D(2026, 3, 2), D(2026, 3, 2)), asked(D(2026, 3, 3), LAST, LAST)]
    assert first_gap(history, START, LAST) is None
    # the last day alone can be the gap
    assert first_gap([asked(START, D(2026, 8, 20), LAST)], START, LAST) == LAST


def test_one_day_is_a_window_and_none_is_not():
    assert window_to_ask([], LAST, LAST, NOW, LAST) == (LAST, LAST)
    assert window_to_ask([], LAST, D(2026, 8, 20), NOW, LAST) is None


def test_an_answer_of_today_that_ends_early_leaves_the_last_days_to_ask():
    history = [asked(START, D(2026, 8, 20), LAST)]
    assert window_to_ask(history, START, LAST, NOW, OVERLAP) == (OVERLAP, LAST)


def test_sessions_before_counts_from_the_last_session():
    assert sessions_before(D(2026, 8, 21), 0) == D(2026, 8, 21)
    # Sunday counts from Friday
    assert sessions_before(D(2026, 8, 23), 4) == D(2026, 8, 17)


def test_after_a_pause_the_last_days_of_the_answer_before_are_asked_again():
    # FRED posts the yields of a day on the next: the answer of the 18th ends with those of the 17th
    history = [asked(START, D(2026, 3, 18), D(2026, 3, 18))]
    assert window_to_ask(history, START, LAST, NOW, LAST - dt.timedelta(days=30)) == (D(2026, 2, 17), LAST)
    # never before the first day wanted
    assert window_to_ask(history, D(2026, 3, 2), LAST, NOW, LAST - dt.timedelta(days=30)) == (D(2026, 3, 2), LAST)


@pytest.mark.parametrize(
    ("policy", "frequency", "first", "again_from"),
    [
        # a daily series: the months of the run, the last 30 days again
        ("not_revised", "daily", D(2026, 7, 1), D(2026, 7, 22)),
        # CPI of July comes in the middle of August, and came in the middle of December when the government was shut
        ("not_revised", "monthly", D(2014, 10, 31), D(2026, 4, 23)),
        # seasonal factors of five years change each January
        ("revised", "monthly", D(2014, 10, 31), D(2014, 10, 31)),
    ],
)
def test_how_far_back_a_daily_run_asks_for_a_series(policy, frequency, first, again_from):
    row = {"revision_policy": policy, "frequency": frequency}
    assert span(row, D(2016, 1, 4), D(2026, 7, 1), LAST) == (first, again_from)


def test_an_unknown_symbol_is_asked_once_a_day():
    history = [asked(START, LAST, LAST, "unknown_symbol")]
    assert window_to_ask(history, START, LAST, NOW, OVERLAP) is None
    tomorrow = end_of_day(D(2026, 8, 24))
    assert window_to_ask(history, START, D(2026, 8, 24), tomorrow, OVERLAP) == (START, D(2026, 8, 24))


def test_a_missing_page_is_asked_again_after_an_hour():
    history = [Asked(START, LAST, "not_found", NOW - dt.timedelta(minutes=59))]
    assert window_to_ask(history, START, LAST, NOW, OVERLAP) is None
    history = [Asked(START, LAST, "not_found", NOW - dt.timedelta(minutes=60))]
    assert window_to_ask(history, START, LAST, NOW, OVERLAP) == (START, LAST)


def test_a_forced_question_is_asked_whatever_was_answered():
    assert window_to_ask([asked(START, LAST, LAST)], START, LAST, NOW, OVERLAP, refresh=True) == (START, LAST)


def test_the_cadence_of_holdings():
    fridays = [D(2025, 6, 27), D(2026, 12, 11)]
    days = expected_holdings(D(2025, 1, 2), end_of_day(D(2025, 9, 10)), fridays, None)
    around = sessions_between(D(2025, 5, 21), D(2025, 8, 4))
    assert len(around) == 25 + 1 + 25
    assert set(around) <= set(days)
    assert {D(2025, 1, 31), D(2025, 2, 28), D(2025, 8, 29)} <= set(days)
    # the file of the tenth is out on the eleventh
    assert max(days) == D(2025, 9, 9)
    assert D(2025, 2, 27) not in days
    daily = expected_holdings(D(2025, 1, 2), end_of_day(D(2025, 9, 10)), fridays, D(2025, 9, 3))
    assert {D(2025, 9, 3), D(2025, 9, 4), D(2025, 9, 8)} <= set(daily)
    assert D(2025, 9, 2) not in daily


def test_a_holdings_file_is_expected_from_eight_the_next_morning_on():
    # the fund's first file is that of Friday 2025-01-31, the end of a month
    first = D(2025, 1, 31)
    early = dt.datetime(2025, 2, 3, 7, 59, 59, tzinfo=NEW_YORK)
    assert expected_holdings(first, early, [], None) == []
    assert expected_holdings(first, early + dt.timedelta(seconds=1), [], None) == [first]
    assert expected_holdings(first, end_of_day(D(2025, 2, 4)), [], None) == [first, D(2025, 2, 3)]


def test_the_newest_reconstitution_is_asked_first():
    days = [D(2024, 6, 28), D(2024, 11, 29), D(2025, 6, 26), D(2025, 6, 27), D(2025, 12, 31)]
    order = newest_reconstitution_first(days, [D(2024, 6, 28), D(2025, 6, 27)])
    assert order == [D(2025, 12, 31), D(2025, 6, 27), D(2025, 6, 26), D(2024, 6, 28), D(2024, 11, 29)]


def test_forty_days_around_a_reconstitution_belong_to_it():
    older, newer = D(2025, 6, 27), D(2025, 12, 12)
    at_forty, at_forty_one = older + dt.timedelta(days=40), older + dt.timedelta(days=41)
    days = [D(2026, 2, 27), D(2025, 9, 30), at_forty_one, at_forty, older]
    # what belongs to none comes last, the newest of it first
    assert newest_reconstitution_first(days, [older, newer]) == [
        D(2026, 2, 27),
        older,
        at_forty,
        D(2025, 9, 30),
        at_forty_one,
    ]


def test_a_stored_file_ends_the_asking_whatever_came_after():
    day = D(2026, 8, 20)
    history = [asked(day, day, D(2026, 8, 21)), asked(day, day, D(2026, 8, 24), "empty")]
    assert final_outcome(history, day, end_of_day(D(2026, 8, 24))) == "ok"


def test_ten_days_later_a_file_may_still_come():
    day = D(2026, 8, 20)
    for answered, outcome in [(D(2026, 8, 30), None), (D(2026, 8, 31), "empty")]:
        assert final_outcome([asked(day, day, answered, "empty")], day, end_of_day(D(2026, 9, 9))) == outcome


def test_five_sessions_before_an_unpublished_date_are_tried():
    days = sessions_between(D(2026, 5, 21), D(2026, 5, 29))
    assert len(days) == 6
    day = days[-1]
    empty = [asked(one, one, LAST, "empty") for one in days]
    assert is_settled(empty, day, NOW)
    assert not is_settled(empty[1:], day, NOW)


def test_a_file_not_out_is_asked_again_while_it_may_still_come():
    day = D(2026, 8, 20)
    early = [asked(day, day, D(2026, 8, 21), "empty")]
    assert final_outcome(early, day, end_of_day(D(2026, 8, 21))) == "empty"
    assert final_outcome(early, day, end_of_day(D(2026, 8, 24))) is None
    late = [asked(day, day, D(2026, 9, 4), "empty")]
    assert final_outcome(late, day, end_of_day(D(2026, 9, 9))) == "empty"


def test_a_date_is_settled_when_the_sessions_before_it_are_too():
    day, before = D(2026, 5, 29), D(2026, 5, 28)
    history = [asked(day, day, LAST, "empty")]
    assert not is_settled(history, day, NOW)
    assert is_settled([*history, asked(before, before, LAST)], day, NOW)
    assert not is_settled([*history, asked(before, before, LAST, "blocked")], day, NOW)


@pytest.mark.parametrize(
    ("fetched", "history", "expected", "assumed"),
    [
        # a backfill: the model
        (D(2026, 8, 21), [], D(2026, 3, 2), True),
        # the run of the day: the fetch
        (D(2026, 3, 2), [], D(2026, 3, 2), False),
        # asked for after it was due, and not there: the fetch
        (D(2026, 3, 9), [asked(START, D(2026, 3, 4), D(2026, 3, 4))], D(2026, 3, 9), False),
        # the machine was off for a week: the model, for nobody had asked
        (D(2026, 3, 9), [asked(START, D(2026, 2, 27), D(2026, 2, 27))], D(2026, 3, 2), True),
    ],
)
def test_when_a_bar_counts_as_known(fetched, history, expected, assumed):
    now = end_of_day(fetched)
    row = stamp(pd.Series([D(2026, 3, 2)]), price_available_at, now, history).iloc[0]
    assert row["available_at"].astimezone(NEW_YORK).date() == expected
    assert row["is_availability_assumed"] == assumed


MARCH = st.sampled_from(sessions_between(D(2026, 3, 2), D(2026, 3, 20)))
QUESTIONS = st.lists(
    st.builds(asked, st.none() | MARCH, st.none() | MARCH, MARCH, st.sampled_from(["ok", "empty", "malformed"])),
    max_size=8,
)


@given(history=QUESTIONS, days=st.lists(MARCH, max_size=12))
def test_many_questions_are_judged_as_each_of_them_would_be(history, days):
    now = end_of_day(D(2026, 3, 23))
    found = stamp(pd.Series(days, dtype=object), price_available_at, now, history)
    for day, is_assumed in zip(days, found["is_availability_assumed"], strict=True):
        covering = [
            question
            for question in history
            if question.outcome in ("ok", "empty")
            and (question.window_start is None or question.window_start <= day)
            and (question.window_end is None or question.window_end >= day)
        ]
        due = price_available_at(day)
        assert is_assumed == (not any(question.fetched_at >= due for question in covering))


def test_a_file_that_comes_early_counts_from_its_fetch():
    now = dt.datetime(2026, 3, 2, 20, 0, tzinfo=NEW_YORK)
    row = stamp(pd.Series([D(2026, 3, 2)]), fund_available_at, now, []).iloc[0]
    assert row["available_at"] == pd.Timestamp(now)
    assert not row["is_availability_assumed"]


def test_a_snapshot_is_asked_for_until_it_is_stored():
    session = D(2026, 8, 21)
    evening = dt.datetime(2026, 8, 21, 17, 30, tzinfo=NEW_YORK)

    def due(outcome: str, later: dt.timedelta = dt.timedelta(minutes=5), end: D = session) -> bool:
        return is_snapshot_due([Asked(end, end, outcome, evening)], session, evening + later)

    assert is_snapshot_due([], session, evening)
    assert not due("ok")
    assert not due("ok", dt.timedelta(days=2))
    # a failure is asked again at the next run, an answer that there is nothing not before the next day
    assert due("rate_limited")
    assert due("malformed")
    assert due("stale")
    assert not due("empty")
    assert not due("unknown_symbol", dt.timedelta(hours=6))
    assert due("unknown_symbol", dt.timedelta(hours=7))
    assert not due("not_found", dt.timedelta(minutes=59))
    assert due("not_found", dt.timedelta(minutes=61))
    # yesterday's snapshot is another one
    assert due("ok", end=D(2026, 8, 20))
