"""Index membership: who ranks where, who stays by the band, and how funds trade it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np

R1000, R2000, MICRO, SP500 = 1, 2, 4, 8
BITS = {"R1000": R1000, "R2000": R2000, "R3000": R1000 | R2000, "RMICRO": MICRO, "SP500": SP500}
# The real band is 2.5 %; this market has fewer middling companies around the breakpoint.
BAND = 0.010
SALE_SESSIONS = 15
SOLD_AT_ONCE = 0.35


@dataclass(frozen=True)
class Reshuffle:
    """One reconstitution as it was carried out.

    Attributes:
        event_id: As in the reconstitution seed.
        session: Position of the effective Friday.
        before: Membership bits by company before it.
        after: And after it.
    """

    event_id: str
    session: int
    before: np.ndarray
    after: np.ndarray


@dataclass(frozen=True)
class Leftover:
    """A deleted line that a fund still sells.

    Attributes:
        bits: Index it left.
        company: Number of the company.
        session: Position of the effective Friday.
        sessions: Sessions until the line is gone.
    """

    bits: int
    company: int
    session: int
    sessions: int


def rank_members(caps: np.ndarray, eligible: np.ndarray, bits: np.ndarray) -> np.ndarray:
    """Membership of the Russell indices after a reconstitution.

    Members of the R1000 and the R2000 stay while their percentile of cumulative market value is within the band
    around the 1000th company; the lower breakpoints have no band.

    Args:
        caps: Market value on the rank date.
        eligible: Who may be a member.
        bits: Membership before.

    Returns:
        New Russell bits by company.
    """
    value = np.where(eligible, caps, 0.0)
    order = np.argsort(-value, kind="stable")
    rank = np.empty(len(caps), dtype=int)
    rank[order] = np.arange(len(caps))
    cumulative = np.empty(len(caps))
    cumulative[order] = np.cumsum(value[order]) / max(value[order[:4000]].sum(), 1.0)
    listed = value > 0
    limit = cumulative[order[999]]
    large = rank < 1000
    stays_large = ((bits & R1000) > 0) & (cumulative <= limit + BAND)
    stays_small = ((bits & R2000) > 0) & (cumulative >= limit - BAND)
    large = listed & ((large & ~stays_small) | stays_large)
    small = listed & ~large & (rank < 3000)
    micro = listed & ~large & (rank >= 2000) & (rank < 4000)
    return (R1000 * large + R2000 * small + MICRO * micro).astype(np.uint8)


def sales(draws: np.random.Generator, change: Reshuffle) -> list[Leftover]:
    """How long funds take to sell what was deleted; what moves between R1000 and R2000 changes hands at once."""
    out = []
    for bits, kept_elsewhere in ((R2000, R1000), (R1000 | R2000, 0), (MICRO, 0)):
        gone = ((change.before & bits) > 0) & ((change.after & bits) == 0) & ((change.after & kept_elsewhere) == 0)
        companies = np.flatnonzero(gone)
        luck = draws.random(len(companies))
        lengths = draws.integers(1, SALE_SESSIONS + 1, size=len(companies))
        out += [
            Leftover(bits, company, change.session, length)
            for company, chance, length in zip(companies.tolist(), luck.tolist(), lengths.tolist(), strict=True)
            if chance >= SOLD_AT_ONCE
        ]
    return out


def is_third_friday(day: dt.date) -> bool:
    """Whether a date is a third Friday: quarterly additions come then, except with a reconstitution."""
    return day.weekday() == 4 and 15 <= day.day <= 21
