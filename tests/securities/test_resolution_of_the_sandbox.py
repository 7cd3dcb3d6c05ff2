"""The resolution on two and a half years of sandbox files, against what was injected."""

from __future__ import annotations

import datetime as dt
import hashlib
import random
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import pytest

from orchestration.sandbox.companies import company_history
from orchestration.sandbox.holdings import holdings, index_funds
from orchestration.sandbox.identity import SECTORS
from orchestration.sandbox.streams import DEFAULT_SEED as SEED
from orchestration.sandbox.timeline import timeline
from orchestration.sandbox.truth import Truth, truth
from orchestration.securities import Decision, File, Identity, Sighting, resolve

FIRST, LAST = dt.date(2024, 6, 3), dt.date(2026, 11, 20)
CLASSES = {"BFB": "BF-B", "BFA": "BF-A", "LENB": "LEN-B", "HEIA": "HEI-A", "MOGA": "MOG-A", "MOGB": "MOG-B"}


@dataclass(frozen=True)
class Described:
    """What a file says a line is, and the company it is."""

    company: int
    ticker: str
    name: str
    cusip: str | None
    isin: str | None
    sedol: str | None
    sector: str
    key: str = field(init=False)

    def __post_init__(self) -> None:
        text = f"{self.ticker}|{self.name}|{self.cusip}"
        object.__setattr__(self, "key", hashlib.md5(text.encode(), usedforsecurity=False).hexdigest())


# what it says, shares, price, weight
Line = tuple[Described, float, float, float]
Market = dict[tuple[str, dt.date], list[Line]]


@pytest.fixture(scope="module")
def market() -> Market:
    """Every tenth session of every fund, those around the reconstitutions, and the last days."""
    when = timeline()
    start, end = when.at(FIRST), when.upto(LAST)
    events = [when.at(dt.date(2025, 6, 27)), when.at(dt.date(2026, 6, 26))]
    sessions = [
        n
        for n in range(start, end)
        if (n - start) % 10 == 0 or n > end - 4 or any(abs(n - event) < 3 for event in events)
    ]
    history = company_history(SEED, end - 1)
    known: dict[int, Described] = {}
    found: Market = {}
    for session in sessions:
        for fund in index_funds():
            file = holdings(SEED, fund, session)
            total = file.market_value.sum()
            lines = found.setdefault((fund, when.dates[session]), [])
            for company, number, shares, price, value in zip(
                file.company.tolist(), file.identity.tolist(), file.shares.tolist(), file.price.tolist(),
                file.market_value.tolist(), strict=True,
            ):  # fmt: skip
                if number not in known:
                    said = history.identities[number]
                    sector = SECTORS[history.sector[company]]
                    known[number] = Described(
                        company, said.ticker, said.name, said.cusip, said.isin, said.sedol, sector
                    )  # fmt: skip
                lines.append((known[number], shares, price, round(100 * value / total, 2)))
    return found


@pytest.fixture(scope="module")
def injected() -> Truth:
    return truth(SEED, LAST)


@pytest.fixture(scope="module")
def bare(market: Market) -> Market:
    """The same files without identifiers."""
    known: dict[str, Described] = {}
    for lines in market.values():
        for line, *_ in lines:
            if line.key not in known:
                known[line.key] = replace(line, cusip=None, isin=None, sedol=None)
    return {file: [(known[line.key], *rest) for line, *rest in lines] for file, lines in market.items()}


def companies(market: Market) -> dict[str, int]:
    """Company by description; no two companies share one."""
    found: dict[str, int] = {}
    for lines in market.values():
        for line, *_ in lines:
            assert found.setdefault(line.key, line.company) == line.company
    return found


