"""FRED's series: values on their own calendars, the days they become known, and their revisions."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
from pandas.tseries.holiday import USFederalHolidayCalendar

from orchestration.calendars import CALENDAR_END, CALENDAR_START
from orchestration.sandbox.factors import Factors, factors
from orchestration.sandbox.prices import bars
from orchestration.sandbox.streams import autoregressive, stream
from orchestration.sandbox.timeline import Timeline, seed_table, timeline

CPI_RELEASE, EMPLOYMENT_RELEASE = 10, 50
# The bond market traded while the NYSE mourned.
BONDS_OPEN = np.array(["2025-01-09"], dtype="datetime64[D]")
FIRST_MONTH = "2012-01"
# A month whose prices nobody collected: no value, ever.
LOST_MONTH = np.datetime64("2025-10", "M")
# Releases moved by a shutdown, and the published calendar of 2026, by month described.
CPI_DATES = {
    "2025-09": "2025-10-24", "2025-11": "2025-12-18", "2025-12": "2026-01-13", "2026-01": "2026-02-13",
    "2026-02": "2026-03-11", "2026-03": "2026-04-10", "2026-04": "2026-05-12", "2026-05": "2026-06-10",
    "2026-06": "2026-07-14", "2026-07": "2026-08-12", "2026-08": "2026-09-11", "2026-09": "2026-10-14",
    "2026-10": "2026-11-10", "2026-11": "2026-12-10",
}  # fmt: skip
ENDLESS = np.datetime64("9999-12-31", "D")


@dataclass(frozen=True)
class Series:
    """One series with all its vintages, sorted by observation date and then by vintage.

    Attributes:
        series_id: As FRED writes it.
        title: Title, marked as synthetic.
        frequency: daily, daily_7 or monthly.
        dates: Observation dates, one per row.
        known: Day from which a row is shown.
        until: Last day on which it is shown.
        values: Texts as FRED prints them; "." where there is none.
        hour: Hour of New York at which it is posted.
    """

    series_id: str
    title: str
    frequency: str
    dates: np.ndarray
    known: np.ndarray
    until: np.ndarray
    values: np.ndarray
    hour: dt.time


@cache
def _holidays() -> np.ndarray:
    days = USFederalHolidayCalendar().holidays(start=CALENDAR_START, end=CALENDAR_END)
    return days.to_numpy("datetime64[D]")


def next_business_days(days: np.ndarray) -> np.ndarray:
    """The first federal business day after each date."""
    return np.busday_offset(days, 1, roll="backward", holidays=_holidays())


@cache
def bond_days() -> np.ndarray:
    """For each weekday of the timeline, whether the bond market sets prices."""
    when = timeline()
    open_days = np.zeros(len(when.weekdays), dtype=bool)
    open_days[when.on_weekday] = True
    stamps = pd.DatetimeIndex(when.weekdays)
    columbus = (stamps.month == 10) & (stamps.weekday == 0) & (stamps.day >= 8) & (stamps.day <= 14)
    veterans = (stamps.month == 11) & (stamps.day == 11)
    # Good Friday counts where the employment report falls on it
    jobs = np.isin(when.weekdays, release_dates(EMPLOYMENT_RELEASE)) & ~open_days & (stamps.month >= 3)
    jobs &= stamps.month <= 4
    return (open_days | jobs | np.isin(when.weekdays, BONDS_OPEN)) & ~columbus & ~veterans


@cache
def _months() -> np.ndarray:
    return np.arange(np.datetime64(FIRST_MONTH, "M"), np.datetime64(CALENDAR_END[:7], "M"))


@cache
def _release_of_month(release: int) -> np.ndarray:
    """Release date by month described; NaT where there was none."""
    out = np.full(len(_months()), np.datetime64("NaT"), dtype="datetime64[D]")
    for n, month in enumerate(_months()):
        following = (month + 1).astype("datetime64[D]")
        if release == CPI_RELEASE:
            fixed = CPI_DATES.get(str(month))
            if month == LOST_MONTH:
                continue
            out[n] = np.datetime64(fixed) if fixed else _weekday_on_or_after(following + 9, (1, 2, 3, 4))
        else:
            friday = np.busday_offset(following, 0, roll="forward", weekmask="Fri")
            if friday in _holidays():
                # New Year's Day moves it by a week, Independence Day to the Thursday
                friday = friday + 7 if (month + 1).astype(int) % 12 == 0 else friday - 1
            out[n] = friday
    return out


def _weekday_on_or_after(day: np.datetime64, weekdays: tuple[int, ...]) -> np.datetime64:
    while (day.astype(int) + 3) % 7 not in weekdays or day in _holidays():
        day = day + 1
    return day


@cache
def release_dates(release: int) -> np.ndarray:
    """All dates of a release, past and scheduled.

    Raises:
        KeyError: The sandbox has no such release.
    """
    if release not in (CPI_RELEASE, EMPLOYMENT_RELEASE):
        raise KeyError(release)
    dates = _release_of_month(release)
    return np.unique(dates[~np.isnat(dates)])


@cache
def catalogue() -> dict[str, dict[str, str]]:
    """The series seed by id."""
    return {row["series_id"]: row for row in seed_table("series").to_dict("records")}


@cache
def series(seed: int, series_id: str) -> Series:
    """One series of the seed table.

    Raises:
        KeyError: The series seed has no such series, or the sandbox no model for it.
    """
    row = catalogue()[series_id]
    when, drive = timeline(), factors(seed)
    hour = dt.time.fromisoformat(row["release_lag"].rpartition(" ")[2])
    if row["frequency"] == "monthly":
        dates, known, until, values = _monthly(seed, series_id)
    else:
        dates, values = _daily(seed, series_id, when, drive)
        known, until = next_business_days(dates), np.full(len(dates), ENDLESS)
    return Series(series_id, f"SYNTHETIC {row['title']}", row["frequency"], dates, known, until, values, hour)


def _texts(values: np.ndarray, digits: int, missing: np.ndarray | None = None) -> np.ndarray:
    texts = [f"{value:.{digits}f}" for value in (np.round(values, digits) + 0.0).tolist()]
    out = np.array(texts, dtype=object)
    if missing is not None:
        out[missing] = "."
    return out


@cache
def _rates(seed: int) -> dict[str, np.ndarray]:
    """H.15 and its differences in hundredths: differences of rounded values, so that they can be recomputed."""
    drive = factors(seed)
    points = {"DGS3MO": drive.y3m, "DGS2": drive.y2, "DGS5": drive.y5, "DGS10": drive.y10, "DGS30": drive.y30}
    out = {name: np.round(values * 100).astype(int) for name, values in points.items()}
    out["T10YIE"] = np.round(drive.breakeven * 100).astype(int)
    out["T10Y2Y"] = out["DGS10"] - out["DGS2"]
    out["T10Y3M"] = out["DGS10"] - out["DGS3MO"]
    out["DFII10"] = out["DGS10"] - out["T10YIE"]
    return out


def _daily(seed: int, series_id: str, when: Timeline, drive: Factors) -> tuple[np.ndarray, np.ndarray]:
    shut = ~bond_days()
    rates = _rates(seed)
    if series_id in rates:
        return when.weekdays, _texts(rates[series_id] / 100, 2, shut)
    if series_id in ("BAA10Y", "AAA10Y"):
        base = 1.05 + 0.62 * drive.investment_grade if series_id == "BAA10Y" else 0.45 + 0.38 * drive.investment_grade
        wobble = autoregressive(0.012 * stream(seed, series_id).standard_normal(len(base)), 0.98)
        return when.weekdays, _texts(base + wobble, 2, shut)
    if series_id == "VIXCLS":
        levels = np.full(len(when.weekdays), np.nan)
        levels[when.on_weekday] = np.round(drive.vix, 2)
        levels[when.on_weekday[when.first :]] = bars(seed, "^VIX").close
        return when.weekdays, _texts(np.nan_to_num(levels), 2, np.isnan(levels))
    upper = drive.policy_upper
    if series_id == "SOFR":
        # the month's last day is dear
        last = np.append(np.diff(when.weekdays.astype("datetime64[M]").astype(int)) > 0, False)
        wobble = 0.02 * np.abs(stream(seed, series_id).standard_normal(len(upper))) + 0.05 * last
        start = int(np.searchsorted(when.weekdays, np.datetime64("2018-04-02")))
        return when.weekdays[start:], _texts(upper - 0.19 + wobble, 2, shut)[start:]
    if series_id.startswith("BAML"):
        return _ice(drive.high_yield if "H0A0" in series_id else drive.investment_grade, when)
    calendar = np.arange(when.weekdays[0], when.weekdays[-1] + 1)
    place = np.searchsorted(when.weekdays, calendar, side="right") - 1
    if series_id in ("DFEDTARU", "DFEDTARL"):
        return calendar, _texts(upper[place] - (0.25 if series_id == "DFEDTARL" else 0.0), 2)
    if series_id == "DFF":
        wobble = 0.006 * stream(seed, series_id).standard_normal(len(upper))
        return calendar, _texts((np.maximum(upper - 0.17 + wobble, 0.04))[place], 2)
    raise KeyError(series_id)


def _ice(spread: np.ndarray, when: Timeline) -> tuple[np.ndarray, np.ndarray]:
    """ICE prints on most holidays, and on a month's last day even if it is a weekend."""
    stamps = pd.DatetimeIndex(when.weekdays)
    closed = ((stamps.month == 12) & (stamps.day == 25)) | ((stamps.month == 1) & (stamps.day == 1))
    days = np.arange(when.weekdays[0], when.weekdays[-1] + 1)
    month_end = days.astype("datetime64[M]") != (days + 1).astype("datetime64[M]")
    is_weekday = np.is_busday(days)
    place = np.searchsorted(when.weekdays, days, side="right") - 1
    kept = is_weekday | month_end
    missing = is_weekday & np.asarray(closed)[place]
    return days[kept], _texts(spread[place][kept], 2, missing[kept])


