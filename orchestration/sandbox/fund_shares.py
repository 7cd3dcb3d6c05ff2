"""Shares outstanding: creations and redemptions in whole units, persistent, chasing returns."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import cache

import numpy as np

from orchestration.sandbox.factors import YEAR, factors
from orchestration.sandbox.prices import Bars, bars
from orchestration.sandbox.streams import autoregressive, stream
from orchestration.sandbox.timeline import timeline

# Months in which investors leave whatever the market does: symbol, first and last session, daily part of the shares.
OUTFLOWS: tuple[tuple[str, dt.date, dt.date, float], ...] = (
    ("IWM", dt.date(2025, 1, 21), dt.date(2025, 6, 20), -0.0017),
    ("IWM", dt.date(2019, 3, 1), dt.date(2019, 7, 12), -0.0015),
)


@dataclass(frozen=True)
class FundDays:
    """One fund from the first session to the end of the calendar, on the basis of the day itself.

    Attributes:
        bars: Its prices, dividends and splits.
        shares: Shares outstanding.
    """

    bars: Bars
    shares: np.ndarray

    @property
    def aum(self) -> np.ndarray:
        """Net assets, USD."""
        return np.round(self.bars.nav * self.shares, 2)


@cache
def fund_days(seed: int, symbol: str) -> FundDays:
    """Shares of one fund; whole creation units except right after a split that does not divide."""
    quotes = bars(seed, symbol)
    item, when = quotes.instrument, timeline()
    count = len(quotes.nav)
    draws = stream(seed, "flow", symbol)
    noise = draws.standard_t(4, count) * 0.003 * (2.0 if item.kind == "leveraged" else 1.0)
    mood = autoregressive(0.00012 * draws.standard_normal(count), 0.982)
    move = np.append(0.0, quotes.close[1:] * quotes.split[1:] / quotes.close[:-1] - 1)
    scale = factors(seed).volatility[when.first :] * max(1.0, abs(item.leverage))
    chase = autoregressive(0.00003 * move / scale, 0.95)
    # bears are sold when they have fallen less than they are bought when they have
    pressure = mood + (chase if item.leverage > 0 and item.kind != "leveraged" else -8 * chase) + noise
    for name, first, last, extra in OUTFLOWS:
        if name == symbol:
            pressure[when.at(first) - when.first : when.upto(last) - when.first] += extra
    goal = item.aum * np.exp(np.arange(count) * 0.05 / YEAR)
    pull = 0.012 if item.kind == "leveraged" else 0.0015
    quiet = draws.random(count) < (0.35 if item.kind == "leveraged" else 0.04)
    return FundDays(quotes, _walk(quotes, item.unit, pressure, goal, pull, quiet))


def _walk(
    quotes: Bars, unit: int, pressure: np.ndarray, goal: np.ndarray, pull: float, quiet: np.ndarray
) -> np.ndarray:
    shares = max(unit, round(goal[0] / quotes.nav[0] / unit) * unit)
    owed = 0.0
    out = np.empty(len(pressure))
    columns = zip(
        pressure.tolist(), goal.tolist(), quotes.nav.tolist(), quotes.split.tolist(), quiet.tolist(), strict=True
    )
    for n, (part, target, nav, split, rests) in enumerate(columns):
        if split != 1.0:
            shares = round(shares * split)
        away = target / (shares * nav)
        wish = part + pull * (min(away, 3.0) - 1 if away > 1 else 1 - min(1 / away, 3.0))
        owed += max(-0.15, min(0.2, wish)) * shares
        if not rests:
            # authorised participants trade whole units and leave the rest for later
            units = int(owed / unit)
            shares = max(unit, shares + units * unit)
            owed -= units * unit
        out[n] = shares
    return out
