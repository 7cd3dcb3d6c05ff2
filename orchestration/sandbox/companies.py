"""The listed companies: prices, membership and identities by session, simulated quarter by quarter."""

from __future__ import annotations

import datetime as dt
import math
import threading
from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np

from orchestration.sandbox.demand import demand
from orchestration.sandbox.events import DEAL_SESSIONS, FAST_ENTRY_CAP, Event, plan_quarter
from orchestration.sandbox.factors import YEAR, factors, student
from orchestration.sandbox.identity import (
    EXCHANGES,
    SECTOR_SHARES,
    SECTORS,
    Identity,
    Registry,
    identity,
    reissued,
)
from orchestration.sandbox.instruments import instruments
from orchestration.sandbox.membership import (
    MICRO,
    R1000,
    R2000,
    SP500,
    Leftover,
    Reshuffle,
    is_third_friday,
    rank_members,
    sales,
)
from orchestration.sandbox.prices import bars
from orchestration.sandbox.streams import stream
from orchestration.sandbox.suspensions import Suspension, plan_suspensions
from orchestration.sandbox.timeline import reconstitutions, timeline

# A year before the first file, so that the first reconstitution has a year of moves behind it.
START = dt.date(2023, 7, 3)
FIRST_FILE = dt.date(2024, 6, 3)
FAST_ENTRY_FROM = dt.date(2026, 5, 26)
INELIGIBLE = 0.014
# market value by rank: the largest company, the breakpoints, and the smallest
_RANKS = (1, 10, 100, 500, 1000, 2000, 3000, 4000, 4400)
_CAPS = (2.9e12, 6.8e11, 1.0e11, 1.7e10, 5.2e9, 1.05e9, 1.4e8, 3.4e7, 1.5e7)
# Share-class tickers of the share_class_ticker seed and some that only look like one: ticker, rank, share class, rank
# of the other class of the same company (0: none).
_CLASSES = (
    ("BRKB", 7, "CLASS B", 0), ("BFB", 430, "CLASS B", 0), ("BFA", 431, "CLASS A", 430), ("LENB", 301, "CLASS B", 300),
    ("HEIA", 251, "CLASS A", 250), ("UHALB", 701, "SERIES N", 700), ("WSOB", 811, "CLASS B", 810),
    ("MOGA", 1150, "CLASS A", 0), ("MOGB", 1151, "CLASS B", 1150), ("CWENA", 1301, "CLASS A", 1300),
    ("AGMA", 1601, "CLASS A", 1600), ("GEFB", 1501, "CLASS B", 1500), ("CRDA", 2860, "CLASS A", 0),
    ("VELKA", 180, "CLASS A", 0), ("ORBNK", 1222, "SERIES K", 0),
)  # fmt: skip


@dataclass(frozen=True)
class Block:
    """One quarter, by session and company.

    Attributes:
        first: Position of its first session in the timeline.
        cents: Price in cents; 0 where not listed.
        bits: Membership at the close.
    """

    first: int
    cents: np.ndarray
    bits: np.ndarray


@dataclass
class History:
    """All that has been simulated so far; it only ever grows at its end.

    Attributes:
        blocks: Quarters.
        identities: Every identity any company ever had.
        first_identity: Number of the first identity, by company.
        identity_changes: Session, company and number of the identity from then on.
        shares: Shares outstanding at listing, by company.
        share_changes: Session, company and factor.
        sector: By company; exchange and issuer likewise.
        events: What happened.
        reshuffles: Reconstitutions carried out.
        between: Additions and deletions outside them: session, company, bits before, bits after, why.
        leftovers: Deleted lines that funds still sell.
        suspensions: Companies without trading, and from when to when.
    """

    blocks: list[Block] = field(default_factory=list)
    identities: list[Identity] = field(default_factory=list)
    first_identity: list[int] = field(default_factory=list)
    identity_changes: list[tuple[int, int, int]] = field(default_factory=list)
    shares: list[float] = field(default_factory=list)
    share_changes: list[tuple[int, int, float]] = field(default_factory=list)
    sector: list[int] = field(default_factory=list)
    exchange: list[int] = field(default_factory=list)
    issuer: list[int] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    reshuffles: list[Reshuffle] = field(default_factory=list)
    between: list[tuple[int, int, int, int, str]] = field(default_factory=list)
    leftovers: list[Leftover] = field(default_factory=list)
    suspensions: list[Suspension] = field(default_factory=list)

    def block(self, session: int) -> Block:
        """The quarter of a session."""
        return next(block for block in reversed(self.blocks) if block.first <= session)

    def identity_at(self, session: int, company: int) -> Identity:
        """How a company is called at a session."""
        number = self.first_identity[company]
        for when, who, new in self.identity_changes:
            if who == company and when <= session:
                number = new
        return self.identities[number]


