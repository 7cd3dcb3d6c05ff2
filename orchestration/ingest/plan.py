"""What to ask next: pure functions over what was asked before.

Dates are New York session or calendar dates; windows include both ends.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from orchestration.calendars import (
    NEW_YORK,
    fund_available_at,
    month_end,
    previous_session,
    session_on_or_before,
    sessions_between,
    shift_sessions,
)
from orchestration.vendors.http import NOT_ASKED

OVERLAP_SESSIONS = 5
RECONSTITUTION_SESSIONS = 25
UNPUBLISHED_RETRIES = 5
# A holdings file that was not out is asked for again while it may still come.
STILL_COMING = dt.timedelta(days=10)
# A vendor that answered one of these answered; asking again the same day is impolite.
ANSWERED = frozenset({"ok", "empty", "unknown_symbol"})
# A page that is not there may come back: it is asked for again, but not at once.
NOT_FOUND_PAUSE = dt.timedelta(hours=1)

# A fund reports a quarter 45 to 65 days after its end (rule 30b1-9 allows 60, weekends move it); then its feed is
# looked at every day, and otherwise once a week, for amendments.
REPORT_PERIOD_MONTHS = 3
REPORT_DAYS = (dt.timedelta(days=45), dt.timedelta(days=90))
REPORT_DUE = dt.timedelta(days=65)
FEED_PAUSE = dt.timedelta(days=7)

Window = tuple[dt.date, dt.date]


@dataclass(frozen=True)
class Asked:
    """One earlier question: its window, how it ended, when."""

    window_start: dt.date | None
    window_end: dt.date | None
    outcome: str
    fetched_at: dt.datetime

    @property
    def day(self) -> dt.date:
        """New York date of the answer."""
        return self.fetched_at.astimezone(NEW_YORK).date()

    def is_answer_for(self, now: dt.datetime) -> bool:
        """Whether this is an answer that still stands today."""
        if self.outcome == "not_found":
            return now - self.fetched_at < NOT_FOUND_PAUSE
        return self.outcome in ANSWERED and self.day == now.astimezone(NEW_YORK).date()


def first_gap(asked: Iterable[Asked], first: dt.date, last: dt.date) -> dt.date | None:
    """The first day of [first, last] that no successful answer covers, or None."""
    windows = sorted(
        (a.window_start, a.window_end) for a in asked if a.outcome == "ok" and a.window_start and a.window_end
    )
    day = first
    for start, end in windows:
        if start > day:
            break
        day = max(day, end + dt.timedelta(days=1))
    return day if day <= last else None


def window_to_ask(
    asked: Sequence[Asked],
    first: dt.date,
    last: dt.date,
    now: dt.datetime,
    overlap_from: dt.date,
    refresh: bool = False,
) -> Window | None:
    """The one window to ask for, or None where everything was answered already today.

    Args:
        asked: Earlier questions about the same key.
        first: First day wanted.
        last: Last day wanted and publishable.
        now: The warehouse clock.
        overlap_from: First day asked again once a day, because vendors restate recent values.
        refresh: Ask for all of [first, last] whatever was answered before.
    """
    if first > last:
        return None
    if refresh:
        return first, last
    starts = []
    answered_today = [a for a in asked if a.window_end and a.is_answer_for(now)]
    gap = first_gap(asked, first, last)
    # a key that is unknown, or has no data, stays a gap: one answer a day is enough
    if gap is not None and not any(a.window_start and a.window_start <= gap for a in answered_today):
        # the last days of the answer before the gap were not all published then, or not settled
        starts.append(max(first, gap - (last - overlap_from)))
    if not any(a.window_end and a.window_end >= last for a in answered_today):
        starts.append(max(first, overlap_from))
    return (min(starts), last) if starts else None


def members_to_ask(
    symbols: Iterable[str],
    members: Container[str],
    asked: Mapping[str, Sequence[Asked]],
    first: dt.date,
    last: dt.date,
    now: dt.datetime,
    refresh: bool = False,
) -> list[tuple[str, Window]]:
    """Whose bars are to be asked for, and which: those never asked first, then those asked longest ago.

    Args:
        symbols: Everybody who is or was a member, in the order in which they are asked the first time.
        members: Those who are members now; of the others nothing more is expected once they have had no bar.
        asked: Earlier questions by symbol, oldest first.
        first: First session wanted.
        last: Last closed session.
        now: The warehouse clock.
        refresh: Ask for all of [first, last] whatever was answered before.
    """
    never = dt.datetime.min.replace(tzinfo=dt.UTC)
    overlap_from = sessions_before(last, OVERLAP_SESSIONS - 1)
    found: list[tuple[dt.datetime, str, Window]] = []
    for symbol in symbols:
        history = [a for a in asked.get(symbol, ()) if a.outcome not in NOT_ASKED]
        has_ended = symbol not in members and bool(history) and history[-1].outcome == "empty"
        window = None if has_ended and not refresh else window_to_ask(history, first, last, now, overlap_from, refresh)
        if window is not None:
            found.append((history[-1].fetched_at if history else never, symbol, window))
    return [(symbol, window) for _, symbol, window in sorted(found, key=lambda item: item[0])]


def is_snapshot_due(asked: Iterable[Asked], session: dt.date, now: dt.datetime) -> bool:
    """Whether a snapshot of a session is to be asked for: not stored, and no answer that it is not there stands."""
    return not any(a.window_end == session and (a.outcome == "ok" or a.is_answer_for(now)) for a in asked)


def sessions_before(session: dt.date, count: int) -> dt.date:
    """The session `count` sessions before the last one on or before a date."""
    return shift_sessions(session_on_or_before(session), -count)


def expected_holdings(
    first: dt.date,
    now: dt.datetime,
    reconstitutions: Iterable[dt.date],
    daily_from: dt.date | None,
) -> list[dt.date]:
    """Sessions whose holdings files the cadence asks for, oldest first, published ones only.

    Month ends, every session within 25 of a reconstitution, and every session from the first scheduled run on.

    Args:
        first: First snapshot wanted.
        now: The warehouse clock; a file as of T is out on the next session at 08:00.
        reconstitutions: Effective dates.
        daily_from: New York date of the first run, or None before it.
    """
    last = session_on_or_before(now.astimezone(NEW_YORK).date())
    while last >= first and fund_available_at(last) > now:
        last = previous_session(last)
    sessions = sessions_between(session_on_or_before(first), last)
    wanted = {day for day, following in pairwise(sessions) if following.month != day.month}
    for friday in reconstitutions:
        middle = session_on_or_before(friday)
        near = (shift_sessions(middle, -RECONSTITUTION_SESSIONS), shift_sessions(middle, RECONSTITUTION_SESSIONS))
        wanted.update(s for s in sessions if near[0] <= s <= near[1])
    if daily_from is not None:
        wanted.update(s for s in sessions if s >= daily_from)
    if sessions:
        wanted.add(sessions[-1])
    return sorted(s for s in wanted if s >= first)


def final_outcome(asked: Iterable[Asked], day: dt.date, now: dt.datetime) -> str | None:
    """How asking for a holdings date ended, where asking again could not tell more; None where it could."""
    answers = [a for a in asked if a.window_end == day]
    if any(a.outcome == "ok" for a in answers):
        return "ok"
    final = [a for a in answers if a.is_answer_for(now) or (a.outcome in ANSWERED and a.day - day > STILL_COMING)]
    return final[-1].outcome if final else None


def is_settled(asked: Sequence[Asked], day: dt.date, now: dt.datetime) -> bool:
    """Whether a holdings date, or where nothing was published one of the five sessions before it, was answered."""
    for _ in range(UNPUBLISHED_RETRIES + 1):
        outcome = final_outcome(asked, day, now)
        if outcome != "empty":
            return outcome is not None
        day = previous_session(day)
    return True


def newest_reconstitution_first(sessions: Iterable[dt.date], reconstitutions: Iterable[dt.date]) -> list[dt.date]:
    """Order in which holdings are asked: the newest file, then around each reconstitution from the newest, the rest."""
    days = sorted(sessions, reverse=True)
    fridays = sorted(reconstitutions, reverse=True)

    def rank(day: dt.date) -> tuple[int, int]:
        if days and day == days[0]:
            return -1, 0
        for position, friday in enumerate(fridays):
            distance = abs((day - friday).days)
            if distance <= 40:
                return position, distance
        return len(fridays), (days[0] - day).days

    return sorted(days, key=rank)


def next_report(newest: dt.date) -> dt.date:
    """End of the quarter after a reported one."""
    return month_end(newest, REPORT_PERIOD_MONTHS)


def is_feed_due(asked: Sequence[Asked], newest: dt.date | None, now: dt.datetime) -> bool:
    """Whether to ask what a fund has filed: daily while its next report may come, else weekly.

    Args:
        asked: Earlier questions about the feed of the fund.
        newest: End of the newest quarter stored; None where there is none.
        now: The warehouse clock.
    """
    answered = [a for a in asked if a.outcome in ANSWERED]
    if any(a.is_answer_for(now) for a in asked):
        return False
    if not answered or newest is None:
        return True
    today = now.astimezone(NEW_YORK).date()
    first, last = (next_report(newest) + days for days in REPORT_DAYS)
    return first <= today <= last or answered[-1].day + FEED_PAUSE <= today


def is_filing_due(asked: Sequence[Asked], now: dt.datetime) -> bool:
    """Whether a document is to be asked for: never read, and not refused for what it holds earlier this day."""
    if any(a.outcome in ("ok", "empty") for a in asked):
        return False
    today = now.astimezone(NEW_YORK).date()
    return not any(a.is_answer_for(now) or (a.outcome == "malformed" and a.day == today) for a in asked)


def is_filing_overdue(newest: dt.date | None, today: dt.date) -> bool:
    """Whether the report after the newest stored one should be there by now."""
    return newest is None or next_report(newest) + REPORT_DUE < today
