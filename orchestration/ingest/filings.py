"""Portfolio reports that the funds file with the SEC each quarter, and the symbols of the shares they name."""

import datetime as dt
from collections.abc import Iterable

import dagster as dg
import pandas as pd

from orchestration.calendars import fails_available_at, filing_available_at, month_end
from orchestration.ingest.batch import Batch, asked_before, stamp
from orchestration.ingest.common import (
    IngestConfig,
    Session,
    ingest_asset,
    open_session,
    pictures,
    result,
    seed,
)
from orchestration.ingest.plan import is_feed_due, is_filing_due, is_filing_overdue
from orchestration.ingest.plots import last_year
from orchestration.lake.store import Lake
from orchestration.vendors.answer import Answer
from orchestration.vendors.sec import Entry, Sec

TABLES = ("fund_filing_entry", "fund_filing", "fund_filing_line", "fund_month", "settlement_fail")
# A kill loses what was not stored yet: the documents of some fifteen seconds at the pace the SEC is asked at.
LINES_PER_FLUSH = 25_000
DOCUMENTS_PER_FLUSH = 100
# who asks the sandbox's SEC
SANDBOX_USER_AGENT = "smallcap-lake sandbox@example.com"
# Cash and futures are the rest; where deleted names are still being sold, the shares exceed net assets a little.
OUTLIERS = """
    select fund as key, max(report_date || ': weights of shares sum to ' || round(equity_weight_pct, 2) || ' %') as what
    from fund_filing
    where report_date >= ? and equity_weight_pct not between 98 and 100.6
    group by fund
"""


@ingest_asset("sec", *TABLES, subject="funds")
def filings(context: dg.AssetExecutionContext, config: IngestConfig) -> dg.MaterializeResult:
    """Every quarterly portfolio report (Form N-PORT) of the funds in seeds/fund_filer.csv since SMALLCAP_FILINGS_START.

    The feed of a fund says what it has filed; each document is asked for once. Lines are stored for the funds that
    stand for an index, the flows and returns of the three months for all. A report counts from its acceptance.
    Reports name no tickers: the SEC's file of fails to deliver around the end of each reported quarter does, by CUSIP.
    """
    session = open_session(context, config)
    funds = seed("fund_filer")
    with Batch(session.lake, session.now) as batch:
        if session.asks("sec"):
            sec = Sec(session.connection("sec"), user_agent(session))
            if _ask_feeds(context, session, batch, sec, funds):
                batch.flush()
                if _ask_documents(context, session, batch, sec, funds):
                    batch.flush()
                    _ask_fails(context, session, batch, sec)
    newest = _newest_reports(session.lake, session.now)
    behind = {
        fund: f"newest {newest[fund]}" if fund in newest else "nothing stored"
        for fund in funds["symbol"]
        if is_filing_overdue(newest.get(fund), session.today)
    }
    lines = last_year(session.lake, "fund_filing", "fund", "report_date", "lines", ("IWM", "IWB"), session.now)
    pages = pictures(session, "fund_filing", "report_date", lines, "lines in the report")
    return result(session, batch, TABLES, session.expected("sec", behind), OUTLIERS, pages)


def user_agent(session: Session) -> str:
    """Who asks the SEC, as the settings say; the sandbox on this machine wants no real contact."""
    return session.settings.sec_user_agent or (SANDBOX_USER_AGENT if session.settings.source == "sandbox" else "")


def _ask_feeds(
    context: dg.AssetExecutionContext, session: Session, batch: Batch, sec: Sec, funds: pd.DataFrame
) -> bool:
    """Ask what each fund has filed; False where the SEC refuses us, which more requests would only prolong."""
    asked = asked_before(session.lake, "sec", "filing_feed", session.now)
    newest = _newest_reports(session.lake, session.now)
    first = session.settings.filings_start
    for row in funds.to_dict("records"):
        fund = row["symbol"]
        if not session.refresh and not is_feed_due(asked.get(fund, []), newest.get(fund), session.now):
            continue
        answer = sec.feed(fund, row["series_id"] or row["cik"], first, session.today)
        entries = answer.rows.get("fund_filing_entry")
        frames = {} if entries is None else {"fund_filing_entry": entries.join(_known(entries))}
        batch.add(answer, frames)
        if is_refused(answer):
            context.log.warning(f"the SEC refuses our requests ({answer.detail}): the rest waits for the next run")
            return False
    if batch.not_asked:
        context.log.warning(f"sec {batch.not_asked['sec']}")
    return not batch.not_asked


