"""FRED's API in XML and JSON: observations with real-time windows, series, vintage dates, release dates."""

from __future__ import annotations

import datetime as dt
import json
import re
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import quoteattr

import numpy as np

from orchestration.sandbox.http import Request, Response, page
from orchestration.sandbox.macro import ENDLESS, Series, catalogue, release_dates, series
from orchestration.sandbox.timeline import Clock

EARLIEST, LATEST = dt.date(1776, 7, 4), dt.date(9999, 12, 31)
# FRED shows scheduled dates about a year ahead.
SCHEDULED_AHEAD = dt.timedelta(days=420)
MOST_VINTAGES, MOST_ROWS, MOST_DATES = 2000, 100_000, 10_000
KEY_HINT = "  Read https://fred.stlouisfed.org/docs/api/api_key.html for more information."


class _BadRequestError(Exception):
    """HTTP 400 with FRED's own error body."""


@dataclass(frozen=True)
class _Page:
    """The part of a list that was asked for."""

    order: str
    offset: int
    limit: int

    def cut(self, items: list[Any]) -> list[Any]:
        """The items of this page."""
        return (items[::-1] if self.order == "desc" else items)[self.offset : self.offset + self.limit]


def answer(request: Request, clock: Clock, seed: int) -> Response | None:
    """Answer a request to FRED; None where the path is not FRED's."""
    if request.path == "/graph/fredgraph.csv":
        return _graph(request, clock, seed)
    if not request.path.startswith("/fred/"):
        return None
    routes = {
        "/fred/series/observations": _observations,
        "/fred/series": _series,
        "/fred/series/vintagedates": _vintage_dates,
        "/fred/release/dates": _release_dates,
    }
    route = routes.get(request.path.rstrip("/"))
    if route is None:
        return page(404, "404 Not Found")
    kind = request.query.get("file_type", "xml")
    try:
        _check(request, kind)
        return route(request, kind, clock, seed)
    except _BadRequestError as error:
        text = f"Bad Request.  {error}"
        if kind == "json":
            return _json({"error_code": 400, "error_message": text}, 400)
        return _xml(f'<error code="400" message={quoteattr(text)}/>\n', 400)


def _json(document: Any, status: int = 200) -> Response:
    body = json.dumps(document, separators=(",", ":")).encode()
    return Response(status, body, "application/json; charset=UTF-8")


def _xml(text: str, status: int = 200) -> Response:
    body = f'<?xml version="1.0" encoding="utf-8" ?>\n{text}'.encode()
    return Response(status, body, "text/xml; charset=UTF-8")


def _check(request: Request, kind: str) -> None:
    key = request.query.get("api_key")
    if not key:
        raise _BadRequestError("Variable api_key is not set." + KEY_HINT)
    if not re.fullmatch(r"[a-z0-9]{32}", key):
        raise _BadRequestError(
            "The value for variable api_key is not a 32 character alpha-numeric lower-case string." + KEY_HINT
        )
    if kind not in ("xml", "json"):
        raise _BadRequestError("The value for variable file_type is not one of these values: 'xml', 'json'.")


def _date(request: Request, name: str, default: dt.date) -> dt.date:
    text = request.query.get(name)
    if not text:
        return default
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise _BadRequestError(f"Value of {name} is not a valid date string in the form YYYY-MM-DD.") from None


def _number(request: Request, name: str, default: int, low: int, high: int) -> int:
    text = request.query.get(name, str(default))
    if not re.fullmatch(r"\d+", text) or not low <= int(text) <= high:
        raise _BadRequestError(f"Variable {name} is not between {low} and {high}.")
    return int(text)


def _page(request: Request, most: int) -> _Page:
    order = request.query.get("sort_order", "asc")
    return _Page(order, _number(request, "offset", 0, 0, 10**9), _number(request, "limit", most, 1, most))


def _window(request: Request, first: dt.date, last: dt.date) -> tuple[dt.date, dt.date]:
    start, end = _date(request, "realtime_start", first), _date(request, "realtime_end", last)
    if start > end:
        raise _BadRequestError(
            f"The date set by variable realtime_start ('{start}') can not be after the date set by variable "
            f"realtime_end ('{end}')."
        )
    return start, end


