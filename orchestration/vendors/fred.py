"""FRED observations, their vintages and release dates, through fredapi on a hardened transport."""

from __future__ import annotations

import datetime as dt
import math
import xml.etree.ElementTree as ET
from collections.abc import Iterable
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import fredapi
import pandas as pd

from orchestration.vendors.answer import Answer, Parsed, Question, Rejected, ask, jsonable
from orchestration.vendors.http import Connection, Reply, Transport, VendorError, check_wire
from orchestration.vendors.tables import table
from orchestration.vendors.text import read_json
from orchestration.vendors.xml_document import parse_xml

EARLIEST = dt.date(1776, 7, 4)
LATEST = dt.date(9999, 12, 31)
# the most dates FRED sends at once, and its default
DATES_LIMIT = 10_000


class Fred:
    """Series and releases of FRED, with one API key."""

    def __init__(self, connection: Connection, api_key: str) -> None:
        connection = replace(connection, secrets=(*connection.secrets, api_key))
        self._transport = Transport(connection)
        self._client = _Client(self._transport, api_key)

    def observations(self, series_id: str, first: dt.date, last: dt.date, known_on: dt.date | None = None) -> Answer:
        """Ask for a series as it stands, in the series' own units.

        Args:
            series_id: Such as DGS10.
            first: First observation date.
            last: Last observation date.
            known_on: Ask as of this date instead of today.

        Returns:
            Table fred_observation; value null where FRED answers ".", realtime_start null: the caller knows the lag.
        """
        question = Question("fred", "macro", series_id, first, last, "xml")
        window = {"realtime_start": known_on, "realtime_end": known_on} if known_on else {}

        def work() -> Parsed:
            series = self._client.latest(series_id, first, last, window)
            rows = [
                {"series_id": series_id, "observation_date": stamp.date(), "value": float(value)}
                for stamp, value in zip(pd.DatetimeIndex(series.index), series, strict=True)
            ]
            return self._parsed(series_id, rows, first, last)

        return ask(self._transport, question, work)

    def vintages(self, series_id: str, first: dt.date, last: dt.date, known_on: dt.date | None = None) -> Answer:
        """Ask for every value a revised series ever had, in the series' own units.

        Args:
            series_id: Such as CPIAUCSL.
            first: First observation date.
            last: Last observation date.
            known_on: Leave out what was published after this date.

        Returns:
            Table fred_observation with one row per observation and revision; realtime_start is the date FRED first
            showed the value, null where FRED keeps no history and answers with its earliest date.
        """
        question = Question("fred", "macro", series_id, first, last, "xml")

        def work() -> Parsed:
            releases = self._client.all_releases(series_id, first, last, known_on or LATEST)
            rows = [
                {
                    "series_id": series_id,
                    "observation_date": day,
                    "realtime_start": None if start == EARLIEST else start,
                    "value": value,
                }
                for (day, start), value in sorted(releases.items())
            ]
            return self._parsed(series_id, rows, first, last)

        return ask(self._transport, question, work)

    def release_dates(self, release_id: int, first: dt.date, last: dt.date) -> Answer:
        """Ask on which dates a release was, or is scheduled to be, published.

        Args:
            release_id: Such as 10, the consumer price index.
            first: First date wanted.
            last: Last date wanted; may lie in the future.

        Returns:
            Table fred_release_date. A release that FRED lists on weekends as well is carried forward daily and says
            nothing: all its dates are rejected.
        """
        question = Question("fred", "events", str(release_id), first, last, "json")
        return ask(self._transport, question, lambda: self._release_dates(release_id, first, last))

    def _parsed(self, series_id: str, rows: list[dict[str, Any]], first: dt.date, last: dt.date) -> Parsed:
        payload = self._client.payload()
        rejected = _faults(series_id, self._client.elements(), first, last)
        bad = {(row.row_date, row.row["realtime_start"]) for row in rejected}
        bad_dates = {row.row_date for row in rejected}
        kept = []
        for row in rows:
            day, start = row["observation_date"], row.get("realtime_start")
            refused = (day, start.isoformat()) in bad if start else day in bad_dates
            if first <= day <= last and not refused:
                kept.append(row)
        if not kept:
            outcome = "malformed" if rejected else "empty"
            detail = f"all {len(rejected)} observations rejected" if rejected else "no observations in the window"
            return Parsed(outcome, rejected=rejected, payload=payload, detail=detail)
        return Parsed("ok", {"fred_observation": table("fred_observation", kept)}, rejected, payload)

    def _release_dates(self, release_id: int, first: dt.date, last: dt.date) -> Parsed:
        listed: set[dt.date] = set()
        bodies: list[bytes] = []
        offset, count = 0, 1
        while offset < count:
            params = {
                "release_id": release_id,
                "realtime_start": first,
                "realtime_end": LATEST,
                "include_release_dates_with_no_data": "true",
                "sort_order": "asc",
                "limit": DATES_LIMIT,
                "offset": offset,
                "file_type": "json",
                "api_key": self._client.api_key,
            }
            path = urlsplit(self._client.root_url).path + "/release/dates"
            reply = self._transport.get(path, params)
            count, page = _read_release_dates(reply)
            # a page that says nothing new would be followed by others like it for ever
            is_new = not listed.issuperset(page)
            listed.update(page)
            bodies.append(reply.body)
            offset += len(page)
            if not is_new and offset < count:
                raise VendorError("malformed", f"{len(listed)} of {count} release dates", reply.status)
        payload = b"\n".join(bodies)
        wanted = sorted(day for day in listed if first <= day <= last)
        rows = [{"release_id": release_id, "release_date": day} for day in wanted]
        if not rows:
            return Parsed("empty", payload=payload, detail="no release dates in the window")
        if _on_most_weekends(listed):
            rule, detail = "carry_forward_release", "listed on most weekends: daily carry-forward, not a release"
            rejected = tuple(
                Rejected("fred_release_date", str(release_id), day, rule, detail, jsonable(row))
                for day, row in zip(wanted, rows, strict=True)
            )
            return Parsed("empty", rejected=rejected, payload=payload, detail=detail)
        return Parsed("ok", {"fred_release_date": table("fred_release_date", rows)}, payload=payload)


