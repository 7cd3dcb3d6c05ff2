"""Collects vendors' answers and appends them to the lake, ledger and quarantine in one go."""

from __future__ import annotations

import datetime as dt
import json
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

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
from orchestration.vendors.http import NOT_ASKED

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
    days = sorted(set(dates))
    # when a question that covers the day was last answered; thousands of daily questions cover a few days each
    answered: dict[dt.date, dt.datetime | None] = dict.fromkeys(days)
    for question in sorted((a for a in asked if a.outcome in ("ok", "empty")), key=lambda a: a.fetched_at):
        first = 0 if question.window_start is None else bisect_left(days, question.window_start)
        last = len(days) if question.window_end is None else bisect_right(days, question.window_end)
        answered.update(dict.fromkeys(days[first:last], question.fetched_at))

    def judge(day: dt.date) -> tuple[dt.datetime, bool]:
        due = model(day)
        newest = answered[day]
        was_missing = newest is not None and newest >= due
        seen = due >= now or due.astimezone(NEW_YORK).date() == today or was_missing
        return (now, False) if seen else (due, True)

    judged = {day: judge(day) for day in days}
    return pd.DataFrame(
        {
            "available_at": pd.Series([judged[d][0] for d in dates], index=dates.index, dtype="datetime64[us, UTC]"),
            "is_availability_assumed": pd.Series([judged[d][1] for d in dates], index=dates.index, dtype=bool),
        }
    )


@dataclass(frozen=True)
class _Taken:
    """One answer as it will be stored: its rows by raw table and identity, its ledger row, what was refused of it."""

    rows: list[tuple[str, tuple[str, ...], pa.Table]]
    request: dict[str, Any]
    refused: list[dict[str, Any]]


class Batch:
    """Answers of one run, stored when enough have come together and at the end, even after an error.

    What was fetched before a failure is kept. Rows go first and the ledger last: a question whose rows were lost in a
    crash counts as never asked.

    Attributes:
        rows_added: Rows that were new or revised, by raw table.
        rows_revised: Of those, the revisions.
        outcomes: Answers by outcome.
        failures: Answers that are neither ok nor empty.
        not_asked: Why a vendor is asked no more, by vendor: its answers to come will be the same.
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
        self.not_asked: dict[str, str] = {}
        self.rejected = 0
        self.accepted = 0
        self._pending: list[_Taken] = []
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
        frames = frames or {}
        # as Arrow at once: it is small, and a body of some hundred kB is not kept until the flush
        rows = [
            (name, _identity(TABLES[name], frame), self._rows_of(name, frame, answer)) for name, frame in frames.items()
        ]
        own = self._own(answer)
        self._pending.append(_Taken(rows, _request(answer) | own, [row | own for row in _refused(answer)]))
        self.outcomes[answer.outcome] += 1
        self.rejected += len(answer.rejected)
        if answer.outcome not in ("ok", "empty"):
            self.failures.append(answer)
        if answer.outcome in NOT_ASKED:
            self.not_asked.setdefault(answer.vendor, answer.detail)
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
            requests: list[dict[str, Any]] = []
            refused: list[dict[str, Any]] = []
            for number, taken in enumerate(self._pending):
                request_id = f"{first:08d}-{number:05d}"
                for name, identity, rows in taken.rows:
                    numbered = pa.repeat(pa.scalar(request_id, pa.string()), rows.num_rows)
                    grouped[name, identity].append(rows.append_column("request_id", numbered))
                requests.append(taken.request | {"request_id": request_id})
                refused.extend(row | {"request_id": request_id} for row in taken.refused)
            # actions first: whether a bar crosses a split is asked of the stored splits
            for (name, identity), parts in sorted(grouped.items(), key=lambda item: item[0][0] != YAHOO_ACTION.name):
                added = self.lake.append(TABLES[name], pa.concat_tables(parts), self.lake.next_sequence(), identity)
                self.rows_added[name] += added.num_rows
                self.rows_revised[name] += int(added.column("is_revision").to_numpy().sum())
            if refused:
                self.lake.append(QUARANTINE, _table(QUARANTINE, refused), self.lake.next_sequence())
            self.lake.append(REQUEST, _table(REQUEST, requests), self.lake.next_sequence())
        self._pending.clear()
        self._rows = 0

    def _rows_of(self, name: str, frame: pd.DataFrame, answer: Answer) -> pa.Table:
        """A frame as its raw table has it, without what only the flush knows."""
        rows = arrow(TABLES[name], frame)
        available = pa.array(frame["available_at"], BOOKKEEPING.field("available_at").type)
        assumed = pa.array(frame["is_availability_assumed"], pa.bool_())
        book = {
            "fetched_at": pa.repeat(pa.scalar(self.now, BOOKKEEPING.field("fetched_at").type), len(frame)),
            "available_at": available,
            "is_availability_assumed": assumed,
            "payload_sha256": pa.repeat(pa.scalar(answer.payload_sha256, pa.string()), len(frame)),
        }
        return pa.table([*rows.columns, *book.values()], names=[*rows.column_names, *book])

    def _own(self, answer: Answer) -> dict[str, Any]:
        """The pipeline's own rows are known when they are written."""
        return {
            "fetched_at": self.now,
            "available_at": self.now,
            "is_availability_assumed": False,
            "payload_sha256": answer.payload_sha256,
        }


def _request(answer: Answer) -> dict[str, Any]:
    return {
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


def _refused(answer: Answer) -> list[dict[str, Any]]:
    return [
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


def _table(table: RawTable, rows: list[dict[str, Any]]) -> pa.Table:
    schema = pa.schema([column for column in table.schema if column.name != "ingest_seq"])
    return pa.Table.from_pylist(rows, schema=schema)


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
