"""Daily bars, dividends and splits of every quoted symbol, as traded on the day."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass
from functools import cache

import numpy as np

from orchestration.sandbox.factors import YEAR, Factors, factors
from orchestration.sandbox.instruments import Instrument, instruments, yield_of
from orchestration.sandbox.streams import autoregressive, stream
from orchestration.sandbox.timeline import Timeline, timeline

# Splits that are always there, new shares per old one, by ex-date.
FIXED_SPLITS: dict[str, tuple[tuple[dt.date, float], ...]] = {
    "TZA": ((dt.date(2025, 7, 15), 0.1),),
    "TNA": ((dt.date(2021, 11, 16), 2.0),),
    "IVW": ((dt.date(2020, 10, 19), 4.0),),
}
# A leveraged fund is split on the review days of a quarter when its price has left these bounds.
REVERSE_BELOW, FORWARD_ABOVE, SENSIBLE = 6.0, 260.0, 45.0
RATIOS = (4, 5, 8, 10, 20)
FINANCING_SPREAD = 0.003
SWAP_DIVIDENDS = 0.0125


@dataclass(frozen=True)
class Bars:
    """One symbol from the first session to the end of the calendar, on the basis of the day itself.

    Attributes:
        instrument: Whose bars.
        nav: Net asset value per share, four decimals; the close for what is no fund.
        open: In USD, index points or percent; high, low and close likewise.
        volume: Shares.
        dividend: USD per share on the ex-date, else 0.
        split: New shares per old one on the ex-date, else 1.
    """

    instrument: Instrument
    nav: np.ndarray
    open: np.ndarray
    high: np.ndarray
    low: np.ndarray
    close: np.ndarray
    volume: np.ndarray
    dividend: np.ndarray
    split: np.ndarray

    def later_splits(self, today: dt.date) -> np.ndarray:
        """For each session, the product of the splits after it with an ex-date up to today."""
        known = self.split.copy()
        known[timeline().upto(today) - timeline().first :] = 1.0
        return np.append(np.cumprod(known[::-1])[::-1][1:], 1.0)


@cache
def bars(seed: int, symbol: str) -> Bars:
    """The bars of one symbol.

    Raises:
        KeyError: The instrument seed has no such symbol.
    """
    item = instruments()[symbol]
    when, drive = timeline(), factors(seed)
    if item.kind in ("volatility", "yield"):
        return _quoted_level(seed, item, when, drive)
    pays = _ex_dates(item, when)
    total, paid = _returns(seed, item, when, drive, pays)
    # before dividends and splits a price only follows returns; everything else is scale
    growth = np.cumprod((1 + total) * (1 - paid))
    path = item.start * growth / growth[0]
    split = _splits(item, path, when)
    nav = np.round(path / np.cumprod(split), 4)
    dividend = np.zeros(len(nav))
    on = paid > 0
    previous = np.append(nav[0], nav[:-1]) / split
    dividend[on] = np.maximum(np.round((previous * (1 + total) * paid)[on], 6), 1e-6)
    premium = 0.0
    if item.kind in ("fund", "bond", "other"):
        premium = 2.5e-4 * stream(seed, "premium", symbol).standard_normal(len(nav))
    close = np.round(nav * (1 + premium), 2)
    if item.kind == "index":
        nav = close
    opened, high, low = day_range(seed, item, close, split, paid, total)
    volume = _volume(seed, item, when, drive, close, total)
    return Bars(item, nav, opened, high, low, close, volume, dividend, split)


def _returns(
    seed: int, item: Instrument, when: Timeline, drive: Factors, pays: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Total return after costs, and the part of the price paid out, by session from the first one."""
    part = slice(when.first, None)
    days = when.on_weekday[part]
    count = len(days)
    quarter = 12 if item.schedule == "monthly" else 4
    noise = item.noise / math.sqrt(YEAR) * stream(seed, "noise", item.symbol).standard_normal(count)
    if item.kind == "leveraged":
        index = bars(seed, "^RUT").close
        move = np.append(0.0, index[1:] / index[:-1] - 1)
        cash = (drive.policy_upper[days] - 0.15) / 100
        swap = cash + FINANCING_SPREAD * np.sign(item.leverage - 1)
        carry = (1 - item.leverage) * swap + item.leverage * SWAP_DIVIDENDS - item.fee
        total = item.leverage * move + carry / YEAR
        paid = pays * np.maximum(0.0, 0.8 * cash if item.leverage < 0 else 0.01) / quarter
        return np.maximum(total, -0.9), paid
    if item.kind == "bond":
        name, years = item.duration or ("y10", 5.0)
        rate = getattr(drive, name)[days]
        change = np.diff(rate, prepend=rate[0]) / 100
        total = -years * change + 0.5 * (years * change) ** 2 + noise
        coupon = rate / 100 - item.fee
        if item.spread:
            spread = getattr(drive, item.spread[0])[days]
            total -= item.spread[1] * np.diff(spread, prepend=spread[0]) / 100
            # part of a spread is lost in defaults
            coupon = coupon + spread / 100
            total -= 0.45 * np.maximum(spread / 100 - 0.01, 0) / YEAR
        slow = autoregressive(0.01 * coupon, 0.99, start=float(coupon[0]))
        return total + slow / YEAR, pays * slow / quarter
    loads = item.loads
    columns = (drive.market, drive.size, drive.style, drive.tech, drive.banks)
    total = sum(load * column[part] for load, column in zip(loads, columns, strict=True)) + noise
    uneven = 1 + 0.12 * stream(seed, "payout", item.symbol).standard_normal(count)
    paid = pays * item.payout / quarter * uneven
    return np.asarray(total) + (item.payout - item.fee) / YEAR, paid


