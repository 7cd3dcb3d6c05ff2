"""Which lines may be one security: links proposed by review, identifier, issuer, ticker and name.

Each rule reads the identities and adds what it proposes to the `Proposals`. Nothing is joined here: the links are
carried out in the order of their strength by `decisions`.
"""

from __future__ import annotations

import datetime as dt
import math
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

from orchestration.securities.evidence import (
    ALIKE_SHARES,
    SHARES_TOLERANCE,
    Files,
    Identity,
    continuity,
    contradict,
    held_together,
    other_issuer,
    other_sector,
    steps_between,
)
from orchestration.securities.names import name_score, plain_name, plain_ticker, share_class

# rank, confidence
METHODS = {
    "override": (0, "HIGH"),
    "cusip": (1, "HIGH"),
    "isin": (1, "HIGH"),
    "sedol": (2, "HIGH"),
    "issuer": (3, "HIGH"),
    "ticker_name": (4, "HIGH"),
    "ticker_similar_name": (5, "MEDIUM"),
    "ticker_continuity": (6, "MEDIUM"),
    "name": (7, "MEDIUM"),
    "shares_continuity": (8, "MEDIUM"),
    # after what joins two lines of the sponsor's files
    "same_book": (9, "HIGH"),
    "report_ticker": (10, "MEDIUM"),
    "report_name": (11, "MEDIUM"),
}
PROVED = frozenset({"override", "cusip", "isin", "sedol"})
IDENTIFIERS = ("cusip", "isin", "sedol")

# how alike names must be, 0 to 100
SAME_TICKER_NAME = 85.0
SAME_ISSUER_NAME = 90.0
OTHER_TICKER_NAME = 95.0
# the same words, spelled otherwise
SPELLING_NAME = 90.0
# a daily file is at most a long weekend away, a monthly one five weeks, a quarterly one three months
NEAR_DAYS = 45
QUARTER_DAYS = 100
YEAR_DAYS = 400
TWO_YEARS_DAYS = 800


@dataclass(frozen=True)
class Override:
    """A reviewed decision about two securities; an empty field matches anything."""

    decision: str
    ticker: str = ""
    name: str = ""
    cusip: str = ""
    other_ticker: str = ""
    other_name: str = ""
    other_cusip: str = ""


@dataclass(frozen=True, order=True)
class ReportedTicker:
    """The symbol of the CUSIP of a line of a report, from its first to its last settlement date."""

    key: str
    ticker: str
    first_date: dt.date
    last_date: dt.date


@dataclass(frozen=True, order=True)
class Link:
    """A proposal, in the order in which proposals are carried out."""

    rank: int
    cost: float
    key: str
    other: str
    method: str = field(compare=False)
    score: float = field(compare=False)
    confidence: str = field(compare=False)


class Proposals:
    """What the rules look up, and what they propose.

    Attributes:
        known: The identities by key.
        identities: The same, in the order of their first and last day.
        files: The calendar of the files.
        classes: Symbol with a separator, by ticker of the fund.
        share_class: Share class by key, null where it is not stated.
        plain_name: Name without legal form by key.
        links: Proposed links.
        forbidden: Pairs of keys that a review keeps apart.
        rivals: Near misses: later key, earlier key, evidence.
    """

    def __init__(self, identities: Sequence[Identity], files: Files, classes: Mapping[str, str]) -> None:
        self.known = {identity.key: identity for identity in identities}
        self.identities = sorted(identities, key=lambda item: (item.first_seen, item.last_seen, item.key))
        self.files = files
        self.classes = classes
        self.share_class = {item.key: share_class(item.ticker, item.name, classes) for item in identities}
        self.plain_name = {item.key: plain_name(item.name) for item in identities}
        self.links: list[Link] = []
        self.forbidden: list[tuple[str, str]] = []
        self.rivals: list[tuple[str, str, str]] = []

    def propose(self, method: str, one: Identity, other: Identity, score: float) -> None:
        """Add a link; the earlier identity comes first."""
        rank, confidence = METHODS[method]
        before, after = in_order(one, other)
        self.links.append(Link(rank, 100 - score, before.key, after.key, method, score, confidence))

    def near_miss(self, one: Identity, other: Identity, reason: str) -> None:
        """Note two identities that a reviewer should look at."""
        before, after = in_order(one, other)
        self.rivals.append((after.key, before.key, reason))

    def same_kind(self, link: Link) -> bool:
        """Whether a link is between two lines of the sponsor's files, or two of reports, which name no tickers."""
        return bool(self.known[link.key].ticker) == bool(self.known[link.other].ticker)

    def plain_ticker(self, identity: Identity) -> str:
        """The ticker without separators."""
        return plain_ticker(identity.ticker, self.classes)

    def other_class(self, one: Identity, other: Identity) -> bool:
        """Whether both share classes are known and differ."""
        first, second = self.share_class[one.key], self.share_class[other.key]
        return first is not None and second is not None and first != second


