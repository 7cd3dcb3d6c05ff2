"""Index constituents as the index funds' holdings files show them."""

import datetime as dt
from collections.abc import Iterable

import dagster as dg
import pandas as pd
import pyarrow as pa

from orchestration.calendars import fund_available_at, previous_session
from orchestration.ingest.batch import Batch, asked_before, stamp
from orchestration.ingest.common import (
    GROUP,
    MONTHS,
    NETWORK_RETRIES,
    OWNER,
    IngestConfig,
    Session,
    asset_metadata,
    check_specs,
    newest_by_key,
    open_session,
    reconstitution_fridays,
    reference_file,
    result,
    seed,
)
from orchestration.ingest.etf_shares import last_published
from orchestration.ingest.plan import (
    ANSWERED,
    UNPUBLISHED_RETRIES,
    Asked,
    expected_holdings,
    newest_reconstitution_first,
)
from orchestration.lake.store import write_table_atomically
from orchestration.vendors.answer import Answer
from orchestration.vendors.blackrock import BlackRock

# A file that was not out is asked for again while it may still come.
STILL_COMING = dt.timedelta(days=10)


@dg.asset(
    partitions_def=MONTHS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    group_name=GROUP,
    owners=[OWNER],
    kinds={"python", "parquet"},
    tags={"layer": "raw", "vendor": "blackrock"},
    retry_policy=NETWORK_RETRIES,
    check_specs=check_specs("constituents"),
    metadata=asset_metadata("holding_snapshot", "holding"),
)
def constituents(context: dg.AssetExecutionContext, config: IngestConfig) -> dg.MaterializeResult:
    """Every line of the holdings files of the index funds, keyed by the date in the file's header.

    Month ends, every session within 25 of a reconstitution, and every session from the first run on; a date that
    was not published is asked again one session earlier, up to five.
    """
    session = open_session(context, config)
    funds = membership_funds()
    asked = asked_before(session.lake, "blackrock", "constituents", session.now)
    expected = {fund: _expected(session, fund, asked) for fund in funds}
    # the cadence covers the whole archive; the run asks for its own range of it
    wanted = {f: [d for d in days if session.first <= d <= session.last] for f, days in expected.items()}
    waiting = 0
    with Batch(session.lake, session.now) as batch:
        if session.asks("blackrock"):
            vendor = BlackRock(session.connection("blackrock"))
            budget = Budget(session, asked)
            stored: set[tuple[str, dt.date]] = set()
            queue = _queue(wanted)
            for number, (fund, day) in enumerate(queue, 1):
                done = _ask_back(
                    vendor, session, batch, budget, fund, funds[fund], day, asked.setdefault(fund, []), stored
                )
                waiting += not done
                if number % 50 == 0:
                    said = f"{fund} {day}, {budget.used} requests today, {waiting} waiting for the budget"
                    session.progress(context, "blackrock", number, len(queue), said, batch)
    _write_expected(session, expected)
    newest = newest_by_key(session.lake, "holding_snapshot", "fund", "as_of_date", "lines", session.now)
    last = last_published(session.now)
    behind = {
        fund: f"newest {newest[fund]}" if fund in newest else "nothing stored"
        for fund in funds
        if fund not in newest or newest[fund] < last
    }
    extra = {"dates_waiting_for_budget": dg.MetadataValue.int(waiting)}
    return result(session, batch, ["holding_snapshot", "holding"], behind, extra=extra)


def membership_funds() -> dict[str, str]:
    """Portfolio ids of the funds whose holdings stand for an index, by fund."""
    instruments = seed("instrument")
    chosen = instruments[instruments["index_code"].notna()]
    return dict(zip(chosen["symbol"], chosen["blackrock_portfolio_id"], strict=True))


class Budget:
    """How many holdings requests are left today: live vendors ask for restraint."""

    def __init__(self, session: Session, asked: dict[str, list[Asked]]) -> None:
        self.limit = session.settings.holdings_daily_budget if session.settings.source == "live" else None
        self.used = sum(a.day == session.today for history in asked.values() for a in history)

    def spend(self) -> bool:
        """Take one request; False where none is left."""
        if self.limit is not None and self.used >= self.limit:
            return False
        self.used += 1
        return True