def decide(market: Market) -> list[Decision]:
    dates = defaultdict(list)
    for fund, day in sorted(market):
        dates[fund].append(day)
    seen: dict[str, dict[str, list[tuple[int, dt.date, Line]]]] = defaultdict(lambda: defaultdict(list))
    described: dict[str, Described] = {}
    scales: dict[tuple[str, dt.date], float] = {}
    for fund, days in dates.items():
        before: dict[str, float] = {}
        for place, day in enumerate(days):
            shares = {}
            for line in market[fund, day]:
                key = line[0].key
                described[key] = line[0]
                shares[key] = line[1]
                seen[key][fund].append((place, day, line))
            ratios = sorted(shares[key] / before[key] for key in shares.keys() & before.keys() if before[key])
            if ratios and ratios[-1]:
                scales[fund, day] = ratios[len(ratios) // 2]
            before = shares
    identities = []
    for key, funds in seen.items():
        line = described[key]
        sightings = tuple(sighting(fund, lines) for fund, lines in funds.items())
        identities.append(
            Identity(key, line.ticker, line.name, line.cusip, line.isin, line.sedol, line.sector, sightings)
        )  # fmt: skip
    return resolve(identities, [File(*file, scales.get(file)) for file in market], (), CLASSES)


def sighting(fund: str, lines: list[tuple[int, dt.date, Line]]) -> Sighting:
    runs: list[list[int]] = []
    for n, *_ in lines:
        if runs and n == runs[-1][1] + 1:
            runs[-1][1] = n
        else:
            runs.append([n, n])
    (_, first_seen, (_, *first)), (_, last_seen, (_, *last)) = lines[0], lines[-1]
    is_priced = first[0] > 0
    return Sighting(
        fund, first_seen, last_seen, tuple((a, b) for a, b in runs), first[2], last[2],
        first_seen if is_priced else None, first[0] or None, first[1] or None,
        last_seen if is_priced else None, last[0] or None, last[1] or None,
    )  # fmt: skip


def by_company(decisions: Iterable[Decision], company: dict[str, int]) -> tuple[set[str], set[int]]:
    """Securities that hold several companies, and companies that are several securities."""
    securities, owners = defaultdict(set), defaultdict(set)
    for decision in decisions:
        securities[decision.security_id].add(company[decision.key])
        owners[company[decision.key]].add(decision.security_id)
    return {s for s, c in securities.items() if len(c) > 1}, {c for c, s in owners.items() if len(s) > 1}


def test_with_identifiers_securities_are_the_companies(market):
    merged, split = by_company(decide(market), companies(market))
    assert (merged, split) == (set(), set())
    assert len(companies(market)) > len(set(companies(market).values())) + 100


def test_every_injected_event_gets_its_verdict(market, injected):
    decisions = {decision.key: decision for decision in decide(market)}
    lines = {line.key: line for rows in market.values() for line, *_ in rows}
    of_cusip = defaultdict(set)
    for key, line in lines.items():
        of_cusip[line.cusip].add(decisions[key].security_id)
    assert all(len(ids) == 1 for ids in of_cusip.values())

    named = {(line.cusip, line.ticker, line.name): key for key, line in lines.items()}
    renamed = 0
    for row in injected.renames.itertuples():
        old = named.get((row.cusip, row.old_ticker, row.old_name))
        new = named.get((row.cusip, row.new_ticker, row.new_name))
        if old and new:
            renamed += 1
            what = {(True, True): "ticker_and_name", (True, False): "ticker", (False, True): "name"}
            change = what[row.old_ticker != row.new_ticker, row.old_name != row.new_name]
            assert (decisions[new].linked_to, decisions[new].method, decisions[new].change) == (old, "cusip", change)
    assert renamed > 50

    split = 0
    for row in injected.share_splits.itertuples():
        if row.old_cusip in of_cusip and row.new_cusip in of_cusip:
            split += 1
            assert of_cusip[row.old_cusip] == of_cusip[row.new_cusip]
    assert split > 50
    named = sum(decision.change in ("reverse_split", "forward_split") for decision in decisions.values())
    assert named > 0.7 * split

    for row in injected.spin_offs.itertuples():
        if row.cusip in of_cusip and row.child_cusip in of_cusip:
            assert of_cusip[row.cusip].isdisjoint(of_cusip[row.child_cusip])


def test_without_identifiers_no_two_companies_are_merged_and_most_renames_found(bare, injected):
    merged, split = by_company(decide(bare), companies(bare))
    assert merged == set()
    assert len(split) < 0.2 * len(injected.renames)


@pytest.mark.parametrize("files", ["market", "bare"])
def test_a_ticker_taken_over_by_a_newcomer_is_another_security(request, files):
    """Newcomers get the ticker of a company that left up to a year before: the sandbox leaves more time."""
    whole: Market = request.getfixturevalue(files)
    first: dict[int, dt.date] = {}
    last: dict[int, dt.date] = {}
    for (_, day), lines in sorted(whole.items(), key=lambda item: item[0][1]):
        for line, *_ in lines:
            first.setdefault(line.company, day)
            last[line.company] = day
    ticker = {line.company: line.ticker for lines in whole.values() for line, *_ in lines}
    left = sorted((day, company) for company, day in last.items() if day < dt.date(2026, 8, 1))
    taken: dict[int, int] = {}
    for company, day in sorted(first.items(), key=lambda item: (item[1], item[0])):
        free = [old for gone, old in left if 0 < (day - gone).days < 365 and old not in taken.values()]
        if free and day > FIRST and (company % 2 or len(free) > 20):
            # the latest one: as little time as possible
            taken[company] = free[-1]
    known: dict[str, Described] = {}
    for lines in whole.values():
        for line, *_ in lines:
            if line.key not in known:
                old = taken.get(line.company)
                known[line.key] = replace(line, ticker=ticker[old]) if old is not None else line
    reused = {file: [(known[line.key], *rest) for line, *rest in lines] for file, lines in whole.items()}
    merged, _ = by_company(decide(reused), companies(reused))
    assert len(taken) > 100
    assert merged == set()


def test_with_weights_only_no_two_companies_are_merged(bare):
    weights = {file: [(line, 0.0, 0.0, weight) for line, *_, weight in lines] for file, lines in bare.items()}
    merged, _ = by_company(decide(weights), companies(bare))
    assert merged == set()


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("files", ["market", "bare"])
def test_missing_files_merge_no_two_companies(request, seed, files):
    whole: Market = request.getfixturevalue(files)
    draws = random.Random(seed)  # noqa: S311
    left = {file: whole[file] for file in sorted(whole) if draws.random() > 0.05}
    assert 0 < len(left) < len(whole)
    merged, _ = by_company(decide(left), companies(whole))
    assert merged == set()
