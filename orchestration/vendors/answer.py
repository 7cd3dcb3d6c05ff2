"""What a vendor method returns: the named outcome, the accepted rows, the rejected ones and the evidence."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import pandas as pd

from orchestration.vendors.http import Outcome, Transport, VendorError, is_web_page

# of why a request ended as it did; the longest of ours lists the columns of a file
LONGEST_DETAIL = 1_000


@dataclass(frozen=True)
class Rejected:
    """A row the vendor sent and this package does not believe.

    Attributes:
        table: Table it was meant for.
        key: Symbol, series, fund or release asked for.
        row_date: Session, observation or as-of date of the row; None where it has none.
        rule: The check it failed.
        detail: What was wrong with it.
        row: The row itself; dates as ISO text, so that it can be written as JSON.
    """

    table: str
    key: str
    row_date: dt.date | None
    rule: str
    detail: str
    row: dict[str, Any]


@dataclass(frozen=True)
class Question:
    """What is asked: one line of the request ledger before it is answered."""

    vendor: str
    dataset: str
    key: str
    window_start: dt.date | None
    window_end: dt.date | None
    file_format: str


@dataclass(frozen=True)
class Parsed:
    """What a vendor module made of an answer it could read."""

    outcome: Outcome
    rows: dict[str, pd.DataFrame] = field(default_factory=dict)
    rejected: tuple[Rejected, ...] = ()
    payload: bytes | None = None
    file_format: str | None = None
    detail: str = ""


@dataclass(frozen=True)
class Answer:
    """One answered (or failed) request.

    Attributes:
        vendor: Who was asked.
        dataset: prices, member_bars, options, fund_valuation, macro, events, etf_shares, constituents, filing_feed,
            filing or fails.
        key: Symbol, series, fund or release asked for.
        window_start: First date asked for.
        window_end: Last date asked for.
        outcome: How it ended; rows are present only for ok.
        http_status: Of the last answer on the wire; None where there was none.
        url: Path and parameters of the last request, secrets replaced by ***.
        attempts: HTTP requests sent for the data, retries included.
        detail: Why it ended so; empty where there is nothing to say.
        payload: The body as received (several bodies joined by a line feed); the offending body of a failure.
        file_format: json, csv, xml, xlsx, zip, or html where a web page came instead.
        rows: Accepted rows by table.
        rejected: Rows that failed a check.
    """

    vendor: str
    dataset: str
    key: str
    window_start: dt.date | None
    window_end: dt.date | None
    outcome: Outcome
    http_status: int | None
    url: str
    attempts: int
    detail: str
    payload: bytes | None
    file_format: str
    rows: dict[str, pd.DataFrame]
    rejected: tuple[Rejected, ...]

    @property
    def rows_accepted(self) -> int:
        """Accepted rows over all tables."""
        return sum(len(frame) for frame in self.rows.values())

    @cached_property
    def payload_sha256(self) -> str | None:
        """Hex digest of the payload; None where there is none."""
        return None if self.payload is None else hashlib.sha256(self.payload).hexdigest()


def ask(transport: Transport, question: Question, work: Callable[[], Parsed]) -> Answer:
    """Run one request of the ledger; a vendor's misbehaviour becomes an outcome, a defect of ours still raises."""
    redact = transport.connection.redact
    try:
        transport.begin()
        parsed = work()
        status = transport.trail.status
    except VendorError as error:
        parsed = Parsed(error.outcome, payload=_without_secrets(transport), detail=error.detail)
        status = error.http_status if error.http_status is not None else transport.trail.status
    # vendors' own words are in it, as many as they like
    detail = " ".join(redact(parsed.detail).split())[:LONGEST_DETAIL]
    transport.settle(parsed.outcome, detail)
    trail = transport.trail
    page = parsed.payload is not None and is_web_page(parsed.payload)
    return Answer(
        vendor=question.vendor,
        dataset=question.dataset,
        key=question.key,
        window_start=question.window_start,
        window_end=question.window_end,
        outcome=parsed.outcome,
        http_status=status,
        url=trail.target,
        attempts=trail.attempts,
        detail=detail,
        payload=parsed.payload,
        file_format="html" if page else parsed.file_format or question.file_format,
        rows=parsed.rows if parsed.outcome == "ok" else {},
        rejected=tuple(_redacted(row, redact) for row in parsed.rejected),
    )


def _redacted(refused: Rejected, redact: Callable[[str], str]) -> Rejected:
    """A refused row as it may be kept: an answer can repeat the key where a number should be."""
    row = {name: redact(value) if isinstance(value, str) else value for name, value in refused.row.items()}
    return replace(refused, detail=redact(refused.detail), row=row)


def _without_secrets(transport: Transport) -> bytes | None:
    """The last body; an error text may repeat the key it refuses."""
    body = transport.trail.body
    for secret in filter(None, transport.connection.secrets if body else ()):
        body = body.replace(secret.encode(), b"***") if body else body
    return body


def jsonable(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row that can be written as JSON: dates as ISO text, NaN as None."""
    return {
        key: value.isoformat() if isinstance(value, dt.date) else None if value != value else value
        for key, value in row.items()
    }
