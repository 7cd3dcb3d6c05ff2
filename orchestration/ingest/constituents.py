"""Index constituents as the index funds' holdings files show them."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import dagster as dg
import pyarrow as pa

from orchestration.calendars import fund_available_at, previous_session
from orchestration.ingest import held_back
from orchestration.ingest.batch import Batch, asked_before, stamp
from orchestration.ingest.common import (
    IngestConfig,
    Session,
    ingest_asset,
    newest_by_key,
    open_session,
    pictures,
    reconstitution_fridays,
    reference_file,
    result,
    seed,
)
from orchestration.ingest.etf_shares import last_published
from orchestration.ingest.plan import (
    UNPUBLISHED_RETRIES,
    Asked,
    expected_holdings,
    final_outcome,
    newest_reconstitution_first,
)
from orchestration.ingest.plots import last_year
from orchestration.lake.store import write_table_atomically
from orchestration.settings import Settings
from orchestration.vendors.answer import Answer
from orchestration.vendors.blackrock import BlackRock
from orchestration.vendors.http import NOT_ASKED

OUTLIERS = f"""
    select fund as key, max(as_of_date || ': weights sum to ' || round(weight_sum_pct, 2) || ' %') as what
    from holding_snapshot
    where as_of_date >= ? and (weight_sum_pct < {held_back.LEAST_WEIGHT_PCT} or weight_sum_pct > 101)
    group by fund
"""


@ingest_asset("blackrock", "holding_snapshot", "holding", subject="index")
def constituents(context: dg.AssetExecutionContext, config: IngestConfig) -> dg.MaterializeResult:
    """Every line of the holdings files of the index funds, keyed by the date in the file's header.

    Month ends, every session within 25 of a reconstitution, and every session from the first run on; a date that
    was not published is asked again one session earlier, up to five.
    """
    session = open_session(context, config)
    funds = membership_funds()
    asked = asked_before(session.lake, "blackrock", "constituents", session.now)
    expected = {fund: expected_dates(session.settings, session.now, fund, asked) for fund in funds}
    # the cadence covers the whole archive; the run asks for its own range of it
    wanted = {f: [d for d in days if session.first <= d <= session.last] for f, days in expected.items()}
    waiting = 0
    with Batch(session.lake, session.now) as batch:
        if session.asks("blackrock"):
            vendor = BlackRock(session.connection("blackrock"))
            budget = Budget(session, asked)
            stored = _stored(session)
            queue = _queue(wanted)
            for number, (fund, day) in enumerate(queue, 1):
                done = _ask_back(
                    vendor, session, batch, budget, fund, funds[fund], day, asked.setdefault(fund, []), stored
                )
                waiting += not done
                if batch.not_asked:
                    why = batch.not_asked["blackrock"]
                    context.log.warning(f"blackrock {why} (dates left: {len(queue) - number + 1})")
                    # one line of the ledger for each fund says so; the vendor is not asked for it
                    for other, first in dict(reversed(queue[number:])).items():
                        if other != fund:
                            batch.add(vendor.holdings(other, funds[other], first))
                    break
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
    lines = last_year(session.lake, "holding_snapshot", "fund", "as_of_date", "lines", tuple(funds), session.now)
    extra = {
        "dates_waiting_for_budget": waiting,
        **pictures(session, "holding_snapshot", "as_of_date", lines, "lines in the file"),
    }
    return result(
        session, batch, ["holding_snapshot", "holding"], session.expected("blackrock", behind), OUTLIERS, extra
    )


def membership_funds() -> dict[str, str]:
    """Portfolio ids of the funds whose holdings stand for an index, by fund."""
    instruments = seed("instrument")
    chosen = instruments[instruments["index_code"].notna()]
    return dict(zip(chosen["symbol"], chosen["blackrock_portfolio_id"], strict=True))


class Budget:
    """How many holdings requests are left today: live vendors ask for restraint."""

    def __init__(self, session: Session, asked: dict[str, list[Asked]]) -> None:
        self.limit = session.settings.holdings_daily_budget if session.settings.source == "live" else None
        self.used = sum(
            a.day == session.today and a.outcome not in NOT_ASKED for history in asked.values() for a in history
        )

    def spend(self) -> bool:
        """Take one request; False where none is left."""
        if self.limit is not None and self.used >= self.limit:
            return False
        self.used += 1
        return True


@dataclass
class Stored:
    """Which snapshots need not be stored again.

    Attributes:
        newest: Hash over the lines of the newest stored version, by fund and as-of date.
        lines: Lines of the files stored, those of this run included, by fund and as-of date.
        taken: Snapshots this run has stored; two questions can bring the same file.
    """

    newest: dict[tuple[str, dt.date], str]
    lines: dict[str, dict[dt.date, int]]
    taken: set[tuple[str, dt.date]] = field(default_factory=set)

    def holds(self, fund: str, as_of: dt.date, lines_sha256: str) -> bool:
        """Whether this run has stored the snapshot, or an earlier one the same lines."""
        return (fund, as_of) in self.taken or self.newest.get((fund, as_of)) == lines_sha256

    def take(self, fund: str, as_of: dt.date, lines: int) -> None:
        """A snapshot that is stored now."""
        self.taken.add((fund, as_of))
        self.lines.setdefault(fund, {})[as_of] = lines

    def neighbour(self, fund: str, as_of: dt.date) -> tuple[dt.date, int] | None:
        """Date and lines of the fund's stored file of another date nearest to one, within `held_back.NEAR`."""
        others = [(abs(day - as_of), day) for day in self.lines.get(fund, {}) if day != as_of]
        distance, day = min(others, default=(dt.timedelta.max, as_of))
        return (day, self.lines[fund][day]) if distance <= held_back.NEAR else None


