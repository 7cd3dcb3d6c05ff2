"""What moves everything: market, size, style, banks, volatility, the yield curve, policy and credit."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass
from functools import cache

import numpy as np

from orchestration.sandbox.streams import autoregressive, stream
from orchestration.sandbox.timeline import seed_table, timeline

YEAR = 252
# Long-run annual volatility of the market in calm and in crisis, and daily odds of changing between them.
CALM, CRISIS = 0.118, 0.31
TO_CRISIS, TO_CALM = 1 / 380, 1 / 45
DRIFT = {False: 0.130, True: -0.12}
# Reaction of the variance to a move, the extra reaction to a fall, and persistence.
REACTION, FALL_REACTION, PERSISTENCE = 0.03, 0.12, 0.86
SMALL_BETA = 1.27
LIMIT = 0.11  # circuit breakers


@dataclass(frozen=True)
class Factors:
    """Daily factor returns (fractions, by session) and rates (percent, by weekday).

    Attributes:
        market: Return of large companies.
        size: Return of small companies beyond their beta.
        style: Value over growth.
        tech: Technology beyond the market.
        banks: Banks beyond the market.
        volatility: Conditional daily volatility of the market.
        is_crisis: Whether the calm or the crisis regime rules.
        vix: Implied volatility, percent.
        policy_upper: Upper limit of the policy target, percent.
        y3m: 3-month yield; y2, y5, y10, y30 likewise.
        breakeven: 10-year breakeven inflation.
        high_yield: Option-adjusted spread of high yield; investment_grade likewise.
    """

    market: np.ndarray
    size: np.ndarray
    style: np.ndarray
    tech: np.ndarray
    banks: np.ndarray
    volatility: np.ndarray
    is_crisis: np.ndarray
    vix: np.ndarray
    policy_upper: np.ndarray
    y3m: np.ndarray
    y2: np.ndarray
    y5: np.ndarray
    y10: np.ndarray
    y30: np.ndarray
    breakeven: np.ndarray
    high_yield: np.ndarray
    investment_grade: np.ndarray


def student(generator: np.random.Generator, degrees: float, size: int | tuple[int, ...]) -> np.ndarray:
    """Student's t with unit variance."""
    return generator.standard_t(degrees, size) * math.sqrt((degrees - 2) / degrees)


@cache
def factors(seed: int) -> Factors:
    """All factors of one seed, from EPOCH to the end of the calendar."""
    when = timeline()
    count, days = len(when.sessions), len(when.weekdays)
    market, variance, long_run, is_crisis = _market(seed, count)
    volatility = np.sqrt(variance)
    nervous = volatility / (0.14 / math.sqrt(YEAR))
    vix = _vix(seed, market, variance, long_run)

    surprise = np.zeros(days)
    surprise[when.on_weekday] = np.clip(market / volatility, -4, 4)
    stress = np.zeros(days)
    stress[when.on_weekday] = np.maximum(-market, 0) * 100 - 0.3
    crisis_days = np.interp(np.arange(days), when.on_weekday, is_crisis.astype(float))
    policy_upper, neutral = _policy(seed, when.weekdays, crisis_days)
    curve = _curve(seed, surprise, policy_upper, neutral)
    slope_move = np.diff(curve["y10"] - curve["y3m"], prepend=curve["y10"][0] - curve["y3m"][0])[when.on_weekday]
    level_move = np.diff(curve["y10"], prepend=curve["y10"][0])[when.on_weekday]
    calm_part = 0.55 + 0.45 * nervous

    def own(name: str, annual: float, drift: float = 0.0) -> np.ndarray:
        noise = student(stream(seed, "factor", name), 6, count)
        return annual / math.sqrt(YEAR) * calm_part * noise + drift / YEAR

    size = own("size", 0.098, -0.035)
    style = own("style", 0.085, -0.01) + 0.012 * level_move
    tech = own("tech", 0.075, 0.025) - 0.006 * level_move
    banks = own("banks", 0.125, -0.045) + 0.035 * slope_move
    credit = _credit(seed, stress, surprise)
    return Factors(market, size, style, tech, banks, volatility, is_crisis, vix, policy_upper, **curve, **credit)


