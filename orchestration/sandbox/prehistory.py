"""The companies before the simulation begins: who was in which index at each quarter end since 2019.

The market simulates its companies from the summer of 2023 on. Reports to the SEC reach back to 2019, so the years
before are told backwards: from the members of the first day, each reconstitution is undone. Some members had arrived by
it, in the place of companies that are gone since, and some had moved between the indices. Prices follow the indices.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from string import ascii_uppercase

import numpy as np

from orchestration.sandbox.companies import START, company_history
from orchestration.sandbox.identity import SECTORS, TRADES, Identity, identity
from orchestration.sandbox.membership import BITS, MICRO, R1000, R2000
from orchestration.sandbox.prices import bars
from orchestration.sandbox.streams import share_of, stream
from orchestration.sandbox.timeline import reconstitutions, timeline

# Of each index so many arrived at a reconstitution in the place of others, and so many crossed the line from R1000 to
# R2000 and back: about as many as in the real ones.
ARRIVED = {R1000: 12, R2000: 170, MICRO: 120}
CROSSED = 24
# the numbers of issuers that are gone lie above all of the simulation
FIRST_ISSUER = 50_000
# Deletions are sold at once but for these, of which a part is left at the quarter end.
SOLD_LATE = 0.15


@dataclass(frozen=True)
class Era:
    """Membership between two reconstitutions.

    Attributes:
        first: Position of the first session on this membership.
        bits: Membership by company; companies that are gone since stand behind those of the simulation.
    """

    first: int
    bits: np.ndarray


@dataclass(frozen=True)
class Prehistory:
    """All companies that were members before the simulation begins.

    Attributes:
        identities: How each is called; those of the simulation first.
        price: On the first session of the simulation, USD.
        shares: Shares outstanding.
        eras: Oldest first.
    """

    identities: tuple[Identity, ...]
    price: np.ndarray
    shares: np.ndarray
    eras: tuple[Era, ...]

    def era(self, session: int) -> int:
        """Which era a session lies in."""
        return max(n for n, era in enumerate(self.eras) if era.first <= session or n == 0)


@cache
def prehistory(seed: int) -> Prehistory:
    """The years before the simulation of a market."""
    when = timeline()
    start = when.at(START)
    history = company_history(seed, start)
    block = history.block(start)
    count = len(block.bits[0])
    identities = [history.identities[number] for number in history.first_identity[:count]]
    price, shares = list(block.cents[0] / 100.0), list(history.shares[:count])
    # of the companies of that day: how far the history was told on before must not matter
    taken = {item.name.split()[0] for item in identities}
    tickers = {item.ticker for item in identities}
    bits = block.bits[0].copy()
    eras: list[Era] = []
    for event in reversed([item for item in reconstitutions() if item.effective_date < START]):
        first = when.at(event.effective_date) + 1
        eras.append(Era(first, bits))
        draws = stream(seed, "prehistory", event.event_id)
        bits, alive = bits.copy(), len(bits)
        for index, arrivals in ARRIVED.items():
            arrived = draws.permutation(np.flatnonzero(bits == index))[:arrivals]
            gone = []
            for company in arrived.tolist():
                gone.append(len(identities))
                identities.append(_gone(draws, FIRST_ISSUER + len(identities), taken, tickers))
                price.append(price[company])
                shares.append(shares[company])
            bits = np.append(bits, np.full(len(gone), index, dtype=np.uint8))
            bits[arrived] = 0
        large, small = (draws.permutation(np.flatnonzero(bits[:alive] == index))[:CROSSED] for index in (R1000, R2000))
        bits[large], bits[small] = R2000, R1000
    eras.append(Era(0, bits))
    total = len(identities)
    whole = [Era(era.first, np.append(era.bits, np.zeros(total - len(era.bits), dtype=np.uint8))) for era in eras]
    return Prehistory(tuple(identities), np.array(price), np.array(shares), tuple(reversed(whole)))


def _gone(draws: np.random.Generator, issuer: int, taken: set[str], tickers: set[str]) -> Identity:
    """A company nobody remembers: its first word and its ticker are like no other."""
    while True:
        word = "".join(
            str(draws.choice(list(part))) for part in ("BDFGKLMNPRSTVZ", "AEIOU", "LMNRST", "AEIOU", "KNRSX")
        )
        word += str(draws.choice(("LAND", "DALE", "MERE", "HURST", "WORTH", "COMBE")))
        if word not in taken:
            taken.add(word)
            made = (word[:3] + letter for letter in word[3:] + ascii_uppercase)
            ticker = next(text for text in made if text not in tickers)
            tickers.add(ticker)
            sector = int(draws.integers(len(SECTORS)))
            trade = TRADES[sector][int(draws.integers(len(TRADES[sector])))]
            return identity(issuer, 10, ticker, f"{word} {trade} INC"[:35])


def bits_at(seed: int, session: int) -> np.ndarray:
    """Membership of every company of the prehistory after the close of a session."""
    known = prehistory(seed)
    # the new membership counts from the close of the Friday, one session before its era
    return known.eras[known.era(session + 1)].bits


def members_before(seed: int, index_code: str, session: int) -> dict[str, str]:
    """Ticker by CUSIP of the members of an index after the close of a session before the simulation."""
    known = prehistory(seed)
    found = np.flatnonzero(bits_at(seed, session) & BITS[index_code])
    return {known.identities[n].cusip: known.identities[n].ticker for n in found.tolist()}


def parts_held(seed: int, index_code: str, session: int) -> np.ndarray:
    """The part of a full position that a fund has of each company: 1 of members, less of deletions it still sells."""
    known = prehistory(seed)
    number = known.era(session + 1)
    bits = BITS[index_code]
    part = ((known.eras[number].bits & bits) > 0).astype(float)
    age = session - (known.eras[number].first - 1)
    if number and 0 <= age < 10:
        left = np.flatnonzero(((known.eras[number - 1].bits & bits) > 0) & (part == 0))
        luck = np.array([share_of(f"sold late/{seed}/{number}/{company}") for company in left.tolist()])
        late = luck < SOLD_LATE
        part[left[late]] = (1 - age / 10) * (0.2 + 4 * luck[late])
    return part


def prices_at(seed: int, session: int) -> np.ndarray:
    """Price of every company: that of the first day of the simulation, carried back along its index."""
    known, when = prehistory(seed), timeline()
    start = when.at(START)
    large = (known.eras[-1].bits & R1000) > 0
    out = known.price.copy()
    for symbol, chosen in (("IWB", large), ("^RUT", ~large)):
        quotes = bars(seed, symbol).close
        out[chosen] *= quotes[session - when.first] / quotes[start - when.first]
    return np.maximum(np.round(out, 2), 0.01)