def expected_dates(
    settings: Settings, now: dt.datetime, fund: str, asked: Mapping[str, Sequence[Asked]]
) -> list[dt.date]:
    """The holdings dates of a fund that the cadence and the settings ask for, oldest first, published ones only."""
    start = settings.first_holdings_date()
    history = [a for asks in asked.values() for a in asks]
    daily_from = min((a.day for a in history), default=None)
    last = last_published(now)
    extra = [day for name, day in settings.holdings_dates if name == fund and day <= last]
    if start is None and daily_from is None:
        return sorted({last, *extra})
    first = start or daily_from or last
    cadence = expected_holdings(first, now, reconstitution_fridays() if start else (), daily_from)
    return sorted({*cadence, *extra, last})


def _queue(wanted: dict[str, list[dt.date]]) -> list[tuple[str, dt.date]]:
    """Newest reconstitution first; all funds of a date together, because migrations need them all."""
    fridays = [day for day in reconstitution_fridays() if any(day <= max(days) for days in wanted.values() if days)]
    days = newest_reconstitution_first({day for dates in wanted.values() for day in dates}, fridays)
    dates = {fund: set(chosen) for fund, chosen in wanted.items()}
    return [(fund, day) for day in days for fund in wanted if day in dates[fund]]


def _ask_back(
    vendor: BlackRock,
    session: Session,
    batch: Batch,
    budget: Budget,
    fund: str,
    portfolio_id: str,
    day: dt.date,
    history: list[Asked],
    stored: Stored,
) -> bool:
    """Ask for a date, then up to five sessions back while nothing is published; False where the budget ran out."""
    for _ in range(UNPUBLISHED_RETRIES + 1):
        known = [a for a in history if a.fetched_at == session.now] if session.refresh else history
        outcome = final_outcome(known, day, session.now)
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


def _stored(session: Session) -> Stored:
    rows = session.lake.query(
        "select fund, as_of_date, lines, lines_sha256 from holding_snapshot where vendor = 'blackrock' "
        "qualify row_number() over (partition by fund, as_of_date order by fetched_at desc, ingest_seq desc) = 1"
    ).to_pylist()
    lines: dict[str, dict[dt.date, int]] = {}
    for row in rows:
        lines.setdefault(row["fund"], {})[row["as_of_date"]] = row["lines"]
    return Stored({(row["fund"], row["as_of_date"]): row["lines_sha256"] for row in rows}, lines)


def _add(batch: Batch, session: Session, answer: Answer, history: Iterable[Asked], stored: Stored) -> None:
    if answer.outcome != "ok" or not answer.payload:
        batch.add(answer)
        return
    snapshot, lines = answer.rows["holding_snapshot"], answer.rows["holding"]
    path = session.lake.archive(answer.payload, answer.file_format, "blackrock", "holdings", answer.key)
    known = stamp(snapshot["as_of_date"], fund_available_at, session.now, list(history))
    snapshot = snapshot.assign(file_path=path).join(known)
    # the file says of itself of which date it is
    row = snapshot.iloc[0]
    if stored.holds(row["fund"], row["as_of_date"], row["lines_sha256"]):
        batch.add(answer)
        return
    why = held_back.cut_file(row["weight_sum_pct"], row["lines"], stored.neighbour(row["fund"], row["as_of_date"]))
    judged = held_back.whole(answer, "holding_snapshot", row["as_of_date"], f"{why}; kept as {path}") if why else answer
    if judged is not answer:
        batch.add(judged)
        return
    stored.take(row["fund"], row["as_of_date"], row["lines"])
    lines = lines.assign(**{name: row[name] for name in known})
    # lines before their snapshot row: a crash between the two leaves lines nobody reads
    batch.add(answer, {"holding": lines, "holding_snapshot": snapshot})


def _write_expected(session: Session, expected: dict[str, list[dt.date]]) -> None:
    rows = [{"fund": fund, "session_date": day} for fund, days in expected.items() for day in days]
    schema = pa.schema([("fund", pa.string()), ("session_date", pa.date32())])
    table = pa.Table.from_pylist(rows, schema=schema)
    write_table_atomically(reference_file(session.settings.data_dir, "expected_holding"), table)