def _market(seed: int, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    shocks = student(stream(seed, "factor", "market"), 6, count).tolist()
    luck = stream(seed, "factor", "regime").random(count).tolist()
    returns, variances, long_runs, crises = (np.empty(count) for _ in range(4))
    base = {False: CALM**2 / YEAR, True: CRISIS**2 / YEAR}
    crisis, variance = False, base[False]
    rest = 1 - REACTION - FALL_REACTION / 2 - PERSISTENCE
    for n in range(count):
        if luck[n] < (TO_CALM if crisis else TO_CRISIS):
            crisis = not crisis
        move = DRIFT[crisis] / YEAR + math.sqrt(variance) * shocks[n]
        move = max(-LIMIT, min(LIMIT, move))
        returns[n], variances[n], long_runs[n], crises[n] = move, variance, base[crisis], crisis
        reaction = REACTION + (FALL_REACTION if move < 0 else 0.0)
        variance = rest * base[crisis] + reaction * move * move + PERSISTENCE * variance
    return returns, variances, long_runs, crises > 0


def _vix(seed: int, market: np.ndarray, variance: np.ndarray, long_run: np.ndarray) -> np.ndarray:
    """What a month of variance costs: tomorrow's, on its way back to the regime's own, plus a premium."""
    tomorrow = np.append(variance[1:], variance[-1])
    weight = (1 - 0.95**22) / (22 * 0.05)
    month = np.sqrt(YEAR * (long_run + (tomorrow - long_run) * weight)) * 100
    noise = 0.035 * stream(seed, "factor", "vix").standard_normal(len(market))
    mood = autoregressive(noise - 3.2 * market, 0.93)
    level = 2.2 + 1.18 * month * np.exp(mood)
    return np.maximum(np.minimum(level, 45 + 0.5 * (level - 45)), 9.1)


def meetings(last_year: int) -> list[dt.date]:
    """Days of policy decisions: the reviewed seed, and a rule of eight Wednesdays a year elsewhere."""
    reviewed = [dt.date.fromisoformat(text) for text in seed_table("fomc_decision")["decision_date"]]
    years = {day.year for day in reviewed}
    out = list(reviewed)
    for year in range(2014, last_year + 1):
        if year in years:
            continue
        for month, week in ((1, 4), (3, 3), (5, 1), (6, 3), (7, 4), (9, 3), (11, 1), (12, 2)):
            first = dt.date(year, month, 1)
            out.append(first + dt.timedelta(days=(2 - first.weekday()) % 7 + 7 * (week - 1)))
    return sorted(out)


def _policy(seed: int, weekdays: np.ndarray, crisis: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The target's upper limit by weekday, and the neutral rate that it follows in steps."""
    days = len(weekdays)
    noise = stream(seed, "factor", "neutral").standard_normal(days)
    pull = 1 - math.exp(-1 / (2.2 * 261))
    spread = 1.9 * math.sqrt(1 - (1 - pull) ** 2)
    neutral = 2.6 + autoregressive(spread * noise, 1 - pull, start=-1.9)
    decided = {np.searchsorted(weekdays, np.datetime64(day, "D")) for day in meetings(2035)}
    upper, out = 0.5, np.empty(days)
    for n, (goal, alarm) in enumerate(zip(neutral.tolist(), crisis.tolist(), strict=True)):
        # a decision takes effect on the day after
        if n - 1 in decided:
            gap = max(goal, 0.1) - upper - (1.2 if alarm > 0.5 else 0.0)
            step = 0.0 if abs(gap) < 0.3 else 0.25 if abs(gap) < 1.1 else 0.5
            upper = min(6.5, max(0.25, upper + math.copysign(step, gap)))
        out[n] = upper
    return out, neutral


def _curve(seed: int, surprise: np.ndarray, upper: np.ndarray, neutral: np.ndarray) -> dict[str, np.ndarray]:
    """Yields that revert slowly, follow policy at the short end and fall with stocks."""
    days = len(upper)
    noise = stream(seed, "factor", "curve").standard_normal((days, 6))
    level = 3.5 + autoregressive(0.060 * noise[:, 0] + 0.012 * surprise, 0.9983, start=-1.0)
    bend = autoregressive(0.022 * noise[:, 1], 0.995)
    expected = autoregressive(0.01 * upper, 0.99, start=float(upper[0]))
    ahead = 0.5 * np.maximum(neutral, 0.1) + 0.5 * expected
    bill = autoregressive(0.012 * noise[:, 2], 0.95)
    term = 0.38 + autoregressive(0.012 * noise[:, 3], 0.997)
    short = autoregressive(0.018 * noise[:, 4], 0.97)
    breakeven = 2.2 + autoregressive(0.026 * noise[:, 5] + 0.007 * surprise, 0.992)
    yields = {
        "y3m": 0.93 * upper + 0.02 + bill + 0.05 * (ahead - upper),
        "y2": 0.30 * upper + 0.28 * ahead + 0.42 * level + short + bend,
        "y5": 0.12 * upper + 0.20 * ahead + 0.68 * level + 0.12 + 0.9 * bend,
        "y10": 0.04 * upper + 0.16 * ahead + 0.80 * level + 0.28 + 0.3 * bend,
    }
    yields["y30"] = yields["y10"] + term - 0.3 * bend
    return {name: np.maximum(values, 0.03) for name, values in yields.items()} | {"breakeven": breakeven}


def _credit(seed: int, stress: np.ndarray, surprise: np.ndarray) -> dict[str, np.ndarray]:
    """Spreads that widen when stocks fall and close slowly."""
    noise = stream(seed, "factor", "credit").standard_normal((len(stress), 2))
    bad = np.where(stress > 0, stress, 0.0)
    high = 3.0 + autoregressive(0.085 * bad - 0.035 * surprise + 0.025 * noise[:, 0] - 0.004, 0.9915, start=0.6)
    high = np.maximum(2.2 + 0.25 * np.exp(np.minimum(high - 2.45, 0)), high)
    grade = 0.42 + 0.235 * high + autoregressive(0.008 * noise[:, 1], 0.98)
    return {"high_yield": high, "investment_grade": np.maximum(grade, 0.55)}
