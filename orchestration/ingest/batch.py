"""Collects vendors' answers and appends them to the lake, ledger and quarantine in one go."""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

import pandas as pd
import pyarrow as pa

from orchestration.calendars import NEW_YORK
from orchestration.ingest.plan import Asked
from orchestration.lake.contracts import (
    BOOKKEEPING,
    FRED_OBSERVATION,
    QUARANTINE,
    REQUEST,
    TABLES,
    YAHOO_ACTION,
    RawTable,
)
from orchestration.lake.store import Lake, arrow
from orchestration.vendors.answer import Answer

FLUSH_ROWS = 300_000

AvailableAt = Callable[[dt.date], dt.datetime]


def stamp(dates: pd.Series, model: AvailableAt, now: dt.datetime, asked: Sequence[Asked]) -> pd.DataFrame:
    """When each row could first be known, and whether that is modelled or seen.

    Modelled from calendar and release lag for what an earlier run could not have asked for; the fetch time where the
    value came the day it was due, came early, or was asked for after it was due and was not there.

    Args:
        dates: The date of each row.
        model: When a value of a date is due.
        now: The warehouse clock, which is the fetch time.
        asked: Earlier questions about the same key.

    Returns:
        Columns available_at and is_availability_assumed, one row for each date.
    """
    today = now.astimezone(NEW_YORK).date()
    # of questions that start on the same day the newest reaches furthest, so it alone decides
    answered = {a.window_start: a for a in asked if a.outcome in ("ok", "empty")}.values()

    def judge(day: dt.date) -> tuple[dt.datetime, bool]:
        due = model(day)
        was_missing = any(
            a.fetched_at >= due
            and (a.window_start is None or a.window_start <= day)
            and (a.window_end is None or a.window_end >= day)
            for a in answered
        )
        seen = due >= now or due.astimezone(NEW_YORK).date() == today or was_missing
        return (now, False) if seen else (due, True)

    judged = {day: judge(day) for day in dates.drop_duplicates()}
    return pd.DataFrame(
        {
            "available_at": pd.Series([judged[d][0] for d in dates], index=dates.index, dtype="datetime64[us, UTC]"),
            "is_availability_assumed": pd.Series([judged[d][1] for d in dates], index=dates.index, dtype=bool),
        }
    )