class _TooMuchError(VendorError):
    """FRED refuses, or cuts, an answer because it is too long."""


class _Client(fredapi.Fred):
    """Fredapi with its one fetching method replaced: it has no timeout, no retry, and puts the key in exceptions."""

    def __init__(self, transport: Transport, api_key: str) -> None:
        super().__init__(api_key=api_key)
        self.root_url = transport.connection.rebase(self.root_url)
        self._transport = transport
        self._extra: dict[str, Any] = {}
        self._answers: list[tuple[bytes, list[ET.Element]]] = []

    def latest(self, series_id: str, first: dt.date, last: dt.date, window: dict[str, Any]) -> pd.Series:
        """One value per observation date."""
        self._answers, self._extra = [], {}
        return self.get_series(series_id, first, last, **window)

    def all_releases(
        self, series_id: str, first: dt.date, last: dt.date, known_on: dt.date
    ) -> dict[tuple[dt.date, dt.date], float]:
        """Values by observation date and first day shown, all vintages up to known_on."""
        self._answers = []
        # fredapi has no parameters for the observation window here
        self._extra = {"observation_start": first, "observation_end": last}
        return self._slice(series_id, EARLIEST, known_on, None)

    def payload(self) -> bytes:
        """The bodies of the last question."""
        return b"\n".join(body for body, _ in self._answers)

    def elements(self) -> list[ET.Element]:
        """The observations of the last question as sent, duplicates included."""
        return [element for _, elements in self._answers for element in elements]

    def _slice(
        self, series_id: str, start: dt.date, end: dt.date, vintages: list[dt.date] | None
    ) -> dict[tuple[dt.date, dt.date], float]:
        """Vintages of one real-time window, halved by number of vintages until FRED accepts it."""
        try:
            return _releases(self.get_series_all_releases(series_id, start, end))
        except _TooMuchError:
            if vintages is None:
                vintages = self._vintage_dates(series_id, start, end)
            if len(vintages) < 2:
                raise
        middle = len(vintages) // 2
        cut = vintages[middle]
        early = self._slice(series_id, start, cut - dt.timedelta(days=1), vintages[:middle])
        late = self._slice(series_id, cut, end, vintages[middle:])
        return _joined(early, late, cut)

    def _vintage_dates(self, series_id: str, start: dt.date, end: dt.date) -> list[dt.date]:
        window = self._extra
        found: list[dt.date] = []
        try:
            while len(found) % DATES_LIMIT == 0:
                self._extra = {"realtime_start": start, "realtime_end": end, "offset": len(found)}
                page = [stamp.date() for stamp in self.get_series_vintage_dates(series_id)]
                found += page
                if not page:
                    break
        finally:
            self._extra = window
        return sorted(found)

    def _Fred__fetch_data(self, url: str) -> ET.Element:  # noqa: N802 - fredapi's private method under its mangled name
        parts = urlsplit(url)
        reply = self._transport.get(parts.path, dict(parse_qsl(parts.query)) | self._extra | {"api_key": self.api_key})
        root = _read_xml(reply)
        if root.tag == "observations":
            _check_observations(root, reply.status)
            self._answers.append((reply.body, list(root)))
        elif root.tag == "vintage_dates":
            _check_dates(root, reply.status)
        else:
            raise VendorError("malformed", f"unexpected <{root.tag}>", reply.status)
        return root


