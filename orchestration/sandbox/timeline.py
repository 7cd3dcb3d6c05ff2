"""The sandbox's calendar: sessions and weekdays as arrays, and what is visible at a moment."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from orchestration.calendars import (
    CALENDAR_END,
    NEW_YORK,
    end_of_day,
    fund_available_at,
    last_closed_session,
    nyse,
    previous_session,
    reconstitution_fridays,
    session_on_or_before,
)

SEEDS = Path(__file__).resolve().parents[2] / "dbt_project" / "seeds"
# Two years before the first bar: volatility settles, and monthly series can be compared with a year earlier.
EPOCH = dt.date(2014, 1, 2)
FIRST_SESSION = dt.date(2016, 1, 4)


@cache
def seed_table(name: str) -> pd.DataFrame:
    """A reviewed seed table of the repository, all texts."""
    return pd.read_csv(SEEDS / f"{name}.csv", dtype=str, keep_default_na=False)


@dataclass(frozen=True)
class Timeline:
    """All sessions and weekdays from EPOCH to the end of the calendar.

    Attributes:
        sessions: NYSE sessions.
        closes: Closing times of the sessions, UTC.
        is_half: Whether a session ends early.
        weekdays: Mondays to Fridays, holidays included.
        on_weekday: Position of each session in `weekdays`.
        first: Position in `sessions` of the first session that has a bar.
    """

    sessions: np.ndarray
    closes: pd.DatetimeIndex
    is_half: np.ndarray
    weekdays: np.ndarray
    on_weekday: np.ndarray
    first: int

    @cached_property
    def dates(self) -> list[dt.date]:
        """The sessions as dates."""
        return self.sessions.astype(object).tolist()

    @cached_property
    def opens(self) -> np.ndarray:
        """Opening times of the sessions: seconds since 1970."""
        local = pd.DatetimeIndex(self.sessions).tz_localize(NEW_YORK) + pd.Timedelta(hours=9, minutes=30)
        return local.tz_convert("UTC").tz_localize(None).to_numpy("datetime64[s]").astype("int64")

    def at(self, day: dt.date) -> int:
        """Number of sessions before a date: the position of the first session on or after it."""
        return int(np.searchsorted(self.sessions, np.datetime64(day, "D"), side="left"))

    def upto(self, day: dt.date) -> int:
        """Number of sessions on or before a date."""
        return int(np.searchsorted(self.sessions, np.datetime64(day, "D"), side="right"))


@cache
def timeline() -> Timeline:
    """The one timeline; it depends on the installed exchange calendar only."""
    schedule = nyse().schedule.loc[str(EPOCH) : CALENDAR_END]
    sessions = schedule.index.to_numpy("datetime64[D]")
    closes = pd.DatetimeIndex(schedule["close"])
    hours = closes.tz_convert(NEW_YORK).hour
    weekdays = pd.bdate_range(EPOCH, CALENDAR_END).to_numpy("datetime64[D]")
    first = int(np.searchsorted(sessions, np.datetime64(FIRST_SESSION, "D")))
    on_weekday = np.searchsorted(weekdays, sessions)
    return Timeline(sessions, closes, np.asarray(hours < 16), weekdays, on_weekday, first)


@dataclass(frozen=True)
class Reconstitution:
    """One Russell reconstitution: who ranks when, and whose close brings the new membership."""

    event_id: str
    rank_date: dt.date
    effective_date: dt.date


@cache
def reconstitutions() -> tuple[Reconstitution, ...]:
    """The reviewed dates, and after their end those that follow from the rule."""
    out = [
        Reconstitution(
            row["event_id"], dt.date.fromisoformat(row["rank_date"]), dt.date.fromisoformat(row["effective_date"])
        )
        for row in seed_table("reconstitution").to_dict("records")
    ]
    last = max(item.effective_date for item in out)
    for friday in reconstitution_fridays(range(last.year, dt.date.fromisoformat(CALENDAR_END).year + 1)):
        if friday > last:
            month_end = dt.date(friday.year, 4, 30) if friday.month == 6 else dt.date(friday.year, 10, 31)
            event_id = f"RUSSELL-{friday:%Y-%m}"
            out.append(Reconstitution(event_id, session_on_or_before(month_end), session_on_or_before(friday)))
    return tuple(sorted(out, key=lambda item: item.effective_date))


@dataclass(frozen=True)
class Clock:
    """The pretended moment, and what vendors show at it."""

    now: dt.datetime

    @classmethod
    def of(cls, today: dt.date | dt.datetime) -> Clock:
        """A plain date stands for the end of that New York day; a naive timestamp is New York time."""
        if not isinstance(today, dt.datetime):
            return cls(end_of_day(today))
        return cls(today.astimezone(NEW_YORK) if today.tzinfo else today.replace(tzinfo=NEW_YORK))

    @cached_property
    def today(self) -> dt.date:
        """The New York date."""
        return self.now.date()

    @cached_property
    def bars(self) -> int:
        """Number of sessions of the timeline whose bar is final."""
        return timeline().upto(last_closed_session(self.now))

    @cached_property
    def files(self) -> int:
        """Number of sessions of the timeline whose sponsor files are out."""
        session = session_on_or_before(self.today)
        while fund_available_at(session) > self.now:
            session = previous_session(session)
        return timeline().upto(session)