class Batch:
    """Answers of one run, stored when enough have come together and at the end, even after an error.

    What was fetched before a failure is kept. Rows go first and the ledger last: a question whose rows were lost in a
    crash counts as never asked.

    Attributes:
        rows_added: Rows that were new or revised, by raw table.
        rows_revised: Of those, the revisions.
        outcomes: Answers by outcome.
        failures: Answers that are neither ok nor empty.
        accepted: Rows taken from answers, stored before or not.
        rejected: Rows refused.
    """

    def __init__(self, lake: Lake, now: dt.datetime) -> None:
        self.lake = lake
        self.now = now
        self.rows_added: Counter[str] = Counter()
        self.rows_revised: Counter[str] = Counter()
        self.outcomes: Counter[str] = Counter()
        self.failures: list[Answer] = []
        self.rejected = 0
        self.accepted = 0
        self._pending: list[tuple[Answer, dict[str, pd.DataFrame]]] = []
        self._rows = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.flush()

    def add(self, answer: Answer, frames: dict[str, pd.DataFrame] | None = None) -> None:
        """Take one answer.

        Args:
            answer: What the vendor said.
            frames: Its rows by raw table with available_at and is_availability_assumed; none where it failed.
        """
        self.outcomes[answer.outcome] += 1
        self.rejected += len(answer.rejected)
        if answer.outcome not in ("ok", "empty"):
            self.failures.append(answer)
        frames = frames or {}
        self._pending.append((answer, frames))
        count = sum(len(frame) for frame in frames.values())
        self.accepted += count
        self._rows += count
        if self._rows >= FLUSH_ROWS:
            self.flush()

    def flush(self) -> None:
        """Append everything taken since the last flush."""
        if not self._pending:
            return
        with self.lake.lock():
            first = self.lake.next_sequence()
            grouped: dict[tuple[str, tuple[str, ...]], list[pa.Table]] = defaultdict(list)
            requests, refused = [], []
            for number, (answer, frames) in enumerate(self._pending):
                request_id = f"{first:08d}-{number:05d}"
                for name, frame in frames.items():
                    table = TABLES[name]
                    grouped[name, _identity(table, frame)].append(self._stored(table, frame, answer, request_id))
                requests.append(self._request(answer, request_id))
                refused.extend(self._refused(answer, request_id))
            # actions first: whether a bar crosses a split is asked of the stored splits
            for (name, identity), parts in sorted(grouped.items(), key=lambda item: item[0][0] != YAHOO_ACTION.name):
                added = self.lake.append(TABLES[name], pa.concat_tables(parts), self.lake.next_sequence(), identity)
                self.rows_added[name] += added.num_rows
                self.rows_revised[name] += sum(added.column("is_revision").to_pylist())
            if refused:
                self.lake.append(QUARANTINE, pa.concat_tables(refused), self.lake.next_sequence())
            self.lake.append(REQUEST, pa.concat_tables(requests), self.lake.next_sequence())
        self._pending.clear()
        self._rows = 0

    def _stored(self, table: RawTable, frame: pd.DataFrame, answer: Answer, request_id: str) -> pa.Table:
        rows = arrow(table, frame)
        available = pa.array(frame["available_at"], BOOKKEEPING.field("available_at").type)
        assumed = pa.array(frame["is_availability_assumed"], pa.bool_())
        return _booked(rows, self.now, available, assumed, answer.payload_sha256, request_id)

    def _request(self, answer: Answer, request_id: str) -> pa.Table:
        row = {
            "vendor": answer.vendor,
            "dataset": answer.dataset,
            "key": answer.key,
            "window_start": answer.window_start,
            "window_end": answer.window_end,
            "outcome": answer.outcome,
            "http_status": answer.http_status,
            "rows": answer.rows_accepted,
            "rows_rejected": len(answer.rejected),
            "attempts": answer.attempts,
            "url": answer.url,
            "detail": answer.detail,
            "payload_bytes": len(answer.payload) if answer.payload is not None else None,
        }
        rows = pa.Table.from_pylist([row], schema=REQUEST.columns)
        return self._own(rows, answer, request_id)

    def _refused(self, answer: Answer, request_id: str) -> list[pa.Table]:
        rows = [
            {
                "vendor": answer.vendor,
                "dataset": answer.dataset,
                "key": r.key,
                "row_date": r.row_date,
                "rule": r.rule,
                "detail": r.detail,
                "row_json": json.dumps(r.row, default=str, sort_keys=True),
            }
            for r in answer.rejected
        ]
        if not rows:
            return []
        return [self._own(pa.Table.from_pylist(rows, schema=QUARANTINE.columns), answer, request_id)]

    def _own(self, rows: pa.Table, answer: Answer, request_id: str) -> pa.Table:
        """The pipeline's own rows are known when they are written."""
        now = pa.array([self.now] * rows.num_rows, BOOKKEEPING.field("available_at").type)
        seen = pa.array([False] * rows.num_rows, pa.bool_())
        return _booked(rows, self.now, now, seen, answer.payload_sha256, request_id)


def _booked(
    rows: pa.Table, now: dt.datetime, available: pa.Array, assumed: pa.Array, sha256: str | None, request_id: str
) -> pa.Table:
    count = rows.num_rows
    return (
        rows.append_column("fetched_at", pa.array([now] * count, BOOKKEEPING.field("fetched_at").type))
        .append_column("available_at", available)
        .append_column("is_availability_assumed", assumed)
        .append_column("payload_sha256", pa.array([sha256] * count, pa.string()))
        .append_column("request_id", pa.array([request_id] * count, pa.string()))
    )


def _identity(table: RawTable, frame: pd.DataFrame) -> tuple[str, ...]:
    """Series without vintages get a row only when the value of a date changes, whatever its realtime_start."""
    if table is FRED_OBSERVATION and not frame.attrs.get("vintages", False):
        return ("series_id", "observation_date")
    return table.key


def asked_before(lake: Lake, vendor: str, dataset: str, now: dt.datetime) -> dict[str, list[Asked]]:
    """Earlier questions to a vendor about a dataset, by key, up to the clock."""
    rows = lake.query(
        "select key, window_start, window_end, outcome, fetched_at from request "
        "where vendor = ? and dataset = ? and fetched_at <= ? order by fetched_at, ingest_seq, request_id",
        [vendor, dataset, now],
    ).to_pylist()
    out: dict[str, list[Asked]] = defaultdict(list)
    for row in rows:
        out[row["key"]].append(Asked(row["window_start"], row["window_end"], row["outcome"], row["fetched_at"]))
    return dict(out)
