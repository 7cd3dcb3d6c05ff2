"""Release calendars from FRED. FOMC and reconstitution dates are reviewed seeds, not vendor data."""

import datetime as dt
from collections.abc import Sequence

import dagster as dg

from orchestration.ingest.batch import Batch, asked_before, stamp
from orchestration.ingest.common import (
    IngestConfig,
    ingest_asset,
    open_session,
    result,
    seed,
)
from orchestration.ingest.macro import LOOKBACK, fred_client
from orchestration.ingest.plan import window_to_ask
from orchestration.lake.store import Lake

# The statistics of the list are never released on a weekend.
OUTLIERS = """
    select 'release ' || release_id as key, max(release_date || ' is no weekday') as what
    from fred_release_date where release_date >= ? and isodow(release_date) > 5
    group by release_id
"""
HORIZON = dt.timedelta(days=400)


@ingest_asset("fred", "fred_release_date", subject="events")
def events(context: dg.AssetExecutionContext, config: IngestConfig) -> dg.MaterializeResult:
    """Past and scheduled dates of the releases behind the macro series.

    A release listed on weekends is a daily carry-forward and is refused.
    """
    session = open_session(context, config)
    releases = sorted({text for text in seed("series")["release_id"] if text})
    first = session.settings.start - LOOKBACK["monthly"]
    with Batch(session.lake, session.now) as batch:
        if session.asks("fred"):
            fred = fred_client(session)
            asked = asked_before(session.lake, "fred", "events", session.now)
            for release in releases:
                # one small answer holds the whole calendar, so it is asked for as a whole
                window = window_to_ask(asked.get(release, []), first, session.last, session.now, first, session.refresh)
                if window is None:
                    continue
                # scheduled dates are the point of a calendar
                answer = fred.release_dates(int(release), window[0], window[1] + HORIZON)
                frame = answer.rows.get("fred_release_date")
                if frame is None or frame.empty:
                    batch.add(answer)
                    continue
                known = stamp(frame["release_date"], lambda _: session.now, session.now, ())
                batch.add(answer, {"fred_release_date": frame.join(known)})
                context.log.info(f"release {release}: {answer.outcome}, {answer.rows_accepted} dates")
    behind = session.expected("fred", _behind(session.lake, releases, session.now))
    return result(session, batch, ["fred_release_date"], behind, OUTLIERS)


def _behind(lake: Lake, releases: Sequence[str], now: dt.datetime) -> dict[str, str]:
    rows = lake.query(
        "select release_id, max(release_date) as newest from fred_release_date where fetched_at <= ? group by all",
        [now],
    ).to_pylist()
    newest = {str(row["release_id"]): row["newest"] for row in rows}
    return {
        f"release {release}": f"newest {newest[release]}" if release in newest else "nothing stored"
        for release in releases
        if release not in newest or newest[release] < now.date()
    }
