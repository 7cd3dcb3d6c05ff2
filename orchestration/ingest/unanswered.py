"""What vendors have not answered, in a line each: what is missing, why, and until when what is stored stands."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# SQL on raw tables by name, and its parameters; the rows of the answer
Query = Callable[[str, Sequence[object]], list[dict[str, Any]]]


@dataclass(frozen=True)
class Dataset:
    """How a dataset of the ledger is spoken of, and where its rows are.

    Attributes:
        words: What its keys are.
        stored: Raw table, its column of the key, and that of the date; None where rows have no date to stand until.
    """

    words: str
    stored: tuple[str, str, str] | None = None


DATASETS = {
    "prices": Dataset("symbols", ("yahoo_bar", "symbol", "session_date")),
    "member_bars": Dataset("members' bars", ("member_bar", "symbol", "session_date")),
    "options": Dataset("option chains", ("option_quote", "underlying", "session_date")),
    "fund_valuation": Dataset("funds' ratios", ("fund_valuation", "symbol", "session_date")),
    "macro": Dataset("series", ("fred_observation", "series_id", "observation_date")),
    # its dates lie ahead
    "events": Dataset("release calendars"),
    "etf_shares": Dataset("funds' shares", ("fund_day", "symbol", "as_of_date")),
    "constituents": Dataset("funds' holdings", ("holding_snapshot", "fund", "as_of_date")),
    "filing_feed": Dataset("funds' lists of reports", ("fund_filing", "fund", "report_date")),
    "filing": Dataset("reports"),
    "fails": Dataset("files of fails"),
}


def unanswered(query: Query, vendors: Collection[str], now: dt.datetime) -> list[str]:
    """A line for each vendor whose newest answer to some question is a failure, by vendor.

    Args:
        query: Reads the raw tables.
        vendors: Who may be asked; nobody waits for the others.
        now: The warehouse clock; what was asked later does not count.
    """
    asked = query(
        "select vendor, dataset, key, outcome, coalesce(detail, '') as detail from request where fetched_at <= ? "
        "qualify row_number() over (partition by vendor, dataset, key order by fetched_at desc, ingest_seq desc, "
        "request_id desc) = 1 order by vendor, dataset, key",
        [now],
    )
    by_vendor: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in asked:
        if row["vendor"] in vendors:
            by_vendor[row["vendor"]].append(row)
    return [line for vendor, rows in by_vendor.items() if (line := _line(query, vendor, rows, now))]


def _line(query: Query, vendor: str, asked: Sequence[Mapping[str, Any]], now: dt.datetime) -> str:
    failing = [row for row in asked if row["outcome"] not in ("ok", "empty")]
    if not failing:
        return ""
    totals, missing = (Counter(row["dataset"] for row in rows) for rows in (asked, failing))
    what = ", ".join(
        f"{count} of {totals[name]} {DATASETS[name].words if name in DATASETS else name}"
        for name, count in missing.items()
    )
    reasons = Counter(row["detail"].removeprefix("not asked: ") or row["outcome"] for row in failing)
    (reason, _), *others = reasons.most_common()
    more = f", and {len(others)} other reason{'s' if len(others) > 1 else ''}" if others else ""
    return f"{vendor}: {what} not answered ({reason}{more}); {_stands(query, failing, now)}"


def _stands(query: Query, failing: Sequence[Mapping[str, Any]], now: dt.datetime) -> str:
    """Until when the stored values of the failing keys stand."""
    dates, nothing = [], 0
    for name in dict.fromkeys(row["dataset"] for row in failing):
        stored = DATASETS[name].stored if name in DATASETS else None
        if stored is None:
            continue
        table, key, date = stored
        rows = query(
            f"select {key} as key, max({date}) as newest from {table} where fetched_at <= ? group by all", [now]
        )
        newest = {row["key"]: row["newest"] for row in rows}
        keys = [row["key"] for row in failing if row["dataset"] == name]
        dates += [newest[key] for key in keys if key in newest]
        nothing += sum(key not in newest for key in keys)
    if not dates:
        return "nothing is stored of them" if nothing else "what is stored stands"
    until = f"{min(dates)}" if min(dates) == max(dates) else f"{min(dates)} to {max(dates)}"
    return f"stored values stand until {until}" + (f", of {nothing} nothing is stored" if nothing else "")