def _wanted(request: Request, seed: int) -> Series:
    name = request.query.get("series_id", "").upper()
    if not name:
        raise _BadRequestError("Variable series_id is not set.")
    if name not in catalogue():
        raise _BadRequestError("The series does not exist.")
    try:
        return series(seed, name)
    except KeyError:
        # in the seed table, but nobody has modelled it here yet
        raise _BadRequestError("The series does not exist.") from None


def _visible(found: Series, clock: Clock) -> np.ndarray:
    """Rows that FRED shows at the clock: posted by now, and no more than three years of ICE BofA."""
    today = np.datetime64(clock.today, "D")
    shown = found.known <= today
    if clock.now.time() < found.hour:
        shown &= found.known < today
    if found.series_id.startswith("BAML"):
        month = today.astype("datetime64[M]")
        length = int(((month - 35).astype("datetime64[D]") - (month - 36).astype("datetime64[D]")).astype(int))
        day = int((today - month.astype("datetime64[D]")).astype(int))
        shown &= found.dates >= (month - 36).astype("datetime64[D]") + min(day, length - 1)
    return shown


def _until(found: Series, clock: Clock) -> np.ndarray:
    """Last day of each row, as far as it is known: a later revision has not happened yet."""
    today = np.datetime64(clock.today, "D")
    hidden = found.until >= (today - 1 if clock.now.time() < found.hour else today)
    return np.where(hidden, ENDLESS, found.until)


def _observations(request: Request, kind: str, clock: Clock, seed: int) -> Response:
    found = _wanted(request, seed)
    start, end = _window(request, clock.today, clock.today)
    first, last = _date(request, "observation_start", EARLIEST), _date(request, "observation_end", LATEST)
    pages = _page(request, MOST_ROWS)
    output = request.query.get("output_type", "1")
    if output not in ("1", "4"):
        raise _BadRequestError("The sandbox serves output_type 1 and 4 only.")
    if request.query.get("units", "lin") != "lin" or request.query.get("frequency"):
        raise _BadRequestError("The sandbox serves units=lin at the series' own frequency only.")
    until = _until(found, clock)
    low, high = np.datetime64(start, "D"), np.datetime64(end, "D")
    chosen = _visible(found, clock) & (found.known <= high) & (until >= low)
    if start != end:
        vintages = len(np.unique(found.known[chosen & (found.known >= low)]))
        if vintages > MOST_VINTAGES:
            raise _BadRequestError(
                f"There are {vintages} vintage dates in the specified real-time period: {start} to {end}.  This "
                f"exceeds the maximum number of vintage dates allowed ({MOST_VINTAGES})."
            )
    chosen &= (found.dates >= np.datetime64(first, "D")) & (found.dates <= np.datetime64(last, "D"))
    if output == "4":
        chosen &= np.append(True, found.dates[1:] != found.dates[:-1])
    rows = list(
        zip(
            np.maximum(found.known[chosen], low).astype(str).tolist(),
            np.minimum(until[chosen], high).astype(str).tolist(),
            found.dates[chosen].astype(str).tolist(),
            found.values[chosen].tolist(),
            strict=True,
        )
    )
    head = {
        "realtime_start": start, "realtime_end": end, "observation_start": first, "observation_end": last,
        "units": "lin", "output_type": int(output), "file_type": kind, "order_by": "observation_date",
        "sort_order": pages.order, "count": len(rows), "offset": pages.offset, "limit": pages.limit,
    }  # fmt: skip
    rows = pages.cut(rows)
    if kind == "json":
        names = ("realtime_start", "realtime_end", "date", "value")
        items = [dict(zip(names, row, strict=True)) for row in rows]
        return _json({**_plain(head), "observations": items})
    lines = [
        f'  <observation realtime_start="{a}" realtime_end="{b}" date="{day}" value="{value}"/>\n'
        for a, b, day, value in rows
    ]
    return _xml(f"<observations {_attributes(head)}>\n{''.join(lines)}</observations>\n")


def _plain(head: dict[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, dt.date) else value for name, value in head.items()}


def _attributes(head: dict[str, Any]) -> str:
    return " ".join(f"{name}={quoteattr(str(value))}" for name, value in head.items())


