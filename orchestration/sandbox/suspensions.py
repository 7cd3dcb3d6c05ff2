"""Companies without trading: funds go on printing their last price until trading is resumed at another one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

A_QUARTER = 8
SHORTEST, LONGEST = 8, 30  # sessions
RANKS = slice(1200, 2900)


@dataclass(frozen=True)
class Suspension:
    """One company without trading.

    Attributes:
        company: Number of the company.
        first: Position of the first session without trading in the timeline.
        last: Position of the last one.
    """

    company: int
    first: int
    last: int


def plan_suspensions(
    draws: np.random.Generator, first: int, last: int, caps: np.ndarray, quiet: np.ndarray
) -> list[Suspension]:
    """Draw the suspensions of the sessions from first to last, last excluded: each begins and ends among them.

    Args:
        draws: A stream of its own.
        first: Position of the first session.
        last: Position after the last session.
        caps: Market value by company; 0 for one that is not listed.
        quiet: Companies to which nothing else happens in this quarter.
    """
    ranked = np.argsort(-caps, kind="stable")[RANKS]
    ranked = ranked[quiet[ranked] & (caps[ranked] > 0)]
    found = []
    for company in draws.choice(ranked, size=A_QUARTER, replace=False).tolist():
        sessions = int(draws.integers(SHORTEST, LONGEST + 1))
        # the price before and the price after are prices of the quarter
        start = int(draws.integers(first + 1, last - sessions))
        found.append(Suspension(company, start, start + sessions - 1))
    return sorted(found, key=lambda item: (item.first, item.company))


def without_trading(suspensions: list[Suspension], company: int, first: int, count: int) -> np.ndarray:
    """Whether trading of a company was suspended, for so many sessions from the first."""
    place = first + np.arange(count)
    out = np.zeros(count, dtype=bool)
    for item in suspensions:
        if item.company == company:
            out |= (item.first <= place) & (place <= item.last)
    return out
