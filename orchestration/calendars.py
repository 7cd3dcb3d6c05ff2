"""New York sessions, the last closed one, and when a number became knowable.

Dates are New York session dates; every moment returned is timezone-aware.
"""

from __future__ import annotations

import datetime as dt
from calendar import monthrange
from collections.abc import Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from exchange_calendars import ExchangeCalendar

NEW_YORK = ZoneInfo("America/New_York")
# The library's default reaches back 20 years only, and one year ahead.
CALENDAR_START = "1985-01-02"
CALENDAR_END = "2035-12-31"
# Vendors move the closing print for some minutes after the bell.
SETTLE = dt.timedelta(minutes=15)
FUND_FILE_HOUR = dt.time(8, 0)
# EDGAR opens at six; what it accepts after 17:30 has the next business day as its date of filing and is shown then.
EDGAR_OPENS = dt.time(6, 0)


@cache
def nyse() -> ExchangeCalendar:
    """The NYSE calendar, with its start and end given explicitly."""
    # half a second with the pandas it brings, which commands that need no calendar should not wait for
    import exchange_calendars

    return exchange_calendars.get_calendar("XNYS", start=CALENDAR_START, end=CALENDAR_END)


def end_of_day(day: dt.date) -> dt.datetime:
    """23:59:59 New York of a date: the moment a plain date stands for."""
    return dt.datetime.combine(day, dt.time(23, 59, 59), tzinfo=NEW_YORK)


def is_session(day: dt.date) -> bool:
    """Whether the NYSE opens on this date."""
    return nyse().is_session(day.isoformat())


@cache
def session_close(session: dt.date) -> dt.datetime:
    """Closing time of a session in New York (13:00 on half days)."""
    return nyse().session_close(session.isoformat()).to_pydatetime().astimezone(NEW_YORK)


@cache
def session_open(session: dt.date) -> dt.datetime:
    """Opening time of a session in New York."""
    return nyse().session_open(session.isoformat()).to_pydatetime().astimezone(NEW_YORK)


def sessions_between(first: dt.date, last: dt.date) -> list[dt.date]:
    """All sessions from first to last, both included; empty where first is after last."""
    if first > last:
        return []
    return [stamp.date() for stamp in nyse().sessions_in_range(first.isoformat(), last.isoformat())]


def session_on_or_before(day: dt.date) -> dt.date:
    """The session itself, or the last one before a date on which the NYSE is closed."""
    return nyse().date_to_session(day.isoformat(), direction="previous").date()


@cache
def next_session(day: dt.date) -> dt.date:
    """The first session after a date."""
    return nyse().date_to_session((day + dt.timedelta(days=1)).isoformat(), direction="next").date()


def previous_session(day: dt.date) -> dt.date:
    """The last session before a date."""
    return session_on_or_before(day - dt.timedelta(days=1))


def shift_sessions(session: dt.date, count: int) -> dt.date:
    """The session `count` sessions after (negative: before) a session."""
    return nyse().session_offset(session.isoformat(), count).date()


def last_closed_session(now: dt.datetime) -> dt.date:
    """The newest session whose bar is final at a moment: closed, and settled for SETTLE."""
    moment = now.astimezone(NEW_YORK)
    session = session_on_or_before(moment.date())
    return session if session_close(session) + SETTLE <= moment else previous_session(session)


def snapshot_session(now: dt.datetime) -> dt.date | None:
    """The session that a vendor showing the present only describes at a moment.

    The last closed one until the next opens; None while one trades or settles.
    """
    session = last_closed_session(now)
    return session if now < session_open(next_session(session)) else None


@cache
def _federal_holidays() -> frozenset[dt.date]:
    from pandas.tseries.holiday import USFederalHolidayCalendar

    days = USFederalHolidayCalendar().holidays(start=CALENDAR_START, end=CALENDAR_END)
    return frozenset(stamp.date() for stamp in days)


def next_business_day(day: dt.date) -> dt.date:
    """The first federal business day after a date: when the Federal Reserve and FRED next post."""
    day += dt.timedelta(days=1)
    while day.weekday() > 4 or day in _federal_holidays():
        day += dt.timedelta(days=1)
    return day


def month_end(day: dt.date, months: int = 0) -> dt.date:
    """Last calendar day of the month of a date, or of one so many months after it (negative: before)."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return dt.date(year, month + 1, monthrange(year, month + 1)[1])


def price_available_at(session: dt.date) -> dt.datetime:
    """When a session's bar could first be known: its close, settled."""
    return session_close(session) + SETTLE


def fund_available_at(as_of: dt.date) -> dt.datetime:
    """When a sponsor's NAV, shares or holdings as of a date could first be known: next session, 08:00."""
    return dt.datetime.combine(next_session(as_of), FUND_FILE_HOUR, tzinfo=NEW_YORK)


def filing_available_at(accepted_at: dt.datetime, filed_date: dt.date) -> dt.datetime:
    """When a filing could first be read: when EDGAR accepted it, or 06:00 of its date of filing, if later."""
    if accepted_at.astimezone(NEW_YORK).date() >= filed_date:
        return accepted_at
    return dt.datetime.combine(filed_date, EDGAR_OPENS, tzinfo=NEW_YORK)


def fails_available_at(period_end: dt.date) -> dt.datetime:
    """When the SEC's fails-to-deliver file of a half month could first be read, at the latest.

    It shows the first half at the end of the month and the second half about the 15th of the next one: counted from the
    end of the next month, in New York.
    """
    return dt.datetime.combine(month_end(period_end, 1), dt.time(23, 59, 59), tzinfo=NEW_YORK)


def observation_available_at(
    observation_date: dt.date, release_lag: str, release_dates: Sequence[dt.date] = ()
) -> dt.datetime:
    """When a macro observation could first be known.

    Args:
        observation_date: The date the value describes.
        release_lag: `next_business_day HH:MM` or `release_date HH:MM`, New York time. The second takes the first
            release after the observation's month ends.
        release_dates: Sorted dates of the release; needed for `release_date` only.

    Raises:
        ValueError: The lag has another form.
    """
    rule, _, clock = release_lag.partition(" ")
    try:
        hour = dt.time.fromisoformat(clock)
    except ValueError:
        forms = "'next_business_day HH:MM' or 'release_date HH:MM'"
        raise ValueError(f"release_lag {release_lag!r}: write {forms}") from None
    if rule == "next_business_day":
        day = next_business_day(observation_date)
    elif rule == "release_date":
        last = month_end(observation_date)
        # Without a calendar the middle of the next month is late enough for every release used here.
        fallback = next_business_day(last + dt.timedelta(days=14))
        day = next((d for d in release_dates if d > last), fallback)
    else:
        raise ValueError(f"release_lag {release_lag!r}: unknown rule {rule!r}")
    return dt.datetime.combine(day, hour, tzinfo=NEW_YORK)


def reconstitution_fridays(years: Iterable[int]) -> list[dt.date]:
    """Effective Fridays by rule: fourth Friday of June, and from 2026 the second Friday of December.

    Used to check the reviewed seed only. Source: Russell US Equity Indices methodology 7.2, section 4.2.3. Before
    2024 the June date followed another rule (the last Friday, or the one before it).
    """
    out = []
    for year in years:
        out.append(_nth_friday(year, 6, 4))
        if year >= 2026:
            out.append(_nth_friday(year, 12, 2))
    return out


def _nth_friday(year: int, month: int, n: int) -> dt.date:
    first = dt.date(year, month, 1)
    # Monday is 0, Friday is 4
    return first + dt.timedelta(days=(4 - first.weekday()) % 7 + 7 * (n - 1))