def _read_xml(reply: Reply) -> ET.Element:
    try:
        root = parse_xml(reply.body)
    except ValueError as fault:
        check_wire(reply)
        message = _json_error(reply.body)
        if message:
            raise _error(message, reply.status) from None
        raise VendorError("malformed", f"{fault} (HTTP {reply.status})", reply.status) from None
    if root.tag == "error":
        raise _error(root.get("message") or "no message", reply.status)
    check_wire(reply)
    if reply.status != 200:
        raise VendorError("malformed", f"HTTP {reply.status}", reply.status)
    return root


def _check_observations(root: ET.Element, status: int) -> None:
    """Make sure fredapi can read what it is about to read, and that nothing was cut off."""
    try:
        count, offset, limit = (int(root.get(name, "")) for name in ("count", "offset", "limit"))
        for element in root:
            dt.date.fromisoformat(element.attrib["date"])
            dt.date.fromisoformat(element.attrib["realtime_start"])
            if element.attrib["value"] != ".":
                float(element.attrib["value"])
    except (KeyError, ValueError) as fault:
        raise VendorError("malformed", f"unreadable observations: {type(fault).__name__}: {fault}", status) from None
    if count > limit:
        raise _TooMuchError("malformed", f"{count} observations, more than FRED sends at once ({limit})", status)
    if len(root) < count - offset:
        raise VendorError("malformed", f"{len(root)} of {count} observations", status)


def _check_dates(root: ET.Element, status: int) -> None:
    try:
        for element in root:
            dt.date.fromisoformat(element.text or "")
    except ValueError as fault:
        raise VendorError("malformed", f"unreadable vintage dates: {fault}", status) from None


def _json_error(body: bytes) -> str | None:
    try:
        document = read_json(body)
    except ValueError:
        return None
    return document.get("error_message") if isinstance(document, dict) else None


def _error(message: str, status: int) -> VendorError:
    """FRED's own error text as a named outcome."""
    if "exceeds the maximum number of vintage dates" in message:
        return _TooMuchError("malformed", message, status)
    if "api_key" in message:
        return VendorError("blocked", f"FRED refused the API key: {message}", status)
    if "in ALFRED" in message:
        return VendorError("not_found", message, status)
    if "does not exist" in message:
        return VendorError("unknown_symbol", message, status)
    if "Too Many Requests" in message:
        return VendorError("rate_limited", message, status)
    return VendorError("malformed", f"HTTP {status}: {message}", status)