def _ex_dates(item: Instrument, when: Timeline) -> np.ndarray:
    """1 on the sessions a fund goes ex, by its schedule."""
    sessions = when.sessions[when.first :]
    months = sessions.astype("datetime64[M]")
    day = (sessions - months).astype(int) + 1
    month = months.astype(int) % 12 + 1
    starts = {"none": 99, "monthly": 1, "early": 15, "middle": 16, "late": 22}[item.schedule]
    due = day >= starts
    first_due = due & ~np.append(False, due[:-1] & (months[1:] == months[:-1]))
    if item.schedule != "monthly":
        first_due &= month % 3 == 0
    first_due[0] = False
    return first_due.astype(float)


def _splits(item: Instrument, path: np.ndarray, when: Timeline) -> np.ndarray:
    """Split ratios by session: the fixed ones, and for leveraged funds those that keep the price sensible."""
    split = np.ones(len(path))
    fixed = FIXED_SPLITS.get(item.symbol, ())
    places = {when.at(day) - when.first: ratio for day, ratio in fixed}
    if item.kind == "leveraged":
        months = when.sessions[when.first :].astype("datetime64[M]").astype(int)
        reviews = np.flatnonzero((np.diff(months, prepend=months[0]) > 0) & (months % 3 == 1)) + 9
        # nothing else happens near a fixed split
        near = [n for place in places for n in range(place - 330, place + 130)]
        reviews = np.setdiff1d(reviews[reviews < len(path)], near)
    else:
        reviews = np.array([], dtype=int)
    shares = 1.0
    for place in sorted({*reviews.tolist(), *places}):
        price = path[place - 1] / shares
        ratio = places.get(place, 1.0)
        if place not in places and price < REVERSE_BELOW:
            ratio = 1 / min(RATIOS, key=lambda k: abs(math.log(price * k / SENSIBLE)))
        elif place not in places and price > FORWARD_ABOVE:
            ratio = 3.0 if price > 2 * FORWARD_ABOVE else 2.0
        split[place] = ratio
        shares *= ratio
    return split


def day_range(
    seed: int, item: Instrument, close: np.ndarray, split: np.ndarray, paid: np.ndarray, total: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Open, high and low around the closes."""
    draws = stream(seed, "day", item.symbol).standard_normal((len(close), 3))
    spread = 0.6 * np.abs(total) + 0.4 * np.sqrt(
        autoregressive(0.06 * total**2, 0.94, start=float(np.var(total[:250])))
    )
    before = np.append(close[0], close[:-1]) / split * (1 - paid)
    opened = np.round(before * np.exp(0.35 * total + 0.30 * spread * draws[:, 0]), 2)
    top, bottom = np.maximum(opened, close), np.minimum(opened, close)
    high = np.round(top * np.exp(0.45 * spread * np.abs(draws[:, 1])), 2)
    low = np.round(bottom * np.exp(-0.45 * spread * np.abs(draws[:, 2])), 2)
    return np.maximum(opened, 0.01), np.maximum(high, top), np.clip(low, 0.01, bottom)


def _volume(
    seed: int, item: Instrument, when: Timeline, drive: Factors, close: np.ndarray, total: np.ndarray
) -> np.ndarray:
    """Lognormal turnover: busier on big moves and in nervous markets, thin on half days."""
    part = slice(when.first, None)
    noise = autoregressive(0.22 * stream(seed, "volume", item.symbol).standard_normal(len(close)), 0.55)
    usual = np.sqrt(autoregressive(0.03 * total**2, 0.97, start=float(np.var(total[:250]))))
    surprise = np.minimum(np.abs(total) / usual, 4.0)
    nervous = np.log(drive.volatility[part] / 0.008)
    typical = item.dollars * np.exp(noise + 0.28 * (surprise - 0.8) + 0.45 * nervous - 0.1)
    typical *= np.where(when.is_half[part], 0.45, 1.0)
    shares = typical if item.kind == "index" else typical / close
    return np.round(shares / 100).astype("int64") * 100


def _quoted_level(seed: int, item: Instrument, when: Timeline, drive: Factors) -> Bars:
    """An index that quotes a yield or a volatility: a level without volume."""
    part = slice(when.first, None)
    if item.kind == "yield":
        level = getattr(drive, yield_of(item.symbol))[when.on_weekday[part]]
        close, digits, width = np.round(level, 3), 3, 0.012
        width = width / np.maximum(close, 0.3)
    else:
        level = drive.vix[part]
        if item.symbol != "^VIX":
            wobble = autoregressive(0.012 * stream(seed, "level", item.symbol).standard_normal(len(level)), 0.97)
            level = (3.0 + 1.12 * level) * np.exp(wobble)
        close, digits, width = np.round(level, 2), 2, np.full(len(level), 0.03)
    draws = stream(seed, "day", item.symbol).standard_normal((len(close), 3))
    before = np.append(close[0], close[:-1])
    opened = np.round(before * (close / before) ** 0.4 * np.exp(0.4 * width * draws[:, 0]), digits)
    opened = np.maximum(opened, 0.01)
    high = np.maximum(np.round(np.maximum(opened, close) * np.exp(0.5 * width * np.abs(draws[:, 1])), digits), close)
    high = np.maximum(high, opened)
    low = np.round(np.minimum(opened, close) * np.exp(-0.5 * width * np.abs(draws[:, 2])), digits)
    low = np.clip(low, 0.001, np.minimum(opened, close))
    nothing, ones = np.zeros(len(close)), np.ones(len(close))
    return Bars(item, close, opened, high, low, close, nothing.astype("int64"), nothing, ones)