def _expected(session: Session, fund: str, asked: dict[str, list[Asked]]) -> list[dt.date]:
    start = session.settings.first_holdings_date()
    history = [a for asks in asked.values() for a in asks]
    daily_from = min((a.day for a in history), default=None)
    last = last_published(session.now)
    extra = [day for name, day in session.settings.holdings_dates if name == fund and day <= last]
    if start is None and daily_from is None:
        return sorted({last, *extra})
    first = start or daily_from or last
    cadence = expected_holdings(first, session.now, reconstitution_fridays() if start else (), daily_from)
    return sorted({*cadence, *extra, last})


def _queue(wanted: dict[str, list[dt.date]]) -> list[tuple[str, dt.date]]:
    """Newest reconstitution first; all funds of a date together, because migrations need them all."""
    fridays = [day for day in reconstitution_fridays() if any(day <= max(days) for days in wanted.values() if days)]
    days = newest_reconstitution_first({day for dates in wanted.values() for day in dates}, fridays)
    return [(fund, day) for day in days for fund in wanted if day in set(wanted[fund])]


def _ask_back(
    vendor: BlackRock,
    session: Session,
    batch: Batch,
    budget: Budget,
    fund: str,
    portfolio_id: str,
    day: dt.date,
    history: list[Asked],
    stored: set[tuple[str, dt.date]],
) -> bool:
    """Ask for a date, then up to five sessions back while nothing is published; False where the budget ran out."""
    for _ in range(UNPUBLISHED_RETRIES + 1):
        outcome = _known_outcome(session, day, history)
        if outcome is None:
            if not budget.spend():
                return False
            answer = vendor.holdings(fund, portfolio_id, day)
            _add(batch, session, answer, history, stored)
            outcome = answer.outcome
            history.append(Asked(day, day, outcome, session.now))
        if outcome != "empty":
            return True
        day = previous_session(day)
    return True


def _known_outcome(session: Session, day: dt.date, history: Iterable[Asked]) -> str | None:
    """How asking for this date ended before, where asking again could not tell more."""
    if session.refresh:
        history = [a for a in history if a.fetched_at == session.now]
    answers = [a for a in history if a.window_end == day]
    if any(a.outcome == "ok" for a in answers):
        return "ok"
    final = [
        a
        for a in answers
        if a.is_answer_for(session.now) or (a.outcome in ANSWERED and a.day - day > STILL_COMING)
    ]
    return final[-1].outcome if final else None


def _add(
    batch: Batch, session: Session, answer: Answer, history: Iterable[Asked], stored: set[tuple[str, dt.date]]
) -> None:
    if answer.outcome != "ok" or not answer.payload:
        batch.add(answer)
        return
    snapshot, lines = answer.rows["holding_snapshot"], answer.rows["holding"]
    path = session.lake.archive(answer.payload, answer.file_format, "blackrock", "holdings", answer.key)
    known = stamp(snapshot["as_of_date"], fund_available_at, session.now, list(history))
    snapshot = snapshot.assign(file_path=path).join(known)
    # two questions can bring the same file, which says of itself of which date it is
    key = (answer.key, snapshot["as_of_date"].iloc[0])
    if key in stored or _is_stored(session, snapshot):
        batch.add(answer)
        return
    stored.add(key)
    repeated = pd.concat([known.iloc[[0]]] * len(lines), ignore_index=True)
    # lines before their snapshot row: a crash between the two leaves lines nobody reads
    batch.add(answer, {"holding": lines.reset_index(drop=True).join(repeated), "holding_snapshot": snapshot})


def _is_stored(session: Session, snapshot: pd.DataFrame) -> bool:
    row = snapshot.iloc[0]
    newest = session.lake.query(
        "select lines_sha256 from holding_snapshot where vendor = ? and fund = ? and as_of_date = ? "
        "order by fetched_at desc, ingest_seq desc limit 1",
        [row["vendor"], row["fund"], row["as_of_date"]],
    ).to_pylist()
    return bool(newest) and newest[0]["lines_sha256"] == row["lines_sha256"]


def _write_expected(session: Session, expected: dict[str, list[dt.date]]) -> None:
    rows = [{"fund": fund, "session_date": day} for fund, days in expected.items() for day in days]
    schema = pa.schema([("fund", pa.string()), ("session_date", pa.date32())])
    table = pa.Table.from_pylist(rows, schema=schema)
    write_table_atomically(reference_file(session.settings.data_dir, "expected_holding"), table)
