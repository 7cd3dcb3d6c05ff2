"""What happens to companies in a quarter, drawn before it starts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

EventKind = Literal[
    "acquisition", "delisting", "reverse_split", "forward_split", "rename", "ipo", "spin_off", "ticker_reuse"
]
DEAL_SESSIONS = 20  # between the announcement of a takeover and its close
FAST_ENTRY_CAP = 40e9
COMPANIES = 4230


@dataclass(frozen=True)
class Event:
    """One thing that happens to one company.

    Attributes:
        kind: What.
        session: Position in the timeline: first session on which it shows.
        company: Number of the company.
        value: Premium of a takeover, ratio of a split (new shares per old), spun-off part, or size of a newcomer, USD.
        other: The child of a spin-off, or -1.
        detail: What a rename changes (`ticker`, `name` or `both`), or the ticker that is used again.
    """

    kind: EventKind
    session: int
    company: int
    value: float = 0.0
    other: int = -1
    detail: str = ""


@dataclass
class Plan:
    """The events of one quarter."""

    events: list[Event] = field(default_factory=list)
    newcomers: int = 0


def plan_quarter(
    draws: np.random.Generator,
    first: int,
    last: int,
    caps: np.ndarray,
    prices: np.ndarray,
    plain: np.ndarray,
    free_tickers: list[str],
    with_giant: bool,
) -> Plan:
    """Draw the events of the sessions from first to last, last excluded.

    Args:
        draws: The quarter's own stream.
        first: Position of the first session.
        last: Position after the last session.
        caps: Market value by company; 0 for one that is not listed.
        prices: Price by company.
        plain: Companies that may have events (no second share classes).
        free_tickers: Tickers of companies that left long ago.
        with_giant: Whether a company large enough for fast entry lists in this quarter.
    """
    plan = Plan()
    count = len(caps)
    rank = np.empty(count, dtype=int)
    rank[np.argsort(-caps, kind="stable")] = np.arange(count)
    open_to = plain & (caps > 0)
    luck = draws.random((count, 6))
    when = draws.integers(first + DEAL_SESSIONS + 2, last, size=count)

    odds = np.select([rank < 500, rank < 1000, rank < 3000], [0.002, 0.007, 0.012], 0.008)
    for company in _take(open_to, luck[:, 0] < odds):
        premium = 0.12 + 0.35 * luck[company, 5]
        plan.events.append(Event("acquisition", int(when[company]), company, premium))
    tiny = (caps < 5e6) & (luck[:, 1] < 0.5)
    for company in _take(open_to, tiny | ((rank > 2300) & (luck[:, 1] < 0.0025))):
        plan.events.append(Event("delisting", int(when[company]), company))
    for company in _take(open_to, (prices < 1.0) & (luck[:, 2] < 0.7)):
        ratio = (8, 10, 12, 15, 20, 25, 30)[int(luck[company, 5] * 7)]
        plan.events.append(Event("reverse_split", int(when[company]), company, 1 / ratio))
    for company in _take(open_to, (prices > 800) & (luck[:, 2] < 0.25)):
        ratio = (4.0, 5.0, 10.0)[int(luck[company, 5] * 3)]
        plan.events.append(Event("forward_split", int(when[company]), company, ratio))
    for company in _take(open_to, luck[:, 3] < 0.003):
        what = ("both", "both", "name", "ticker")[int(luck[company, 5] * 4)]
        plan.events.append(Event("rename", int(when[company]), company, detail=what))
    # large enough for the child to count, small enough to be worth watching
    for company in _take(open_to, (rank > 60) & (rank < 2600) & (luck[:, 4] < 0.0011)):
        part = 0.08 + 0.22 * luck[company, 5]
        child = count + plan.newcomers
        plan.events.append(Event("spin_off", int(when[company]), company, part, child))
        plan.newcomers += 1

    sizeable = int(draws.poisson(18))
    listings = sizeable + int(max(0, COMPANIES - int((caps > 0).sum())) * 0.4)
    sizes = np.where(np.arange(listings) < sizeable, 1.9e8, 3.5e7) * np.exp(1.2 * draws.standard_normal(listings))
    days = draws.integers(first, last, size=listings)
    if with_giant:
        sizes[0], days[0] = 1.8 * FAST_ENTRY_CAP, first + 12
    reuse = draws.random(listings) < 0.04
    for size, day, again in zip(
        np.minimum(sizes, 2 * FAST_ENTRY_CAP).tolist(), days.tolist(), reuse.tolist(), strict=True
    ):
        company = count + plan.newcomers
        plan.newcomers += 1
        if again and free_tickers:
            plan.events.append(Event("ticker_reuse", day, company, size, detail=free_tickers.pop(0)))
        else:
            plan.events.append(Event("ipo", day, company, size))
    plan.events.sort(key=lambda event: (event.session, event.company))
    return plan


def _take(open_to: np.ndarray, wanted: np.ndarray) -> list[int]:
    """Companies the event happens to; each has one event a quarter at most."""
    chosen = open_to & wanted
    open_to &= ~chosen
    return np.flatnonzero(chosen).tolist()
