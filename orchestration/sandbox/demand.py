"""What the demand of index funds does to prices around a reconstitution: a known amount, which then goes away again."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from orchestration.sandbox.events import DEAL_SESSIONS, Event
from orchestration.sandbox.membership import R1000, R2000, Reshuffle

# Part of the price on the effective Friday, for names that enter the R2000 from below and that leave it downwards. A
# move between R1000 and R2000 has no effect: one fund sells what the other buys.
ADDITION_EFFECT = 0.05
DELETION_EFFECT = -0.05
# It grows from about the preliminary lists on, and is over before the next rank day, so it changes no membership.
BUILD_UP_SESSIONS = 18
FADE_SESSIONS = 60


def strength(day_offset: int) -> float:
    """Part of the effect that is in the prices so many sessions after the effective Friday, from 0 to 1."""
    if day_offset <= 0:
        return max(0.0, 1 + day_offset / BUILD_UP_SESSIONS)
    return max(0.0, 1 - day_offset / FADE_SESSIONS)


def effects(change: Reshuffle) -> np.ndarray:
    """The effect on the Friday by company, as a part of the price."""
    either = R1000 | R2000
    enters = ((change.after & R2000) > 0) & ((change.before & either) == 0)
    leaves = ((change.before & R2000) > 0) & ((change.after & either) == 0)
    return np.where(enters, ADDITION_EFFECT, np.where(leaves, DELETION_EFFECT, 0.0))


def demand(reshuffles: Iterable[Reshuffle], events: Iterable[Event], session: int, count: int) -> np.ndarray:
    """Factor on the price of every company at a session.

    A company that is being bought has the price of its deal.

    Args:
        reshuffles: Reconstitutions, those of the session's quarter included.
        events: What happens, that of the session's quarter included.
        session: Position in the timeline.
        count: Number of companies.
    """
    factor = np.ones(count)
    for change in reshuffles:
        part = strength(session - change.session)
        if part:
            known = min(count, len(change.before))
            factor[:known] *= 1 + part * effects(change)[:known]
    for event in events:
        if event.kind == "acquisition" and event.session - DEAL_SESSIONS <= session < event.session:
            factor[event.company] = 1.0
    return factor