def in_order(one: Identity, other: Identity) -> tuple[Identity, Identity]:
    """Two identities, the earlier one first."""
    before, after = sorted((one, other), key=lambda item: (item.first_seen, item.last_seen, item.key))
    return before, after


def link_reviewed(proposals: Proposals, overrides: Sequence[Override]) -> None:
    """What a reviewer decided: a link, or two identities that are kept apart."""
    by_ticker = defaultdict(list)
    by_cusip = defaultdict(list)
    for item in proposals.identities:
        by_ticker[item.ticker].append(item)
        if item.cusip:
            by_cusip[item.cusip].append(item)

    def matching(ticker: str, name: str, cusip: str) -> list[Identity]:
        pool = by_ticker[ticker] if ticker else by_cusip[cusip]
        return [item for item in pool if (not name or item.name == name) and (not cusip or item.cusip == cusip)]

    for override in overrides:
        left = matching(override.ticker, override.name, override.cusip)
        right = matching(override.other_ticker, override.other_name, override.other_cusip)
        for one in left:
            for other in right:
                if one.key == other.key:
                    continue
                if override.decision == "same":
                    proposals.propose("override", one, other, 100)
                else:
                    proposals.forbidden.append((one.key, other.key))


def link_identifiers(proposals: Proposals) -> None:
    """The same CUSIP, ISIN or SEDOL."""
    for method in IDENTIFIERS:
        last: dict[str, Identity] = {}
        for item in proposals.identities:
            value = getattr(item, method)
            if value:
                if value in last:
                    proposals.propose(method, last[value], item, 100)
                last[value] = item


def link_reports(proposals: Proposals, same_book: Iterable[tuple[str, str]]) -> None:
    """A line of a report to the SEC and the line of the sponsor's file of the same book that it was matched with."""
    for one, other in sorted(same_book):
        if one in proposals.known and other in proposals.known:
            before, after = proposals.known[one], proposals.known[other]
            proposals.propose("same_book", before, after, name_score(before.name, after.name))


def link_reported_tickers(proposals: Proposals, tickers: Iterable[ReportedTicker]) -> None:
    """The ticker inferred for a line of a report, and the line of the sponsor's files that carries it at that time."""
    carrying = defaultdict(list)
    for item in proposals.identities:
        if item.ticker:
            carrying[proposals.plain_ticker(item)].append(item)
    for inferred in sorted(tickers):
        reported = proposals.known.get(inferred.key)
        if reported is None or reported.ticker:
            continue
        for item in carrying[inferred.ticker]:
            score = name_score(item.name, reported.name)
            if (
                item.first_seen <= inferred.last_date
                and inferred.first_date <= item.last_seen
                and score >= SAME_TICKER_NAME
                and _may_be_reported(proposals, item, reported)
            ):
                proposals.propose("report_ticker", reported, item, score)


def _may_be_reported(proposals: Proposals, item: Identity, reported: Identity) -> bool:
    """Whether class and identifiers of a line of the sponsor allow that a line of a report is the same security."""
    return not (
        proposals.other_class(item, reported)
        or contradict(item.code, reported.code)
        or contradict(item.isin, reported.isin)
    )


def link_reported_names(proposals: Proposals) -> None:
    """The name of a report, which has no tickers, and the one line of the sponsor's files of its time that has it."""
    named = defaultdict(list)
    for item in proposals.identities:
        if item.ticker:
            named[proposals.plain_name[item.key]].append(item)
    for reported in proposals.identities:
        if reported.ticker:
            continue
        near = [
            item
            for item in named[proposals.plain_name[reported.key]]
            if item.first_seen <= reported.last_seen
            and reported.first_seen <= item.last_seen
            and _may_be_reported(proposals, item, reported)
        ]
        if len({proposals.plain_ticker(item) for item in near}) == 1:
            for item in near:
                proposals.propose("report_name", reported, item, 100)


def link_issuers(proposals: Proposals) -> None:
    """The same issuer under another CUSIP: a reverse split or a reclassification, or another share class."""
    groups = defaultdict(list)
    for item in proposals.identities:
        if item.code:
            groups[item.code[:6]].append(item)
    for group in groups.values():
        for one, other in combinations(group, 2):
            if one.code == other.code or one.last_seen >= other.first_seen or proposals.other_class(one, other):
                continue
            score = name_score(one.name, other.name)
            if score >= SAME_ISSUER_NAME and continuity(one, other, proposals.files) in ("both", "split"):
                proposals.propose("issuer", one, other, score)


