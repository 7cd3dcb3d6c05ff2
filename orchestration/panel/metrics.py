"""The columns of the wide panel as functions of a matrix of closes: one row per security, one column per session.

Windows are sessions of the calendar, never rows: a session without a bar stands in the matrix as nan, and nothing is
filled forward. A window of averages, highs, volatility or beta has a value where the security's history reaches back to
its first session and at least `COVERED` of its sessions have one.

Sums of doubles run over blocks whose bounds are fixed on the calendar, so a value does not depend on where the matrix
begins: one more day computed from the last two blocks equals the whole panel to the last bit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]

RETURN_WINDOWS = (1, 5, 21, 63, 126, 252)
AVERAGES = (20, 50, 100, 200)
HIGH_WINDOW = 252
VOL_WINDOW = 63
BETA_WINDOW = 252
EMA_WINDOW = 20
EMA_ALPHA = 2 / (EMA_WINDOW + 1)
# as the windows of mart_risk: at least four fifths of the sessions
COVERED = 0.8
SESSIONS_A_YEAR = 252
# closes are stored to four decimals, so sums of ten-thousandths are exact
TICKS = 10_000

# the longest block-wise window needs its block and the one before; a return needs one session more
LOOKBACK_SESSIONS = 2 * HIGH_WINDOW + 1

COLUMNS = (
    *(f"return_{n}d" for n in RETURN_WINDOWS),
    "return_ytd",
    *(f"spread_{n}d_pp" for n in RETURN_WINDOWS),
    "spread_ytd_pp",
    *(f"sma_{n}" for n in AVERAGES),
    f"ema_{EMA_WINDOW}",
    f"high_{HIGH_WINDOW}d",
    f"drawdown_{HIGH_WINDOW}d",
    f"max_drawdown_{HIGH_WINDOW}d",
    f"realised_vol_{VOL_WINDOW}_pct",
    f"beta_{BETA_WINDOW}",
)


@dataclass(frozen=True)
class Sessions:
    """The sessions of a matrix.

    Attributes:
        first_index: Number of the first one on the calendar; anchors the blocks.
        year_base: For each session the position of the last session of the year before; -1 where it is not there.
    """

    first_index: int
    year_base: NDArray[np.int64]


def panel(
    close: Doubles,
    benchmark: Doubles,
    sessions: Sessions,
    history_start: NDArray[np.int64],
    *,
    start: int = 0,
    ema_before: Doubles | None = None,
) -> dict[str, Doubles]:
    """All columns for the sessions from `start` on.

    Args:
        close: Closes, securities x sessions; nan where there is no bar.
        benchmark: Closes of the benchmark, one a session.
        sessions: What the sessions are.
        history_start: Position of each security's first bar; negative where it lies before the matrix.
        start: First session wanted; the sessions before it are history.
        ema_before: The average of the session before `start`, for each security; needed unless `start` is 0.

    Returns:
        By column name securities x wanted sessions; nan where there is no value.
    """
    window = _Windows(close, sessions.first_index, history_start, start)
    out: dict[str, Doubles] = {}
    bases = {f"{n}d": _back(close, n, start) for n in RETURN_WINDOWS} | {"ytd": _at(close, sessions.year_base, start)}
    with np.errstate(divide="ignore", invalid="ignore"):
        now, market_now = close[:, start:], benchmark[None, start:]
        market = benchmark[None, :]
        for code, base in bases.items():
            out[f"return_{code}"] = now / base - 1
            market_base = (
                _at(market, sessions.year_base, start) if code == "ytd" else _back(market, int(code[:-1]), start)
            )
            out[f"spread_{code}_pp"] = 100 * (out[f"return_{code}"] - (market_now / market_base - 1))
        for n in AVERAGES:
            out[f"sma_{n}"] = window.average(n)
        out[f"ema_{EMA_WINDOW}"] = _ema(now, ema_before)
        high = window.high(HIGH_WINDOW)
        out[f"high_{HIGH_WINDOW}d"] = high
        out[f"drawdown_{HIGH_WINDOW}d"] = now / high - 1
        out[f"max_drawdown_{HIGH_WINDOW}d"] = window.max_drawdown(HIGH_WINDOW)
        returns = close / _back(close, 1, 0) - 1
        out[f"realised_vol_{VOL_WINDOW}_pct"] = window.volatility(np.log1p(returns), VOL_WINDOW)
        out[f"beta_{BETA_WINDOW}"] = window.beta(returns, market / _back(market, 1, 0) - 1, BETA_WINDOW)
    absent = np.isnan(now)
    for values in out.values():
        values[absent] = np.nan
    return {name: out[name] for name in COLUMNS}


class _Windows:
    """Rolling values over the last n sessions, for the sessions from `start` on."""

    def __init__(self, close: Doubles, first_index: int, history_start: NDArray[np.int64], start: int) -> None:
        self.close = close
        self.first_index = first_index
        self.start = start
        self.history = np.arange(start, close.shape[1])[None, :] - history_start[:, None] + 1

    def average(self, n: int) -> Doubles:
        """Mean of the closes."""
        lo = max(self.start - n, 0)
        close = self.close[:, lo:]
        present = ~np.isnan(close)
        ticks = np.where(present, np.rint(close * TICKS), 0).astype(np.int64)
        counts = _difference(present.astype(np.int64), n, self.start - lo)
        sums = _difference(ticks, n, self.start - lo)
        return np.where(self._covered(counts, n, n), sums / (counts * TICKS), np.nan)

    def high(self, n: int) -> Doubles:
        """Highest close."""
        blocks = self._blocks(self.close, n, -np.inf)
        ahead, behind = np.maximum.accumulate(blocks, axis=2), _backwards(np.maximum, blocks)
        highest = self._cut(_joined(np.maximum, ahead, behind), n)
        return np.where(self._covered(self._count(self.close, n), n, n), highest, np.nan)

    def max_drawdown(self, n: int) -> Doubles:
        """Deepest fall from a high to a later low within the window, by its three parts (see docs/methodology).

        Both in the block the window ends in, both in the block it begins in, or the high in the first and the low in
        the second. The nested rolling form would take highs from before the window.
        """
        highs, lows = self._blocks(self.close, n, -np.inf), self._blocks(self.close, n, np.inf)
        # a session without a bar is no low: it stands as no fall at all
        closes = np.where(np.isinf(lows), np.nan, lows)
        high_ahead, low_ahead = np.maximum.accumulate(highs, axis=2), np.minimum.accumulate(lows, axis=2)
        high_behind, low_behind = _backwards(np.maximum, highs), _backwards(np.minimum, lows)
        within = np.minimum.accumulate(np.nan_to_num(closes / high_ahead - 1, nan=0.0), axis=2)
        from_here = _backwards(np.minimum, np.nan_to_num(low_behind / closes - 1, nan=0.0))
        deepest = within.copy()
        crossing = np.nan_to_num(low_ahead[:, 1:, :-1] / high_behind[:, :-1, 1:] - 1, nan=0.0, posinf=0.0, neginf=0.0)
        deepest[:, 1:, :-1] = np.minimum(np.minimum(within[:, 1:, :-1], from_here[:, :-1, 1:]), crossing)
        covered = self._covered(self._count(self.close, n), n, n)
        return np.where(covered, np.minimum(self._cut(deepest, n), 0), np.nan)

    def volatility(self, log_returns: Doubles, n: int) -> Doubles:
        """Standard deviation of daily log returns, annualised, in percent."""
        counts = self._count(log_returns, n)
        present = np.nan_to_num(log_returns, nan=0.0)
        total, squares = self._sum(present, n), self._sum(present * present, n)
        variance = (squares - total * total / counts) / (counts - 1)
        value = 100 * np.sqrt(SESSIONS_A_YEAR * np.maximum(variance, 0))
        return np.where(self._covered(counts, n, n + 1), value, np.nan)

    def beta(self, returns: Doubles, market: Doubles, n: int) -> Doubles:
        """Slope of daily returns on those of the benchmark, over the sessions that have both."""
        both = ~np.isnan(returns) & ~np.isnan(market)
        own, other = np.where(both, returns, 0.0), np.where(both, market, 0.0)
        counts = self._count(np.where(both, own, np.nan), n)
        own_sum, other_sum = self._sum(own, n), self._sum(other, n)
        covariance = self._sum(own * other, n) - own_sum * other_sum / counts
        variance = self._sum(other * other, n) - other_sum * other_sum / counts
        value = np.where(variance > 0, covariance / variance, np.nan)
        return np.where(self._covered(counts, n, n + 1), value, np.nan)

    def _covered(self, counts: NDArray[np.int64], n: int, history: int) -> NDArray[np.bool_]:
        return (counts >= COVERED * n) & (self.history >= history)

    def _count(self, values: Doubles, n: int) -> NDArray[np.int64]:
        lo = max(self.start - n, 0)
        return _difference((~np.isnan(values[:, lo:])).astype(np.int64), n, self.start - lo)

    def _sum(self, values: Doubles, n: int) -> Doubles:
        blocks = self._blocks(values, n, 0.0)
        ahead, behind = np.add.accumulate(blocks, axis=2), _backwards(np.add, blocks)
        return self._cut(_joined(np.add, ahead, behind), n)

    def _first_block(self, n: int) -> int:
        """The session, possibly before the matrix, at which the block before that of `start` begins."""
        return ((self.first_index + self.start) // n - 1) * n - self.first_index

    def _blocks(self, values: Doubles, n: int, missing: float) -> Doubles:
        """The values from the block before `start` on, securities x blocks x n, nan and absent ones as `missing`."""
        first, sessions = self._first_block(n), values.shape[1]
        blocks = -(-(sessions - first) // n)
        out = np.full((values.shape[0], blocks * n), missing)
        lo = max(first, 0)
        out[:, lo - first : sessions - first] = np.where(np.isnan(values[:, lo:]), missing, values[:, lo:])
        return out.reshape(values.shape[0], blocks, n)

    def _cut(self, blocks: Doubles, n: int) -> Doubles:
        """The wanted sessions of a value computed by blocks."""
        flat = blocks.reshape(blocks.shape[0], -1)
        first = self._first_block(n)
        return flat[:, self.start - first : self.close.shape[1] - first]


def _backwards(function: np.ufunc, blocks: Doubles) -> Doubles:
    """From each place to the end of its block."""
    return function.accumulate(blocks[:, :, ::-1], axis=2)[:, :, ::-1]


def _joined(function: np.ufunc, ahead: Doubles, behind: Doubles) -> Doubles:
    """The last n places: the rest of the block before and the block up to here."""
    out = ahead.copy()
    out[:, 1:, :-1] = function(ahead[:, 1:, :-1], behind[:, :-1, 1:])
    return out


def _difference(values: NDArray[np.int64], n: int, start: int) -> NDArray[np.int64]:
    """Sums over the last n places of whole numbers, which are exact in any order."""
    running = np.cumsum(values, axis=1)
    out = running.copy()
    out[:, n:] -= running[:, :-n]
    return out[:, start:]


def _back(close: Doubles, n: int, start: int) -> Doubles:
    """The closes n sessions earlier, above zero: a ratio over another base says nothing."""
    out = np.full((close.shape[0], close.shape[1] - start), np.nan)
    lo = max(n - start, 0)
    if lo < out.shape[1]:
        out[:, lo:] = close[:, start + lo - n : close.shape[1] - n]
    return np.where(out > 0, out, np.nan)


def _at(close: Doubles, positions: NDArray[np.int64], start: int) -> Doubles:
    """The closes at given sessions, above zero."""
    wanted = positions[start:]
    out = np.where(wanted >= 0, close[:, np.maximum(wanted, 0)], np.nan)
    return np.where(out > 0, out, np.nan)


def _ema(close: Doubles, before: Doubles | None) -> Doubles:
    """Exponential average over the bars, seeded with the first close; a session without a bar leaves it as it is."""
    by_session = np.ascontiguousarray(close.T)
    out = np.empty_like(by_session)
    average = np.full(close.shape[0], np.nan) if before is None else before.copy()
    for position, today in enumerate(by_session):
        moved = average + EMA_ALPHA * (today - average)
        average = np.where(np.isnan(average), today, np.where(np.isnan(today), average, moved))
        out[position] = average
    return np.ascontiguousarray(out.T)
