"""Which months a run has to walk: from the first one in which something was never answered."""

from __future__ import annotations

import datetime as dt

from orchestration.calendars import NEW_YORK, last_closed_session, session_on_or_before
from orchestration.ingest.batch import asked_before
from orchestration.ingest.common import seed
from orchestration.ingest.constituents import expected_dates, membership_funds
from orchestration.ingest.plan import first_gap, is_settled
from orchestration.lake.store import Lake
from orchestration.settings import Settings


def months_to_ask(settings: Settings) -> tuple[dt.date, dt.date]:
    """First and last month of the range that misses something, as first days of the month.

    A first run, a new symbol and an earlier failure reach back to where the gap starts; a daily run walks the current
    month. Both take the month before as well, for values that are restated or come late.
    """
    now = settings.now()
    today = now.astimezone(NEW_YORK).date()
    lake = Lake(settings.data_dir, settings.source, accept_losses=settings.accept_losses)
    gaps = [_month_before(today)]
    instruments, series = seed("instrument"), seed("series")
    for vendor, dataset, keys, last in (
        ("yahoo", "prices", instruments["symbol"], last_closed_session(now)),
        ("fred", "macro", series["series_id"], session_on_or_before(today - dt.timedelta(days=1))),
    ):
        asked = asked_before(lake, vendor, dataset, now)
        for key in keys:
            history = asked.get(key, [])
            # a key the vendor does not know is asked for again, but not for its whole past
            if history and history[-1].outcome == "unknown_symbol":
                continue
            gap = first_gap(history, settings.start, last)
            if gap is not None:
                gaps.append(_month_before(gap))
    asked = asked_before(lake, "blackrock", "constituents", now)
    for fund in membership_funds():
        history = asked.get(fund, [])
        dates = expected_dates(settings, now, fund, asked)
        gaps.extend([day for day in dates if not is_settled(history, day, now)][:1])
    return max(settings.start, min(gaps)).replace(day=1), today.replace(day=1)


def _month_before(day: dt.date) -> dt.date:
    return (day.replace(day=1) - dt.timedelta(days=1)).replace(day=1)