def _releases(frame: pd.DataFrame) -> dict[tuple[dt.date, dt.date], float]:
    """Fredapi's frame of objects as plain values; an empty answer has no columns at all."""
    if frame.empty:
        return {}
    # a column of objects with NaN may come back as NaT
    values = pd.to_numeric(frame["value"].astype("object").where(frame["value"].notna(), math.nan))
    return {
        (day.date(), start.date()): float(value)
        for day, start, value in zip(
            pd.DatetimeIndex(frame["date"]), pd.DatetimeIndex(frame["realtime_start"]), values, strict=True
        )
    }


def _joined(
    early: dict[tuple[dt.date, dt.date], float], late: dict[tuple[dt.date, dt.date], float], cut: dt.date
) -> dict[tuple[dt.date, dt.date], float]:
    """Two neighbouring real-time windows as one.

    FRED moves the start of a value that was shown before a window to the window's first day. Such a row is a
    revision only if it differs from what the earlier window ended with.
    """
    newest: dict[dt.date, float] = {}
    for (day, _), value in sorted(early.items()):
        newest[day] = value

    def carried(day: dt.date, start: dt.date, value: float) -> bool:
        if start != cut or day not in newest:
            return False
        return newest[day] == value or (math.isnan(newest[day]) and math.isnan(value))

    return early | {(day, start): value for (day, start), value in late.items() if not carried(day, start, value)}


def _faults(series_id: str, elements: Iterable[ET.Element], first: dt.date, last: dt.date) -> tuple[Rejected, ...]:
    """Observations that fredapi would pass on: not finite, or two values for one date and vintage."""
    groups: dict[tuple[str, str], set[str]] = {}
    for element in elements:
        key = (element.attrib["date"], element.attrib["realtime_start"])
        groups.setdefault(key, set()).add(element.attrib["value"])
    rejected = []
    for (date, start), texts in sorted(groups.items()):
        numbers = {text for text in texts if text != "."}
        if not all(math.isfinite(float(text)) for text in numbers):
            rule, detail = "non_finite", f"value {', '.join(sorted(texts))}"
        elif len(texts) > 1:
            rule, detail = "duplicate_date", f"several values on one date: {', '.join(sorted(texts))}"
        else:
            continue
        day = dt.date.fromisoformat(date)
        if not first <= day <= last:
            continue
        for text in sorted(texts):
            row = {"series_id": series_id, "observation_date": date, "realtime_start": start, "value": text}
            rejected.append(Rejected("fred_observation", series_id, day, rule, detail, row))
    return tuple(rejected)


def _read_release_dates(reply: Reply) -> tuple[int, list[dt.date]]:
    try:
        document = read_json(reply.body)
    except ValueError:
        check_wire(reply)
        raise VendorError("malformed", f"not JSON (HTTP {reply.status})", reply.status) from None
    if isinstance(document, dict) and "error_message" in document:
        raise _error(str(document["error_message"]), reply.status)
    check_wire(reply)
    try:
        return int(document["count"]), [dt.date.fromisoformat(item["date"]) for item in document["release_dates"]]
    except (LookupError, TypeError, ValueError, OverflowError) as fault:
        text = f"unreadable release dates: {type(fault).__name__}: {fault}"
        raise VendorError("malformed", text, reply.status) from None


def _on_most_weekends(days: set[dt.date]) -> bool:
    """Whether at least two weekend days, and more than half of those in the range, are listed."""
    span = (max(days) - min(days)).days + 1
    possible = sum((min(days) + dt.timedelta(days=n)).weekday() > 4 for n in range(span))
    listed = sum(day.weekday() > 4 for day in days)
    return listed >= 2 and listed * 2 > possible