def _series(request: Request, kind: str, clock: Clock, seed: int) -> Response:
    found = _wanted(request, seed)
    start, end = _window(request, clock.today, clock.today)
    dates = found.dates[_visible(found, clock)]
    adjusted = found.series_id in ("CPIAUCSL", "CPILFESL", "UNRATE")
    head = {"realtime_start": start, "realtime_end": end}
    item = _plain(
        {
            "id": found.series_id, **head, "title": found.title,
            "observation_start": str(dates[0]) if len(dates) else "",
            "observation_end": str(dates[-1]) if len(dates) else "",
            "frequency": "Monthly" if found.frequency == "monthly" else "Daily",
            "frequency_short": "M" if found.frequency == "monthly" else "D",
            "units": catalogue()[found.series_id]["units"],
            "seasonal_adjustment_short": "SA" if adjusted else "NSA",
            "last_updated": f"{clock.today} 15:16:05-05", "popularity": 1,
        }
    )  # fmt: skip
    if kind == "json":
        return _json({**_plain(head), "seriess": [item]})
    return _xml(f"<seriess {_attributes(head)}>\n  <series {_attributes(item)}/>\n</seriess>\n")


def _vintage_dates(request: Request, kind: str, clock: Clock, seed: int) -> Response:
    found = _wanted(request, seed)
    start, end = _window(request, EARLIEST, LATEST)
    known = np.unique(found.known[_visible(found, clock)])
    days = [day for day in known.astype(object).tolist() if start <= day <= end]
    return _dates(request, kind, "vintage_date", start, end, days)


def _release_dates(request: Request, kind: str, clock: Clock, seed: int) -> Response:
    release = request.query.get("release_id", "")
    start, end = _window(request, EARLIEST, LATEST)
    ahead = request.query.get("include_release_dates_with_no_data", "false") == "true"
    last = clock.today + SCHEDULED_AHEAD if ahead else clock.today
    if release == "101":
        # carried forward every calendar day, as FRED does
        first, stop = max(start, dt.date(2008, 12, 16)), min(end, clock.today)
        days = [first + dt.timedelta(days=n) for n in range(max(0, (stop - first).days + 1))]
    else:
        try:
            known = release_dates(int(release))
        except (KeyError, ValueError):
            raise _BadRequestError("The release does not exist.") from None
        days = [day for day in known.astype(object).tolist() if start <= day <= min(end, last)]
    return _dates(request, kind, "release_date", start, end, days, release)


def _dates(
    request: Request, kind: str, name: str, start: dt.date, end: dt.date, days: list[dt.date], release: str = ""
) -> Response:
    pages = _page(request, MOST_DATES)
    head = {
        "realtime_start": start, "realtime_end": end, "order_by": name, "sort_order": pages.order,
        "count": len(days), "offset": pages.offset, "limit": pages.limit,
    }  # fmt: skip
    days = pages.cut(days)
    if kind == "json":
        items = [{"release_id": int(release), "date": str(day)} if release else str(day) for day in days]
        return _json({**_plain(head), f"{name}s": items})
    mark = f' release_id="{release}"' if release else ""
    lines = "".join(f"  <{name}{mark}>{day}</{name}>\n" for day in days)
    return _xml(f"<{name}s {_attributes(head)}>\n{lines}</{name}s>\n")


def _graph(request: Request, clock: Clock, seed: int) -> Response:
    """The keyless download, one series at a time."""
    name = request.query.get("id", "").upper()
    try:
        found = series(seed, name)
        first, last = _date(request, "cosd", EARLIEST), _date(request, "coed", LATEST)
    except (KeyError, _BadRequestError):
        return page(404, "Error 404 - Not Found")
    chosen = _visible(found, clock) & (_until(found, clock) == ENDLESS)
    chosen &= (found.dates >= np.datetime64(first, "D")) & (found.dates <= np.datetime64(last, "D"))
    texts = ["" if value == "." else value for value in found.values[chosen].tolist()]
    lines = [f"{day},{text}" for day, text in zip(found.dates[chosen].astype(str).tolist(), texts, strict=True)]
    return Response(200, "\n".join([f"observation_date,{name}", *lines, ""]).encode(), "application/csv")