def _monthly(seed: int, series_id: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Vintages: the first print, and for adjusted series a new one at each yearly revision of five years."""
    months = _months()
    release = EMPLOYMENT_RELEASE if series_id == "UNRATE" else CPI_RELEASE
    released = _release_of_month(release)
    lost = (months == LOST_MONTH) & (release == CPI_RELEASE)
    # the lost month's dot came with the month after it
    shown = np.where(np.isnat(released), np.append(released[1:], released[-1]), released)
    adjusted = series_id != "CPIAUCNS"
    values, digits = _levels(seed, series_id)
    year = months.astype("datetime64[Y]").astype(int) + 1970
    # yearly factors come with the release that describes this month: January for prices, December for jobs
    revises = months.astype(int) % 12 == (0 if release == CPI_RELEASE else 11)
    first_year, last_year = int(year[0]), int(year[-1])
    revision_day = {
        int(y) + (0 if release == CPI_RELEASE else 1): day
        for y, day, yes in zip(year, shown, revises, strict=True)
        if yes
    }
    factor_noise = stream(seed, "seasonal", series_id).standard_normal((last_year + 2 - first_year, 12))
    rows: list[tuple[np.datetime64, np.datetime64, np.datetime64, str]] = []
    for n, month in enumerate(months):
        day = month.astype("datetime64[D]")
        if lost[n]:
            rows.append((day, shown[n], ENDLESS, "."))
            continue
        own, position = int(year[n]), int(month.astype(int) % 12)
        own_known = int(shown[n].astype("datetime64[Y]").astype(int)) + 1970
        prints: list[tuple[np.datetime64, str]] = []
        for y in range(own, own + 6 if adjusted else own + 1):
            start = shown[n] if y == own else revision_day.get(y)
            if start is None or start < shown[n] or (y > own and own_known > y):
                continue
            size = 0.0006 if release == CPI_RELEASE else 0.05
            blur = float(factor_noise[y - first_year, position]) * size if adjusted else 0.0
            value = values[n] * (1 + blur) if release == CPI_RELEASE else values[n] + blur
            text = f"{value:.{digits}f}"
            if prints and prints[-1][0] == start:
                prints.pop()
            if not prints or prints[-1][1] != text:
                prints.append((start, text))
        for k, (start, text) in enumerate(prints):
            end = prints[k + 1][0] - 1 if k + 1 < len(prints) else ENDLESS
            rows.append((day, start, end, text))
    dates, known, until, texts = zip(*rows, strict=True)
    as_days = [np.array(column, dtype="datetime64[D]") for column in (dates, known, until)]
    return as_days[0], as_days[1], as_days[2], np.array(texts, dtype=object)


def _levels(seed: int, series_id: str) -> tuple[np.ndarray, int]:
    """The true level by month, and the digits that are published."""
    months = _months()
    count = len(months)
    if series_id == "UNRATE":
        slow = autoregressive(0.13 * stream(seed, "UNRATE").standard_normal(count), 0.975, start=1.2)
        return np.clip(4.7 + slow, 3.0, 11.0), 1
    if series_id not in ("CPIAUCSL", "CPILFESL", "CPIAUCNS"):
        raise KeyError(series_id)
    draws = stream(seed, "inflation").standard_normal((count, 3))
    trend = 2.4 + autoregressive(0.24 * draws[:, 0], 0.965)
    core = np.cumsum(np.maximum(trend, 0.6) / 1200 + 0.0005 * draws[:, 1])
    if series_id == "CPILFESL":
        return 228.0 * np.exp(core), 3
    energy = autoregressive(0.0021 * draws[:, 2], 0.3)
    everything = 227.5 * np.exp(core + np.cumsum(energy) * 0.5)
    if series_id == "CPIAUCSL":
        return everything, 3
    season = np.array([-1.6, 0.4, 2.4, 3.0, 3.2, 3.4, 2.6, 2.2, 2.0, 0.8, -2.2, -5.0]) / 1000
    return everything * np.exp(season[months.astype(int) % 12]), 3