class _Simulation:
    """The state at the end of the last simulated quarter, and how to go on from there."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.history = History()
        self.names = Registry()
        self.when = timeline()
        self.next = self.when.at(START)
        self.gone_tickers: list[tuple[int, str]] = []
        self.ranking: dict[dt.date, tuple[np.ndarray, np.ndarray]] = {}
        self.waiting: list[tuple[int, int]] = []  # session of listing, company: not yet in an index
        # smallest R1000, R2000 and microcap member of the last reconstitution
        self.breakpoints = (_CAPS[4], _CAPS[6], _CAPS[7])
        drive = factors(seed)
        rut, iwb = bars(seed, "^RUT").close, instruments()["IWB"].loads
        index = np.append(0.0, rut[1:] / rut[:-1] - 1)
        self.small_return = np.append(np.zeros(self.when.first), index)
        self.large_return = iwb[0] * drive.market + iwb[1] * drive.size
        self.factor_returns = np.stack([drive.market, drive.size, drive.style, drive.banks])
        self.recons = {item.effective_date: item for item in reconstitutions()}
        self._found()

    def _found(self) -> None:
        """The companies of the first day."""
        draws = stream(self.seed, "companies", "first day")
        for name, *_ in _CLASSES:
            self.names.reserve(name)
        count = _RANKS[-1]
        ranks = np.arange(1, count + 1)
        caps = np.exp(np.interp(np.log(ranks), np.log(_RANKS), np.log(_CAPS)) + 0.03 * draws.standard_normal(count))
        self.loads, self.risk = np.zeros((0, 4)), np.zeros(0)
        self.twin = np.full(count, -1)
        self._add(draws, caps)
        for ticker, rank, word, other in _CLASSES:
            company = rank - 1
            old = self.history.identities[company]
            stem = " ".join(old.name.split()[:2])
            number = company
            if other:
                self.twin[company] = other - 1
                stem = " ".join(self.history.identities[other - 1].name.split()[:2])
                number = other - 1
                for column in (self.history.sector, self.history.exchange, self.history.issuer):
                    column[company] = column[other - 1]
                self.loads[company] = self.loads[other - 1]
            issue = 20 if other else 10
            self.history.identities[company] = identity(number, issue, ticker, f"{stem} {word}"[:35])
        self.caps = caps
        self.bits = rank_members(caps, np.ones(count, dtype=bool), np.zeros(count, dtype=np.uint8))
        self._follow_twins()
        chosen = np.argsort(-caps, kind="stable")[:560]
        chosen = chosen[(draws.random(560) < 0.9) | (self.twin[chosen] >= 0)]
        self.bits[chosen[:503]] |= SP500

    def _add(self, draws: np.random.Generator, caps: np.ndarray, tickers: dict[int, str] | None = None) -> None:
        """Give new companies everything but a market value; some take over a ticker that was used before."""
        history, count = self.history, len(caps)
        sectors = draws.choice(len(SECTORS), size=count, p=SECTOR_SHARES)
        small = np.clip((math.log(2e10) - np.log(caps)) / math.log(2e10 / 2e9), 0, 1)
        tiny = np.clip((math.log(1e9) - np.log(caps)) / math.log(1e9 / 6e7), 0, 1)
        loads = draws.standard_normal((count, 4))
        beta = 1.0 + 0.27 * small + 0.22 * loads[:, 0]
        style = np.where(np.isin(sectors, (4, 3, 8, 10)), 0.4, np.where(np.isin(sectors, (5, 7)), -0.4, 0.0))
        banks = np.where(sectors == 4, 0.8, 0.0)
        columns = (beta, small + 0.2 * loads[:, 1], style + 0.2 * loads[:, 2], banks + 0.05 * loads[:, 3])
        self.loads = np.vstack([self.loads, np.column_stack(columns)])
        giant = np.clip(np.log(caps / 5e10) / math.log(3e12 / 5e10), 0, 1)
        risk = (0.25 + 0.20 * small + 0.17 * tiny - 0.10 * giant) * np.where(sectors == 5, 1.35, 1.0)
        self.risk = np.append(self.risk, risk * np.exp(0.18 * draws.standard_normal(count)) / math.sqrt(YEAR))
        prices = np.exp(2.9 + 0.27 * np.log(caps / 1e9) + 0.55 * draws.standard_normal(count))
        prices = np.clip(prices, 2.2, 750.0)
        places = draws.choice(len(EXCHANGES), size=count, p=(0.62, 0.34, 0.04))
        for n in range(count):
            number = len(history.shares)
            sector, exchange = int(sectors[n]), int(places[n])
            name = self.names.new_name(draws, sector)
            ticker = (tickers or {}).get(number) or self.names.new_ticker(draws, name)
            history.shares.append(float(np.round(caps[n] / prices[n])))
            history.sector.append(sector)
            history.exchange.append(exchange)
            history.issuer.append(number)
            history.first_identity.append(len(history.identities))
            history.identities.append(identity(number, 10, ticker, name))

    def _follow_twins(self) -> None:
        """All share classes of a company are in the same indices."""
        twins = np.flatnonzero(self.twin >= 0)
        self.bits[twins] = self.bits[self.twin[twins]]

    def run_quarter(self) -> None:
        """Simulate the next quarter as a whole."""
        history, first = self.history, self.next
        month = self.when.sessions[first].astype("datetime64[M]")
        end = (month + 3 - month.astype(int) % 3).astype("datetime64[D]").astype(object)
        last = self.when.at(end)
        draws = stream(self.seed, "companies", str(month))
        known = len(self.caps)
        shares = shares_at(history, first)
        prices = np.where(self.caps > 0, self.caps / shares, np.inf)
        is_pair = np.zeros(known, dtype=bool)
        is_pair[self.twin[self.twin >= 0]] = True
        free = [ticker for session, ticker in self.gone_tickers if session < first - 60]
        giant = end.month == 10 and end >= FAST_ENTRY_FROM
        special = [rank - 1 for _, rank, _, _ in _CLASSES]
        plain = ~is_pair & ~np.isin(np.arange(known), special)
        plan = plan_quarter(draws, first, last, self.caps, prices, plain, list(free), giant)
        used = {event.detail for event in plan.events if event.kind == "ticker_reuse"}
        self.gone_tickers = [item for item in self.gone_tickers if item[1] not in used]
        quiet = plain.copy()
        quiet[[event.company for event in plan.events if event.company < known]] = False
        halts = plan_suspensions(stream(self.seed, "suspensions", str(month)), first, last, self.caps, quiet)
        self._make_room(draws, plan.newcomers, plan.events)
        count = len(self.caps)
        noise = student(draws, 5, (last - first, count)) * self.risk
        twins = np.flatnonzero(self.twin >= 0)
        noise[:, twins] = noise[:, self.twin[twins]] + 0.1 * noise[:, twins]
        # half of what volatility takes from the typical company, or in some years few small ones were left
        moves = noise + 0.35 * self.risk**2
        # summed one by one: a matrix product may round differently on another machine
        for factor, load in zip(self.factor_returns[:, first:last], self.loads.T, strict=True):
            moves += factor[:, None] * load[None, :]
        _script(plan.events, moves, first)
        fair = np.zeros((last - first, count))
        bits = np.zeros((last - first, count), dtype=np.uint8)
        shares = shares_at(history, first)
        queue = list(plan.events)
        history.events += plan.events
        for session in range(first, last):
            while queue and queue[0].session == session:
                self._happen(draws, queue.pop(0), shares)
            self._move(session, moves[session - first])
            self._at_the_close(session, shares)
            on = self.caps > 0
            fair[session - first, on] = self.caps[on] / shares[on]
            bits[session - first] = self.bits
        cents = self._as_printed(first, fair)
        for halt in halts:
            cents[halt.first - first : halt.last - first + 1, halt.company] = cents[
                halt.first - first - 1, halt.company
            ]
        history.suspensions += halts
        history.blocks.append(Block(first, cents, bits))
        self.next = last

    def _as_printed(self, first: int, fair: np.ndarray) -> np.ndarray:
        """Prices in cents, with what index funds do to them: the market value by which companies rank is without it."""
        history, cents = self.history, np.zeros(fair.shape, dtype=np.int32)
        for place, row in enumerate(fair):
            on = row > 0
            factor = demand(history.reshuffles, history.events, first + place, len(row))
            cents[place, on] = np.maximum(np.rint(row[on] * factor[on] * 100), 1)
        return cents

    def _make_room(self, draws: np.random.Generator, newcomers: int, events: list[Event]) -> None:
        if not newcomers:
            return
        sizes = np.full(newcomers, 1e9)
        base = len(self.caps)
        for event in events:
            if event.kind in ("ipo", "ticker_reuse"):
                sizes[event.company - base] = event.value
            elif event.kind == "spin_off":
                sizes[event.other - base] = self.caps[event.company] * event.value
        self._add(draws, sizes, {event.company: event.detail for event in events if event.kind == "ticker_reuse"})
        self.caps = np.append(self.caps, np.zeros(newcomers))
        self.bits = np.append(self.bits, np.zeros(newcomers, dtype=np.uint8))
        self.twin = np.append(self.twin, np.full(newcomers, -1))

    def _happen(self, draws: np.random.Generator, event: Event, shares: np.ndarray) -> None:
        history, who = self.history, event.company
        if event.kind in ("acquisition", "delisting"):
            before = int(self.bits[who])
            if before:
                history.between.append((event.session, who, before, 0, event.kind))
            self.gone_tickers.append((event.session, history.identity_at(event.session, who).ticker))
            self.caps[who], self.bits[who] = 0.0, 0
            if before & SP500:
                self._replace_in_sp500(event.session)
        elif event.kind in ("reverse_split", "forward_split"):
            shares[who] = np.round(shares[who] * event.value)
            history.share_changes.append((event.session, who, event.value))
            if event.kind == "reverse_split":
                old = history.identity_at(event.session, who)
                issue = 20 + 10 * sum(1 for when, company, _ in history.share_changes[:-1] if company == who)
                self._rename(event.session, who, reissued(old, history.issuer[who], min(issue, 90)))
        elif event.kind == "rename":
            old = history.identity_at(event.session, who)
            name = old.name if event.detail == "ticker" else self.names.new_name(draws, history.sector[who])
            ticker = old.ticker if event.detail == "name" else self.names.new_ticker(draws, name)
            self._rename(event.session, who, replace(old, ticker=ticker, name=name))
        elif event.kind == "spin_off":
            child = event.other
            self.caps[child] = self.caps[who] * event.value
            self.caps[who] *= 1 - event.value
            self.bits[child] = self.bits[who] & ~np.uint8(SP500)
            if self.bits[child]:
                history.between.append((event.session, child, 0, int(self.bits[child]), "spin_off"))
        else:
            self.caps[who] = event.value
            self.waiting.append((event.session, who))

    def _rename(self, session: int, company: int, new: Identity) -> None:
        self.history.identity_changes.append((session, company, len(self.history.identities)))
        self.history.identities.append(new)

    def _move(self, session: int, moves: np.ndarray) -> None:
        """One session: members move so that each index makes its own return."""
        caps = self.caps
        for bit, target in ((R1000, self.large_return[session]), (R2000, self.small_return[session])):
            members = (self.bits & bit) > 0
            value = caps[members]
            moves[members] += target - float((value * moves[members]).sum()) / float(value.sum())
        caps *= 1 + np.maximum(moves, -0.9)

    def _at_the_close(self, session: int, shares: np.ndarray) -> None:
        day = self.when.dates[session]
        if any(item.rank_date == day for item in self.recons.values()):
            prices = np.where(self.caps > 0, self.caps / shares, 0.0)
            self.ranking[day] = (self.caps.copy(), prices)
        recon = self.recons.get(day)
        if recon and recon.rank_date in self.ranking:
            self._reconstitute(session, recon.event_id, *self.ranking.pop(recon.rank_date))
        elif is_third_friday(day) and day.month in (3, 9, 12) and (day.month != 12 or day.year < 2026):
            self._add_newcomers(session)
        for listed, company in [item for item in self.waiting if session == item[0] + 5]:
            if self.caps[company] > FAST_ENTRY_CAP and day >= FAST_ENTRY_FROM:
                self.waiting.remove((listed, company))
                self._join(session, company, R1000, "fast_entry")
        if is_third_friday(day) and day.month % 3 == 0:
            self._review_sp500(session)

    def _reconstitute(self, session: int, event_id: str, caps: np.ndarray, prices: np.ndarray) -> None:
        count = len(self.caps)
        caps = np.append(caps, np.zeros(count - len(caps)))
        prices = np.append(prices, np.zeros(count - len(prices)))
        member = (self.bits & (R1000 | R2000 | MICRO)) > 0
        eligible = (caps > 0) & (self.caps > 0) & (prices >= np.where(member, 0.8, 1.0)) & (self.twin < 0)
        # some lose their eligibility (a move abroad, too few votes) and may have it back next time
        excluded = stream(self.seed, "eligibility", event_id).random(count) < INELIGIBLE
        eligible &= ~(excluded & (caps < np.sort(caps)[-1200]))
        before = self.bits.copy()
        ranked = rank_members(caps, eligible, before)
        # a child born after the rank date stays where its parent put it
        young = (caps == 0) & (self.caps > 0)
        ranked[young] = before[young] & ~np.uint8(SP500)
        self.bits = ranked | (before & SP500)
        self._follow_twins()
        self.bits[self.caps == 0] = 0
        change = Reshuffle(event_id, session, before, self.bits.copy())
        self.history.reshuffles.append(change)
        draws = stream(self.seed, "sales", event_id)
        if session >= self.when.at(FIRST_FILE):
            self.history.leftovers += sales(draws, change)
        self.waiting = [item for item in self.waiting if not self.bits[item[1]]]
        smallest = [float(caps[((ranked & bit) > 0) & ~young].min()) for bit in (R1000, R2000, MICRO)]
        self.breakpoints = (smallest[0], smallest[1], smallest[2])

    def _add_newcomers(self, session: int) -> None:
        """Quarterly additions of recent listings, by the breakpoints of the last reconstitution."""
        large, small, micro = self.breakpoints
        ready = [item for item in self.waiting if item[0] < session - 15]
        for item in ready:
            self.waiting.remove(item)
            cap = float(self.caps[item[1]])
            bits = R1000 if cap > 1.4 * large else R2000 if cap > small else MICRO if cap > micro else 0
            if bits == R2000 and cap < 3.5 * small:
                bits |= MICRO
            if bits:
                self._join(session, item[1], bits, "ipo")

    def _join(self, session: int, company: int, bits: int, why: str) -> None:
        before = int(self.bits[company])
        self.bits[company] = before | bits
        self.history.between.append((session, company, before, before | bits, why))

    def _largest_outside_sp500(self) -> int:
        outside = ((self.bits & SP500) == 0) & ((self.bits & R1000) > 0) & (self.twin < 0)
        return int(np.argmax(np.where(outside, self.caps, 0.0)))

    def _replace_in_sp500(self, session: int) -> None:
        self._join(session, self._largest_outside_sp500(), SP500, "sp500_committee")

    def _review_sp500(self, session: int) -> None:
        members = np.flatnonzero(((self.bits & SP500) > 0) & (self.twin < 0))
        order = members[np.argsort(self.caps[members], kind="stable")]
        limit = np.sort(self.caps)[-720]
        for company in order[:4].tolist():
            if self.caps[company] < limit:
                before = int(self.bits[company])
                self.bits[company] = before & ~SP500
                self.history.between.append((session, company, before, before & ~SP500, "sp500_committee"))
                self._replace_in_sp500(session)


def _script(events: list[Event], moves: np.ndarray, first: int) -> None:
    """Takeovers jump to their price and stay there; the bankrupt fall before they leave."""
    for event in events:
        place = event.session - first
        if event.kind == "acquisition":
            announced = place - DEAL_SESSIONS
            moves[announced, event.company] = event.value
            moves[announced + 1 : place, event.company] *= 0.02
        elif event.kind == "delisting":
            moves[place - 6, event.company] = -0.55


def shares_at(history: History, session: int) -> np.ndarray:
    """Shares outstanding of every company at a session."""
    shares = np.array(history.shares)
    for when, company, factor in history.share_changes:
        if when <= session:
            shares[company] = np.round(shares[company] * factor)
    return shares


@cache
def _simulation(seed: int) -> tuple[_Simulation, threading.Lock]:
    return _Simulation(seed), threading.Lock()


_STARTING = threading.Lock()


def company_history(seed: int, session: int) -> History:
    """The companies up to the end of the quarter of a session at least.

    Whole quarters are simulated, each from streams of its own, so what was there never changes.
    """
    with _STARTING:
        simulation, lock = _simulation(seed)
    with lock:
        while simulation.next <= session:
            simulation.run_quarter()
    return simulation.history
