"""A made-up archive of holdings files, written into a raw lake in the shape the pipeline writes.

Companies have values that walk, come to market, die, change ticker and CUSIP. Funds hold the largest of them by rank
of the last reconstitution, so that stays, migrations and intra-year deletions occur about as often as in the market.
The same seed makes the same rows.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from orchestration.build.facts import write_facts
from orchestration.calendars import (
    end_of_day,
    fund_available_at,
    last_closed_session,
    next_session,
    sessions_between,
    shift_sessions,
)
from orchestration.ingest.batch import FLUSH_ROWS
from orchestration.ingest.common import reference_file
from orchestration.ingest.ledger import session_table
from orchestration.lake.contracts import HOLDING, HOLDING_SNAPSHOT, RawTable
from orchestration.lake.store import Lake, write_table_atomically

# first and last rank of the companies a fund holds; IWV samples, IWC takes the small half of IWM and what is below
FUNDS = {"IWM": (1000, 3000), "IWB": (0, 1000), "IWV": (0, 2600), "IWC": (2200, 3500), "IVV": (0, 500)}
SECTORS = ("Financials", "Health Care", "Industrials", "Information Technology", "Consumer Discretionary", "Energy")
YEAR = 252
LAST_SESSION = dt.date(2026, 8, 20)


@dataclass(frozen=True)
class Snapshot:
    """One holdings file."""

    fund: str
    as_of: dt.date
    lines: pa.Table

    @property
    def sha256(self) -> str:
        """Hash of what the file says."""
        parts = (np.asarray(self.lines[name].combine_chunks().fill_null(0)) for name in ("weight_pct", "shares"))
        text = "".join(self.lines["cusip"].fill_null("").to_pylist())
        return hashlib.sha256(b"".join(part.tobytes() for part in parts) + text.encode()).hexdigest()


@dataclass
class _Names:
    """What a company is called; a change makes a new entry."""

    rng: np.random.Generator
    columns: dict[str, list[str]]
    used: int = 0

    def add(self, like: int | None = None, *, new_cusip: bool = True) -> int:
        number = self.used
        self.used += 1
        letters = []
        rest = number
        for _ in range(4):
            rest, letter = divmod(rest, 26)
            letters.append(chr(ord("A") + letter))
        ticker = "".join(reversed(letters))
        cusip = f"{number:06d}109" if new_cusip or like is None else self.columns["cusip"][like]
        row = {
            "ticker": ticker,
            "name": f"{ticker} {'HOLDINGS' if number % 3 else 'BANCORP'} INC",
            "sector": SECTORS[number % len(SECTORS)] if like is None else self.columns["sector"][like],
            "exchange": ("NASDAQ", "New York Stock Exchange Inc.")[number % 2],
            "cusip": cusip,
            "isin": f"US{cusip}5",
            "sedol": f"B{number:05d}{number % 10}" if new_cusip or like is None else self.columns["sedol"][like],
        }
        for name, value in row.items():
            self.columns[name].append(value)
        return number


class Market:
    """Companies and what the funds hold of them, session by session.

    Args:
        sessions: The sessions to show, in order.
        scale: Size of the funds, 1 for that of the real ones.
        seed: The same one makes the same market.
    """

    def __init__(self, sessions: Sequence[dt.date], scale: float = 1.0, seed: int = 1) -> None:
        self.sessions = sessions
        self.rng = np.random.default_rng(seed)
        self.ranks = {fund: (int(a * scale), max(int(b * scale), 4)) for fund, (a, b) in FUNDS.items()}
        size = int(4200 * scale) + 4
        fields = ("ticker", "name", "sector", "exchange", "cusip", "isin", "sedol")
        self.names = _Names(self.rng, {name: [] for name in fields})
        self.current = np.array([self.names.add() for _ in range(size)])
        self.log_value = np.sort(self.rng.normal(21.0, 1.6, size))[::-1].copy()
        self.shares = np.exp(self.rng.normal(17.5, 0.7, size))
        self.listed = np.zeros(size, dtype=int)
        self.members: dict[str, np.ndarray] = {}
        self._arrays: dict[str, pa.Array] = {}
        self._arrays_of = -1

    def __iter__(self) -> Iterator[Snapshot]:
        fridays = set(_reconstitutions(self.sessions))
        for number, session in enumerate(self.sessions):
            if number:
                self._move(number)
            if not self.members or session in fridays:
                order = np.argsort(-self.log_value, kind="stable")
                self.members = {fund: order[a:b] for fund, (a, b) in self.ranks.items()}
            for fund, members in self.members.items():
                yield self._snapshot(fund, session, members)

    def _move(self, number: int) -> None:
        size = len(self.log_value)
        self.log_value += self.rng.normal(0.0002, 0.025, size)
        # taken over or failed: gone from every fund at once, and another company comes to market in the same place
        for gone in np.flatnonzero(self.rng.random(size) < 0.05 / YEAR):
            self.members = {fund: held[held != gone] for fund, held in self.members.items()}
            self.current[gone] = self.names.add()
            self.log_value[gone] = self.rng.normal(20.5, 1.4)
        for renamed in np.flatnonzero(self.rng.random(size) < 0.03 / YEAR):
            new_cusip = bool(self.rng.random() < 0.5)
            self.current[renamed] = self.names.add(int(self.current[renamed]), new_cusip=new_cusip)

    def _columns(self) -> dict[str, pa.Array]:
        if self._arrays_of != self.names.used:
            self._arrays = {name: pa.array(values) for name, values in self.names.columns.items()}
            self._arrays_of = self.names.used
        return self._arrays

    def _snapshot(self, fund: str, session: dt.date, members: np.ndarray) -> Snapshot:
        # a line missing from one file, as real files have it
        shown = members[self.rng.random(len(members)) >= 1e-5]
        value = np.exp(self.log_value[shown])
        order = np.argsort(-value, kind="stable")
        shown, value = shown[order], value[order]
        weight = 99.8 * value / value.sum()
        price = value / self.shares[shown]
        held = np.round(weight * 6e8 / price)
        names = pa.array(self.current[shown])
        columns = {name: pc.take(values, names) for name, values in self._columns().items()}
        columns |= {
            "asset_class": pa.repeat("Equity", len(shown)),
            "market_value_usd": pa.array(np.round(held * price, 2)),
            "weight_pct": pa.array(np.round(weight, 5)),
            "shares": pa.array(held),
            "price_usd": pa.array(np.round(price, 2) + 0.01),
        }
        count = len(shown) + 2
        junk = {
            "ticker": ["XTSLA", "RTYU6"],
            "name": ["BLK CSH FND TREASURY SL AGENCY", "RUSSELL 2000 EMINI CME SEP 26"],
            "sector": ["Cash and/or Derivatives"] * 2,
            "asset_class": ["Money Market", "Futures"],
            "exchange": ["-", "Index And Options Market"],
            "weight_pct": [0.2, 0.0],
            "market_value_usd": [12e6, 0.0],
            "shares": [12e6, 40.0],
            "price_usd": [1.0, 2400.0],
        }
        filled = {
            name: pa.concat_arrays([array, pa.array(junk.get(name, [None, None]), array.type)])
            for name, array in columns.items()
        }
        constant = {
            "vendor": "blackrock",
            "location": "United States",
            "currency": "USD",
            "market_currency": "USD",
            "fund": fund,
        }
        filled |= {name: pa.repeat(text, count) for name, text in constant.items()}
        filled["notional_value_usd"] = filled["market_value_usd"]
        filled["as_of_date"] = pa.repeat(pa.scalar(session, pa.date32()), count)
        filled["line_no"] = pa.array(np.arange(1, count + 1))
        lines = pa.table([filled[name] for name in HOLDING.columns.names], schema=HOLDING.columns)
        return Snapshot(fund, session, lines)


def _reconstitutions(sessions: Sequence[dt.date]) -> list[dt.date]:
    """The fourth Friday of June, and from 2026 on the second of December too; whose own file shows the new book."""
    years = {session.year for session in sessions}
    wanted = [(y, 6, 4) for y in years] + [(y, 12, 2) for y in years if y >= 2026]
    firsts = [(dt.date(y, m, 1), n) for y, m, n in wanted]
    return [first + dt.timedelta(days=(4 - first.weekday()) % 7 + 7 * (n - 1)) for first, n in firsts]


class Writer:
    """Stores snapshots as the pipeline does: parts of some hundred thousand lines, the lines before their files."""

    def __init__(self, data_dir: Path, source: str = "sandbox") -> None:
        self.lake = Lake(data_dir, source)
        self.lines = 0
        self._pending: list[tuple[Snapshot, dt.datetime]] = []
        self._rows = 0

    def add(self, snapshot: Snapshot, fetched_at: dt.datetime) -> None:
        """Take one file; stored when enough have come together."""
        self._pending.append((snapshot, fetched_at))
        self._rows += snapshot.lines.num_rows
        self.lines += snapshot.lines.num_rows
        if self._rows >= FLUSH_ROWS:
            self.flush()

    def flush(self) -> None:
        """Store everything taken since the last flush."""
        if not self._pending:
            return
        lines, files = [], []
        for number, (snapshot, fetched_at) in enumerate(self._pending):
            sha = snapshot.sha256
            book = _book(snapshot, fetched_at, sha, f"{self.lake.next_sequence():08d}-{number:05d}")
            lines.append(_with_book(snapshot.lines, book))
            weights = float(np.nansum(snapshot.lines["weight_pct"].to_numpy()))
            row = {
                "vendor": "blackrock",
                "fund": snapshot.fund,
                "as_of_date": snapshot.as_of,
                "file_format": "json",
                "lines": snapshot.lines.num_rows,
                "weight_sum_pct": weights,
                "shares_outstanding": None,
                "lines_sha256": sha,
                "file_path": None,
            }
            files.append(_with_book(pa.Table.from_pylist([row], schema=HOLDING_SNAPSHOT.columns), book))
        for table, parts in ((HOLDING, lines), (HOLDING_SNAPSHOT, files)):
            self._store(table, pa.concat_tables(parts))
        self._pending.clear()
        self._rows = 0

    def _store(self, table: RawTable, rows: pa.Table) -> None:
        sequence = self.lake.next_sequence()
        numbers = pa.repeat(pa.scalar(sequence, pa.int64()), rows.num_rows)
        rows = rows.append_column("ingest_seq", numbers).select(table.schema.names).cast(table.schema)
        # not append(): it looks for earlier versions of each file in all of the archive, which no file here has
        self.lake._write(table, rows, sequence)


def _book(snapshot: Snapshot, fetched_at: dt.datetime, sha: str, request_id: str) -> dict[str, object]:
    due = fund_available_at(snapshot.as_of)
    return {
        "fetched_at": fetched_at,
        "available_at": min(due, fetched_at),
        "is_availability_assumed": due < fetched_at,
        "payload_sha256": sha,
        "request_id": request_id,
    }


def _with_book(rows: pa.Table, book: dict[str, object]) -> pa.Table:
    for name, value in book.items():
        kind = HOLDING.schema.field(name).type
        rows = rows.append_column(name, pa.repeat(pa.scalar(value, kind), rows.num_rows))
    return rows


def sessions_of(years: float, last: dt.date = LAST_SESSION) -> list[dt.date]:
    """The sessions of the last years up to one, it included."""
    return sessions_between(shift_sessions(last, 1 - int(years * YEAR)), last)


def clock_after(session: dt.date) -> dt.datetime:
    """When the pipeline of the day after a session fetches its files."""
    return end_of_day(next_session(session))


def write_archive(
    data_dir: Path, sessions: Sequence[dt.date], *, scale: float = 1.0, seed: int = 1, daily: int = 0
) -> Writer:
    """Fill a raw lake with the files of five funds.

    Args:
        data_dir: The data directory.
        sessions: As-of dates.
        scale: Size of the funds, 1 for that of the real ones.
        seed: The same one makes the same rows.
        daily: Of the last sessions this many arrived each on its own day; all before them at once.
    """
    writer = Writer(data_dir)
    loaded = len(sessions) - daily
    # files loaded at once were fetched the day before the daily ones begin
    at_once = clock_after(sessions[loaded - 1]) if loaded else None
    for number, (_, files) in enumerate(itertools.groupby(Market(sessions, scale, seed), key=lambda s: s.as_of)):
        for snapshot in files:
            own = clock_after(snapshot.as_of)
            writer.add(snapshot, at_once if number < loaded and at_once else own)
        if number >= loaded - 1:
            writer.flush()
    writer.flush()
    write_reference(data_dir, sessions[-1])
    return writer


def write_reference(data_dir: Path, last: dt.date) -> None:
    """What a build on the day after a session reads besides the raw lake."""
    write_table_atomically(reference_file(data_dir, "nyse_session"), session_table(clock_after(last)))
    schema = pa.schema([("fund", pa.string()), ("session_date", pa.date32())])
    write_table_atomically(reference_file(data_dir, "expected_holding"), schema.empty_table())
    now = clock_after(last)
    facts = {
        "now_at": now.isoformat(sep=" ", timespec="seconds"),
        "as_of_session": last_closed_session(now).isoformat(),
        "start_date": "2000-01-03",
        "source": "sandbox",
        "release_id": "benchmark",
        "version": "benchmark",
        "git_commit": "unknown",
    }
    write_facts(data_dir, facts)
