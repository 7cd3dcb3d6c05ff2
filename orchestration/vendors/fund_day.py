"""Judges the days of a fund's file, whoever printed it: window, session, sign, one line per date."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

from orchestration.calendars import sessions_between
from orchestration.vendors import text as printed
from orchestration.vendors.answer import Parsed, Rejected, jsonable
from orchestration.vendors.tables import table

Numbers = dict[str, float | None]

DATE = "as_of_date"
CLASH = "two different lines of one date"
# rules that only say that the sponsor had nothing to print
NOTHING_TO_SAY = frozenset({"not_a_session", "no_value"})


class FundDays:
    """The days of one fund in [first, last] that can be believed, and the lines that cannot.

    Args:
        vendor: The sponsor.
        symbol: Ticker of the fund.
        first: First session wanted.
        last: Last session wanted.
        basis: Date up to which the sponsor restates its history at splits; None where each day stays as printed, so
            that its split basis is its own date.
        labels: The columns that must be positive, and what to call them.
        read_date: Reads the date of a line; None or ValueError where there is none.
        adjust: Puts the numbers of a line into our units.
    """

    def __init__(
        self,
        vendor: str,
        symbol: str,
        first: dt.date,
        last: dt.date,
        *,
        basis: dt.date | None,
        labels: Mapping[str, str],
        read_date: Callable[[str], dt.date | None] = printed.day,
        adjust: Callable[[Numbers], Numbers] = lambda numbers: numbers,
    ) -> None:
        self.vendor = vendor
        self.symbol = symbol
        self.first = first
        self.last = last
        self.basis = basis
        self.labels = labels
        self.read_date = read_date
        self.adjust = adjust
        self._sessions = set(sessions_between(first, last))
        self._kept: dict[dt.date, Numbers] = {}
        self._clashing: set[dt.date] = set()
        self._rejected: list[Rejected] = []

    def reject(self, day: dt.date | None, rule: str, detail: str, row: Mapping[str, Any]) -> None:
        """Refuse a line."""
        self._rejected.append(Rejected("fund_day", self.symbol, day, rule, detail, jsonable(row)))

    def add(self, raw: Mapping[str, str]) -> None:
        """Take or refuse one line, its date and numbers by column as printed; one outside the window is passed over."""
        try:
            day = self.read_date(raw[DATE])
        except ValueError as fault:
            return self.reject(None, "bad_date", str(fault), raw)
        if day is None:
            return self.reject(None, "bad_date", "no date", raw)
        if not self.first <= day <= self.last:
            return None
        try:
            numbers = self.adjust({column: printed.number(raw[column]) for column in raw if column != DATE})
        except ValueError as fault:
            return self.reject(day, "bad_number", str(fault), raw)
        known = [value for column in self.labels if (value := numbers[column]) is not None]
        if day not in self._sessions:
            self.reject(day, "not_a_session", "the NYSE is closed on this date", raw)
        elif not known:
            self.reject(day, "no_value", f"neither {' nor '.join(self.labels.values())}", raw)
        elif min(known) <= 0:
            shown = ", ".join(f"{label} {numbers[column]}" for column, label in self.labels.items())
            self.reject(day, "non_positive", shown, raw)
        elif self._kept.setdefault(day, numbers) != numbers:
            self._clashing.add(day)
            self.reject(day, "duplicate_date", CLASH, raw)
        return None

    def parsed(self, payload: bytes) -> Parsed:
        """What the file says; a date with two different lines is not believed at all."""
        for day in sorted(self._clashing):
            self.reject(day, "duplicate_date", CLASH, {DATE: day} | self._kept.pop(day))
        rejected = tuple(self._rejected)
        if not self._kept:
            outcome = "empty" if all(row.rule in NOTHING_TO_SAY for row in rejected) else "malformed"
            detail = f"all {len(rejected)} days rejected" if rejected else "no days in the window"
            return Parsed(outcome, rejected=rejected, payload=payload, detail=detail)
        share_basis = "as_reported" if self.basis is None else "restated"
        fixed = {"vendor": self.vendor, "symbol": self.symbol, "share_basis": share_basis}
        rows = [
            fixed | {DATE: day, "split_basis_date": self.basis or day} | self._kept[day] for day in sorted(self._kept)
        ]
        return Parsed("ok", {"fund_day": table("fund_day", rows)}, rejected, payload)
