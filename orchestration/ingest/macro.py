"""Treasury yields, credit spreads, policy rates and CPI from FRED."""

import datetime as dt
from collections.abc import Sequence
from functools import partial

import dagster as dg
import pandas as pd

from orchestration.calendars import NEW_YORK, observation_available_at
from orchestration.ingest import held_back
from orchestration.ingest.batch import AvailableAt, Batch, asked_before, stamp
from orchestration.ingest.common import (
    IngestConfig,
    Session,
    ingest_asset,
    newest_by_key,
    open_session,
    pictures,
    result,
    seed,
)
from orchestration.ingest.plan import Asked, window_to_ask
from orchestration.ingest.plots import last_year
from orchestration.vendors.answer import Answer
from orchestration.vendors.fred import Fred

# Before the first session: a daily value must be known on it, and year-on-year inflation needs thirteen months.
LOOKBACK = {"daily": dt.timedelta(days=21), "daily_7": dt.timedelta(days=21), "monthly": dt.timedelta(days=430)}
SANDBOX_KEY = "sandbox".ljust(32, "0")
# What is beyond is not stored, but for CPI, and for what was stored by earlier versions.
OUTLIERS = f"""
    select series_id as key, max(observation_date || ': ' || value) as what
    from fred_observation
    where
        observation_date >= ?
        and (
            value < {held_back.LOWEST_PCT}
            or value > case when series_id like 'CPI%' then 400 else {held_back.HIGHEST_PCT} end
        )
    group by series_id
"""
# Values of the last days are asked for again. A month is published in the middle of the next, or weeks later when the
# government was shut.
OVERLAP = {"daily": dt.timedelta(days=30), "daily_7": dt.timedelta(days=30), "monthly": dt.timedelta(days=120)}
# A daily series may rest for a long weekend with a holiday at each end before it counts as behind.
PATIENCE = {"daily": dt.timedelta(days=7), "daily_7": dt.timedelta(days=7), "monthly": dt.timedelta(days=75)}


@ingest_asset("fred", "fred_observation", subject="rates", deps=["events"])
def macro(context: dg.AssetExecutionContext, config: IngestConfig) -> dg.MaterializeResult:
    """FRED observations.

    Series that are revised come with every vintage; the others get a row only when a value changes. A shorter
    answer, such as the three-year window of the ICE BofA series, removes nothing.
    """
    session = open_session(context, config)
    series = seed("series").to_dict("records")
    with Batch(session.lake, session.now) as batch:
        if session.asks("fred"):
            fred = fred_client(session)
            asked = asked_before(session.lake, "fred", "macro", session.now)
            releases = release_calendar(session)
            for number, row in enumerate(series, 1):
                history = asked.get(row["series_id"], [])
                answer = _ask(fred, session, row, history)
                if answer is None:
                    continue
                _add(batch, session, answer, row, history, releases.get(row["release_id"], []))
                session.progress(context, "fred", number, len(series), f"{row['series_id']}: {answer.outcome}", batch)
    lines = last_year(
        session.lake,
        "fred_observation",
        "series_id",
        "observation_date",
        "value",
        ("DGS10", "DGS2", "DFEDTARU", "BAMLH0A0HYM2"),
        session.now,
    )
    pages = pictures(session, "fred_observation", "observation_date", lines, "percent")
    behind = session.expected("fred", _behind(session, series))
    return result(session, batch, ["fred_observation"], behind, OUTLIERS, pages)


def fred_client(session: Session) -> Fred:
    """FRED under these settings; a live key was checked when they were loaded, the sandbox needs none."""
    key = session.settings.fred_api_key
    return Fred(session.connection("fred"), key.get_secret_value() if key else SANDBOX_KEY)


def release_calendar(session: Session) -> dict[str, list[dt.date]]:
    """Sorted release dates by release id, as known at the clock."""
    rows = session.lake.query(
        "select distinct release_id, release_date from fred_release_date where fetched_at <= ? order by all",
        [session.now],
    ).to_pylist()
    out: dict[str, list[dt.date]] = {}
    for row in rows:
        out.setdefault(str(row["release_id"]), []).append(row["release_date"])
    return out


def span(row: dict[str, str], start: dt.date, first: dt.date, last: dt.date) -> tuple[dt.date, dt.date]:
    """First observation date wanted of a series, and the first that is asked for again.

    Args:
        row: Of the seed `series`.
        start: SMALLCAP_START.
        first: First date of the run.
        last: Last date of the run.
    """
    is_revised = row["revision_policy"] == "revised"
    # the months of a run say nothing about a value that comes weeks after its month, or is revised years later
    if first == start or is_revised or row["frequency"] == "monthly":
        first = start - LOOKBACK[row["frequency"]]
    # a revision reaches back years, so a revised series is always asked for as a whole
    return first, first if is_revised else last - OVERLAP[row["frequency"]]


def _ask(fred: Fred, session: Session, row: dict[str, str], history: Sequence[Asked]) -> Answer | None:
    first, overlap_from = span(row, session.settings.start, session.first, session.last)
    window = window_to_ask(history, first, session.last, session.now, overlap_from, session.refresh)
    if window is None:
        return None
    ask = fred.vintages if row["revision_policy"] == "revised" else fred.observations
    return ask(row["series_id"], *window, known_on=session.known_on)


def _add(
    batch: Batch,
    session: Session,
    answer: Answer,
    row: dict[str, str],
    history: Sequence[Asked],
    releases: Sequence[dt.date],
) -> None:
    if answer.rows:
        impossible = held_back.impossible_observations(row["series_id"], answer.rows["fred_observation"])
        answer = held_back.without(answer, "fred_observation", "observation_date", impossible)
    frame = answer.rows.get("fred_observation")
    if frame is None or frame.empty:
        batch.add(answer)
        return
    due = partial(observation_available_at, release_lag=row["release_lag"], release_dates=releases)
    if row["revision_policy"] == "revised":
        frame = _vintages(frame, row["release_lag"], due)
    else:
        frame = frame.join(stamp(frame["observation_date"], due, session.now, history))
        frame["realtime_start"] = frame["available_at"].dt.tz_convert(NEW_YORK).dt.date
    batch.add(answer, {"fred_observation": frame})


def _vintages(frame: pd.DataFrame, release_lag: str, due: AvailableAt) -> pd.DataFrame:
    """A vintage was knowable on its own date, at the hour of the release; one without a date when it was due."""
    clock = dt.time.fromisoformat(release_lag.partition(" ")[2])
    undated = frame["realtime_start"].isna()
    moments = [
        due(observed) if missing else dt.datetime.combine(shown, clock, tzinfo=NEW_YORK)
        for observed, shown, missing in zip(frame["observation_date"], frame["realtime_start"], undated, strict=True)
    ]
    out = frame.assign(
        realtime_start=[moment.date() for moment in moments],
        available_at=pd.Series(moments, index=frame.index, dtype="datetime64[us, UTC]"),
        is_availability_assumed=undated,
    )
    out.attrs["vintages"] = True
    return out


def _behind(session: Session, series: Sequence[dict[str, str]]) -> dict[str, str]:
    newest = newest_by_key(session.lake, "fred_observation", "series_id", "observation_date", "value", session.now)
    out = {}
    for row in series:
        day = newest.get(row["series_id"])
        if day is None:
            out[row["series_id"]] = "nothing stored"
        elif session.last - day > PATIENCE[row["frequency"]]:
            out[row["series_id"]] = f"newest {day}"
    return out