def link_tickers(proposals: Proposals) -> None:
    """One ticker: the next line that carries it is the same security, unless name and holding both break."""
    groups = defaultdict(list)
    for item in proposals.identities:
        if item.ticker:
            groups[proposals.plain_ticker(item)].append(item)
    for group in groups.values():
        for after_no, after in enumerate(group):
            latest_start = max(
                (item.first_seen for item in group[:after_no] if item.last_seen < after.first_seen), default=None
            )
            for before in group[:after_no]:
                # somebody else carried the ticker in between
                if latest_start is not None and before.last_seen < latest_start:
                    continue
                _same_ticker(proposals, before, after)


def _same_ticker(proposals: Proposals, before: Identity, after: Identity) -> None:
    if proposals.other_class(before, after):
        return
    score = name_score(before.name, after.name)
    exact = proposals.plain_name[before.key] == proposals.plain_name[after.key]
    recoded = other_issuer(before, after)
    gap = (after.first_seen - before.last_seen).days
    detail = f"same ticker, names {score:.0f} of 100 alike"
    spelling = name_score(before.name, after.name, strict=True) >= SPELLING_NAME
    # a company that went private and came back years later often dropped a word of its name
    similar = score >= SAME_TICKER_NAME and gap <= TWO_YEARS_DAYS
    if exact or ((spelling or similar) and (gap <= QUARTER_DAYS or not recoded)):
        proposals.propose("ticker_name" if exact else "ticker_similar_name", before, after, score)
    elif score >= SAME_TICKER_NAME or gap <= YEAR_DAYS:
        if _holding_goes_on(proposals, before, after, gap, recoded=recoded):
            proposals.propose("ticker_continuity", before, after, score)
        else:
            proposals.near_miss(before, after, f"{detail}, {gap} days apart, no proof that the holding goes on")


def _holding_goes_on(proposals: Proposals, before: Identity, after: Identity, gap: int, *, recoded: bool) -> bool:
    """Whether a fund went from a line to another of the same ticker and a different name."""
    if gap > YEAR_DAYS or other_sector(before, after):
        return False
    steps = [item for item in steps_between(before, after, proposals.files) if item.files <= 2]
    drifts = [abs(math.log(item.shares)) for item in steps if item.shares is not None]
    verdicts = {item.verdict for item in steps}
    if recoded:
        return bool(drifts) and max(drifts) <= ALIKE_SHARES and verdicts == {"both"}
    if drifts:
        return max(drifts) <= SHARES_TOLERANCE and (max(drifts) <= SHARES_TOLERANCE / 2 or verdicts == {"both"})
    # one ticker at one time is one security
    return gap <= 0 or (gap <= NEAR_DAYS and bool(steps) and "none" not in verdicts)


def link_names(proposals: Proposals) -> None:
    """One name under another ticker, close in time."""
    blocks = defaultdict(list)
    for item in proposals.identities:
        blocks[proposals.plain_name[item.key][:4]].append(item)
    for block in blocks.values():
        # by start; those that ended shortly before it
        ends = sorted(block, key=lambda item: (item.last_seen, item.key))
        days = [item.last_seen for item in ends]
        for after in block:
            first = bisect_left(days, after.first_seen - dt.timedelta(days=QUARTER_DAYS))
            for before in ends[first : bisect_left(days, after.first_seen)]:
                _same_name(proposals, before, after, block)


def _same_name(proposals: Proposals, before: Identity, after: Identity, block: list[Identity]) -> None:
    if before.ticker and proposals.plain_ticker(before) == proposals.plain_ticker(after):
        return
    if proposals.other_class(before, after) or other_sector(before, after):
        return
    score = name_score(before.name, after.name, strict=True)
    if score < OTHER_TICKER_NAME:
        return
    steps = [item for item in steps_between(before, after, proposals.files) if item.files <= 2]
    shares_agree = any(item.verdict in ("both", "shares") for item in steps)
    if contradict(before.code, after.code) and not shares_agree:
        return
    tickers = "other ticker" if before.ticker and after.ticker else "no ticker"
    if any(item.verdict in ("none", "split") for item in steps):
        proposals.near_miss(before, after, f"names {score:.0f} of 100 alike, {tickers}, shares and price break")
    elif not shares_agree and _has_siblings(proposals, before, after, block):
        proposals.near_miss(before, after, f"names {score:.0f} of 100 alike, {tickers}, more than one line of it")
    else:
        proposals.propose("name", before, after, score)


def _has_siblings(proposals: Proposals, before: Identity, after: Identity, block: list[Identity]) -> bool:
    """Whether another line of the same name was held at the same time as either."""
    names = (proposals.plain_name[before.key], proposals.plain_name[after.key])
    tickers = (proposals.plain_ticker(before), proposals.plain_ticker(after))
    return any(
        item.key not in (before.key, after.key)
        and proposals.plain_name[item.key] in names
        and not proposals.other_class(item, before)
        and not proposals.other_class(item, after)
        and proposals.plain_ticker(item) not in tickers
        and (held_together(item.sightings, before.sightings) or held_together(item.sightings, after.sightings))
        for item in block
    )