def _ask_documents(
    context: dg.AssetExecutionContext, session: Session, batch: Batch, sec: Sec, funds: pd.DataFrame
) -> bool:
    """Ask for the documents that are out and not stored, those of the index funds first, the newest first.

    False where the SEC answers no more.
    """
    asked = asked_before(session.lake, "sec", "filing", session.now)
    rows = {row["symbol"]: row for row in funds.to_dict("records")}
    held = _held_lines(session.lake)
    queue = [
        (fund, entry)
        for fund, entry in _entries(session, rows)
        if session.refresh or is_filing_due(asked.get(f"{fund} {entry.accession}", []), session.now)
    ]
    queue.sort(key=lambda item: (rows[item[0]]["stores_lines"] == "true", item[1].filed_date), reverse=True)
    documents = lines = 0
    for number, (fund, entry) in enumerate(queue, 1):
        row = rows[fund]
        with_lines, first = row["stores_lines"] == "true", session.settings.filings_start
        answer = sec.filing(fund, row["series_id"], entry, with_lines, first, held.setdefault(fund, {}))
        documents, lines = documents + 1, lines + _take(session, batch, fund, answer, held[fund])
        if is_refused(answer):
            left = len(queue) - number
            context.log.warning(f"the SEC refuses our requests ({answer.detail}): {left} filings wait for the next run")
            return False
        if batch.not_asked:
            context.log.warning(f"sec {batch.not_asked['sec']} (reports left: {len(queue) - number + 1})")
            return False
        if documents >= DOCUMENTS_PER_FLUSH or lines >= LINES_PER_FLUSH:
            batch.flush()
            documents = lines = 0
            session.progress(context, "sec", number, len(queue), f"{fund} {entry.filed_date}", batch)
    return True


def _ask_fails(context: dg.AssetExecutionContext, session: Session, batch: Batch, sec: Sec) -> None:
    """Ask for the file of fails to deliver at the end of each quarter with stored lines, the newest first."""
    asked = asked_before(session.lake, "sec", "fails", session.now)
    reported = {month_end(day) for days in _held_lines(session.lake).values() for day in days}
    for period_end in sorted(reported, reverse=True):
        earlier = asked.get(f"{period_end}", [])
        if not session.refresh and not is_filing_due(earlier, session.now):
            continue
        answer = sec.fails(period_end)
        frames = {}
        if "settlement_fail" in answer.rows and answer.payload:
            rows = answer.rows["settlement_fail"]
            path = session.lake.archive(answer.payload, answer.file_format, "sec", "fails")
            known = stamp(rows["period_end"], fails_available_at, session.now, earlier)
            frames["settlement_fail"] = rows.assign(file_path=path).join(known)
        batch.add(answer, frames)
        if is_refused(answer) or batch.not_asked:
            context.log.warning(f"the SEC answers no more ({answer.detail}): files of fails wait for the next run")
            return


def _take(session: Session, batch: Batch, fund: str, answer: Answer, held: dict[dt.date, int]) -> int:
    """Store one document with its file; the number of its lines."""
    if answer.outcome != "ok" or not answer.payload:
        batch.add(answer)
        return 0
    filing = answer.rows["fund_filing"].iloc[0]
    path = session.lake.archive(answer.payload, answer.file_format, "sec", fund)
    known = {
        "available_at": pd.Timestamp(filing_available_at(filing["accepted_at"], filing["filed_date"])),
        # EDGAR says so itself
        "is_availability_assumed": False,
    }
    frames = {name: frame.assign(**known) for name, frame in answer.rows.items()}
    frames["fund_filing"]["file_path"] = path
    # lines before the row that speaks of them: a crash between the two leaves lines nobody reads
    order = ("fund_filing_line", "fund_month", "fund_filing")
    batch.add(answer, {name: frames[name] for name in order if name in frames})
    stored = len(answer.rows.get("fund_filing_line", ()))
    held[filing["report_date"]] = max(stored, held.get(filing["report_date"], 0))
    return stored


def is_refused(answer: Answer) -> bool:
    """Whether the SEC has shut us out: it does so for ten minutes, and longer for those who go on asking."""
    return answer.outcome == "blocked" and answer.http_status == 403


def _known(frame: pd.DataFrame) -> pd.DataFrame:
    """When each filing could first be known. EDGAR says so itself, so that nothing is assumed."""
    moments = [filing_available_at(*pair) for pair in zip(frame["accepted_at"], frame["filed_date"], strict=True)]
    return pd.DataFrame(
        {
            "available_at": pd.Series(moments, index=frame.index, dtype="datetime64[us, UTC]"),
            "is_availability_assumed": pd.Series(False, index=frame.index, dtype=bool),
        }
    )


def _entries(session: Session, funds: Iterable[str]) -> list[tuple[str, Entry]]:
    """What the feeds list and readers can have by now."""
    found = session.lake.query(
        """
        select fund, cik, accession, form, filed_date, accepted_at from fund_filing_entry
        where available_at <= ?
        qualify row_number() over (partition by fund, accession order by fetched_at desc, ingest_seq desc) = 1
        order by filed_date, accession, fund
        """,
        [session.now],
    ).to_pylist()
    return [(row.pop("fund"), Entry(**row)) for row in found if row["fund"] in set(funds)]


def _newest_reports(lake: Lake, now: dt.datetime) -> dict[str, dt.date]:
    rows = lake.query(
        "select fund, max(report_date) as newest from fund_filing where fetched_at <= ? group by all", [now]
    )
    return {row["fund"]: row["newest"] for row in rows.to_pylist()}


def _held_lines(lake: Lake) -> dict[str, dict[dt.date, int]]:
    """The most lines stored of each fund and period."""
    rows = lake.query(
        "select fund, report_date, max(lines) as lines from fund_filing "
        "where equity_weight_pct is not null group by all"
    ).to_pylist()
    held: dict[str, dict[dt.date, int]] = {}
    for row in rows:
        held.setdefault(row["fund"], {})[row["report_date"]] = row["lines"]
    return held
