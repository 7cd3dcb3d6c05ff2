"""Which lines of holdings files are one security: a pure function of the set of identities.

An identity is what a file says a line is: ticker, name and identifiers. Links between identities are proposed by rules,
sorted by strength, and joined one by one; a link that would make one security of two lines held at the same time is
refused, unless an identifier proves it.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

from rapidfuzz import fuzz

# files cut names at 34 or 35 characters
CUT_LENGTH = 33
SAME_TICKER_NAME = 85.0
SAME_ISSUER_NAME = 90.0
OTHER_TICKER_NAME = 95.0
# a daily file is at most a long weekend away, a monthly one five weeks, a quarterly one three months
NEAR_DAYS = 45
QUARTER_DAYS = 100
YEAR_DAYS = 400
TWO_YEARS_DAYS = 800
# the same words, spelled otherwise
SPELLING_NAME = 90.0
PRICE_TOLERANCE = 0.20
SHARES_TOLERANCE = 0.20
# what creations of the fund leave of equal share counts: nine lines in ten stay within half of it (measured)
EXACT_SHARES = 2e-4
# Pairs of lines expected to match by accident in one change of files. Several funds are no independent evidence: all of
# them hold in proportion to the market value.
ACCIDENTS = 0.002
# two lines drawn at random: share counts spread over seven powers of e, one pair in ten agrees on the price, and either
# the count or the scaled count may match
ACCIDENT_ODDS = 2 * 2 * EXACT_SHARES / 7 / 10
# what a reviewer should look at
ALIKE_SHARES = 0.02
ALIKE_WEIGHT = 0.02

CLASS_WORD = re.compile(r"\b(?:CLASS|CL|SERIES|SER)\s+([A-Z0-9]{1,2})\b")
NON_VOTING = re.compile(r"\bNON[ -]?VOTING\b")
FORMS = frozenset(
    """
    INC INCORPORATED CORP CORPORATION CO COMPANY LTD LIMITED PLC LLC LP SA NV AG SE AB ASA BV SPA AS
    HOLDING HOLDINGS HLDG HLDGS HOLDIN REIT THE COM SHS ORD ADR SHARES STOCK COMMON NEW
    CLASS CLAS CLA CL SERIES SER VOTING NON NONVOTING
    """.split()  # noqa: SIM905 - a wall of quotes reads worse
)
WORDS = {
    "AND": "", "INTL": "INTERNATIONAL", "PHARMACEUTICAL": "PHARMACEUTICALS", "TECH": "TECHNOLOGIES",
    "TECHNOLOGY": "TECHNOLOGIES", "FINL": "FINANCIAL", "BANCORPORATION": "BANCORP", "SVCS": "SERVICES",
    "SERVICE": "SERVICES", "INDS": "INDUSTRIES", "LABS": "LABORATORIES", "SYS": "SYSTEMS", "NATL": "NATIONAL",
}  # fmt: skip


@dataclass(frozen=True, order=True)
class Sighting:
    """One fund's lines of one identity.

    Attributes:
        fund: Fund.
        first_seen: First as-of date; last_seen likewise.
        nodes: Runs of consecutive versions of the fund's files that show it, first and last.
        first_weight: Weight in the first file, percent; last_weight likewise.
        first_priced: Date of the first file that has shares and price; with both of them. last_priced likewise.
    """

    fund: str
    first_seen: dt.date
    last_seen: dt.date
    nodes: tuple[tuple[int, int], ...]
    first_weight: float | None = None
    last_weight: float | None = None
    first_priced: dt.date | None = None
    first_shares: float | None = None
    first_price: float | None = None
    last_priced: dt.date | None = None
    last_shares: float | None = None
    last_price: float | None = None


@dataclass(frozen=True)
class Identity:
    """What files say a line is, and where it was seen."""

    key: str
    ticker: str
    name: str
    cusip: str | None = None
    isin: str | None = None
    sedol: str | None = None
    sector: str | None = None
    sightings: tuple[Sighting, ...] = ()

    @property
    def first_seen(self) -> dt.date:
        """First as-of date in any fund."""
        return min(sighting.first_seen for sighting in self.sightings)

    @property
    def last_seen(self) -> dt.date:
        """Last as-of date in any fund."""
        return max(sighting.last_seen for sighting in self.sightings)


@dataclass(frozen=True)
class File:
    """The newest version of one file: how the shares of a line that is left alone change against the file before."""

    fund: str
    as_of_date: dt.date
    scale: float | None = None


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


@dataclass(frozen=True)
class Decision:
    """What became of one identity.

    Attributes:
        key: The identity.
        security_id: Its security.
        method: Rule that joined it to `linked_to`; `new` for the identity a security begins with.
        score: 0 to 100: similarity of the names, 100 where an identifier or a review decides.
        confidence: HIGH, MEDIUM or LOW.
        change: What differs from `linked_to`.
        linked_to: Key of the identity it was joined to.
        rival: Key of the identity that it was nearly joined to, where the evidence was not enough.
        rival_reason: That evidence.
    """

    key: str
    security_id: str
    method: str
    score: float
    confidence: str
    change: str
    linked_to: str | None
    rival: str | None = None
    rival_reason: str | None = None


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
}
PROVED = frozenset({"override", "cusip", "isin", "sedol"})


def plain_ticker(ticker: str, share_classes: Mapping[str, str]) -> str:
    """The ticker without separators: BF.B, BF/B and BFB are one."""
    return re.sub(r"[^A-Z0-9]", "", share_classes.get(ticker, ticker).upper())


def plain_name(name: str) -> str:
    """The name without legal form, share class and punctuation, in the words most files use."""
    text = CLASS_WORD.sub(" ", name.upper().replace("&", " AND ").replace("'", ""))
    words = [WORDS.get(word, word) for word in re.sub(r"[^A-Z0-9]+", " ", text).split()]
    kept = [word for word in words if word and word not in FORMS]
    return " ".join(kept or [word for word in words if word])


def share_class(identity: Identity, share_classes: Mapping[str, str]) -> str | None:
    """The class the name states, else the one its ticker has; null where neither does."""
    found = CLASS_WORD.search(identity.name.upper())
    if found:
        return found.group(1)
    if NON_VOTING.search(identity.name.upper()):
        return "NON VOTING"
    symbol = share_classes.get(identity.ticker)
    return symbol.rpartition("-")[2] if symbol and "-" in symbol else None


def name_score(one: str, other: str, *, strict: bool = False) -> float:
    """Similarity of two names, 0 to 100, without legal forms and whatever was cut off.

    Args:
        one: A name as the file writes it.
        other: Another.
        strict: Names must have the same words; otherwise one may have words that the other lacks.
    """
    first, second = plain_name(one), plain_name(other)
    if not first or not second:
        return 0.0
    score = fuzz.token_sort_ratio(first, second) if strict else fuzz.token_set_ratio(first, second)
    # the longer name was cut, or the shorter one ends in the middle of a word
    if max(len(one), len(other)) >= CUT_LENGTH:
        a, b = first.replace(" ", ""), second.replace(" ", "")
        length = min(len(a), len(b))
        if length >= 12:
            score = max(score, fuzz.ratio(a[:length], b[:length]))
    return float(score)


@dataclass(frozen=True)
class Step:
    """What one fund shows where one line ends and another begins.

    Attributes:
        files: Files from the last with the one to the first with the other; 1 for neighbours.
        days: Calendar days between them.
        shares: Shares after over before, on the scale of the fund; null where either file lacks them.
        price: Price after over before.
        weights: Weight before and after, percent.
    """

    files: int
    days: int
    shares: float | None
    price: float | None
    weights: tuple[float, float] | None

    @property
    def price_tolerance(self) -> float:
        """Widens with the square root of time, as prices do."""
        return PRICE_TOLERANCE * math.sqrt(max(1.0, self.days / 14))

    @property
    def verdict(self) -> str:
        """What goes on: both (shares and price), split, shares, price, weight; none, or unknown."""
        if self.shares is not None and self.price is not None:
            shares, price = math.log(self.shares), math.log(self.price)
            shares_go_on = abs(shares) <= SHARES_TOLERANCE
            price_goes_on = abs(price) <= self.price_tolerance
            if shares_go_on or price_goes_on:
                return "both" if shares_go_on and price_goes_on else "shares" if shares_go_on else "price"
            ratio = math.exp(abs(shares))
            half = round(2 * ratio) / 2
            is_ratio = half >= 1.5 and abs(ratio / half - 1) <= 0.1
            return "split" if is_ratio and abs(shares + price) <= self.price_tolerance else "none"
        if self.weights is not None:
            before, after = self.weights
            if max(before, after) < 0.02:
                return "unknown"
            # printed to two decimals
            return "weight" if abs(after - before) <= 0.0101 + self.price_tolerance * before else "none"
        return "unknown"


class Files:
    """The calendar of files of each fund and its scale."""

    def __init__(self, files: Iterable[File]) -> None:
        self.dates: dict[str, list[dt.date]] = defaultdict(list)
        self.level: dict[tuple[str, dt.date], float] = {}
        levels: dict[str, float] = {}
        for item in sorted(files, key=lambda item: (item.fund, item.as_of_date)):
            self.dates[item.fund].append(item.as_of_date)
            levels[item.fund] = levels.get(item.fund, 1.0) * (item.scale or 1.0)
            self.level[item.fund, item.as_of_date] = levels[item.fund]

    def steps(self, fund: str, before: dt.date, after: dt.date) -> int:
        """How many files after `before` the file of `after` comes."""
        dates = self.dates[fund]
        return bisect_left(dates, after) - bisect_left(dates, before)

    def after(self, fund: str, day: dt.date) -> dt.date | None:
        """As-of date of the next file."""
        dates = self.dates[fund]
        place = bisect_right(dates, day)
        return dates[place] if place < len(dates) else None

    def before(self, fund: str, day: dt.date) -> dt.date | None:
        """As-of date of the file before."""
        dates = self.dates[fund]
        place = bisect_left(dates, day)
        return dates[place - 1] if place else None

    def scale(self, fund: str, before: dt.date, after: dt.date) -> float:
        """What an untouched line's shares are multiplied by between two files."""
        return self.level.get((fund, after), 1.0) / self.level.get((fund, before), 1.0)


def step(before: Sighting, after: Sighting, files: Files) -> Step:
    """The evidence of one fund for `after` being what `before` was."""
    shares = price = weights = None
    direct = before.last_priced == before.last_seen and after.first_priced == after.first_seen
    if (
        direct
        and before.last_shares and after.first_shares and before.last_price and after.first_price
        and min(before.last_shares, after.first_shares, before.last_price, after.first_price) > 0
    ):  # fmt: skip
        raw = after.first_shares / before.last_shares
        scaled = raw / files.scale(before.fund, before.last_seen, after.first_seen)
        # a fund may have been left alone, or all its lines scaled by creations
        shares = min(raw, scaled, key=lambda ratio: (abs(math.log(ratio)), ratio))
        price = after.first_price / before.last_price
    if before.last_weight is not None and after.first_weight is not None:
        weights = (before.last_weight, after.first_weight)
    return Step(
        files.steps(before.fund, before.last_seen, after.first_seen),
        (after.first_seen - before.last_seen).days,
        shares,
        price,
        weights,
    )


def steps_between(before: Identity, after: Identity, files: Files) -> list[Step]:
    """The evidence of every fund that held both, one after the other."""
    later = {sighting.fund: sighting for sighting in after.sightings}
    return [
        step(sighting, later[sighting.fund], files)
        for sighting in before.sightings
        if sighting.fund in later and sighting.last_seen < later[sighting.fund].first_seen
    ]


def continuity(before: Identity, after: Identity, files: Files, most_files: int = 2) -> str:
    """The verdict of all funds on neighbouring files; a fund in which nothing goes on decides."""
    verdicts = {item.verdict for item in steps_between(before, after, files) if item.files <= most_files}
    for verdict in ("none", "both", "split", "shares", "price", "weight"):
        if verdict in verdicts:
            return verdict
    return "unknown"


def held_together(one: Iterable[Sighting], other: Iterable[Sighting]) -> bool:
    """Whether one version of one file shows both."""
    theirs = {sighting.fund: sighting.nodes for sighting in other}
    return any(_overlap(sighting.nodes, theirs.get(sighting.fund, ())) for sighting in one)


def _overlap(one: Sequence[tuple[int, int]], other: Sequence[tuple[int, int]]) -> bool:
    ends = [last for _, last in one]
    for first, last in other:
        place = bisect_left(ends, first)
        if place < len(one) and one[place][0] <= last:
            return True
    return False


def _merge_runs(one: Sequence[tuple[int, int]], other: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    merged: list[tuple[int, int]] = []
    for first, last in sorted([*one, *other]):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        else:
            merged.append((first, last))
    return tuple(merged)


class Proposals:
    """All links that the rules propose, and the near misses."""

    def __init__(
        self, identities: Sequence[Identity], files: Files, overrides: Sequence[Override], classes: Mapping[str, str]
    ) -> None:
        self.known = {identity.key: identity for identity in identities}
        self.identities = sorted(identities, key=lambda item: (item.first_seen, item.last_seen, item.key))
        self.files = files
        self.classes = classes
        self.share_class = {item.key: share_class(item, classes) for item in identities}
        self.plain_name = {item.key: plain_name(item.name) for item in identities}
        self.links: list[Link] = []
        self.forbidden: list[tuple[str, str]] = []
        self.rivals: list[tuple[str, str, str]] = []
        self._overrides(overrides)
        for method in ("cusip", "isin", "sedol"):
            self._identifiers(method)
        self._issuers()
        self._tickers()
        self._names()
        self._changes()

    def propose(self, method: str, one: Identity, other: Identity, score: float) -> None:
        """Add a link; the earlier identity comes first."""
        rank, confidence = METHODS[method]
        before, after = sorted((one, other), key=lambda item: (item.first_seen, item.last_seen, item.key))
        self.links.append(Link(rank, 100 - score, before.key, after.key, method, score, confidence))

    def _near_miss(self, one: Identity, other: Identity, reason: str) -> None:
        before, after = sorted((one, other), key=lambda item: (item.first_seen, item.last_seen, item.key))
        self.rivals.append((after.key, before.key, reason))

    def _overrides(self, overrides: Sequence[Override]) -> None:
        by_ticker = defaultdict(list)
        by_cusip = defaultdict(list)
        for item in self.identities:
            by_ticker[item.ticker].append(item)
            if item.cusip:
                by_cusip[item.cusip].append(item)

        def matching(ticker: str, name: str, cusip: str) -> list[Identity]:
            pool = by_ticker[ticker] if ticker else by_cusip[cusip]
            return [
                item for item in pool if (not name or item.name == name) and (not cusip or item.cusip == cusip)
            ]  # fmt: skip

        for override in overrides:
            left = matching(override.ticker, override.name, override.cusip)
            right = matching(override.other_ticker, override.other_name, override.other_cusip)
            for one in left:
                for other in right:
                    if one.key == other.key:
                        continue
                    if override.decision == "same":
                        self.propose("override", one, other, 100)
                    else:
                        self.forbidden.append((one.key, other.key))

    def _identifiers(self, method: str) -> None:
        last: dict[str, Identity] = {}
        for item in self.identities:
            value = getattr(item, method)
            if value:
                if value in last:
                    self.propose(method, last[value], item, 100)
                last[value] = item

    def _issuers(self) -> None:
        """The same issuer under another CUSIP: a reverse split or a reclassification, or another share class."""
        groups = defaultdict(list)
        for item in self.identities:
            if item.cusip:
                groups[item.cusip[:6]].append(item)
        for group in groups.values():
            for one, other in combinations(group, 2):
                if one.cusip == other.cusip or one.last_seen >= other.first_seen or self._other_class(one, other):
                    continue
                score = name_score(one.name, other.name)
                if score >= SAME_ISSUER_NAME:
                    verdict = continuity(one, other, self.files)
                    if verdict in ("both", "split"):
                        self.propose("issuer", one, other, score)

    def _tickers(self) -> None:
        """One ticker: the next line that carries it is the same security, unless name and holding both break."""
        groups = defaultdict(list)
        for item in self.identities:
            groups[plain_ticker(item.ticker, self.classes)].append(item)
        for group in groups.values():
            for after_no, after in enumerate(group):
                latest_start = max(
                    (item.first_seen for item in group[:after_no] if item.last_seen < after.first_seen), default=None
                )
                for before in group[:after_no]:
                    # somebody else carried the ticker in between
                    if latest_start is not None and before.last_seen < latest_start:
                        continue
                    self._same_ticker(before, after)

    def _same_ticker(self, before: Identity, after: Identity) -> None:
        if self._other_class(before, after):
            return
        score = name_score(before.name, after.name)
        exact = self.plain_name[before.key] == self.plain_name[after.key]
        recoded = bool(before.cusip and after.cusip and before.cusip[:6] != after.cusip[:6])
        gap = (after.first_seen - before.last_seen).days
        detail = f"same ticker, names {score:.0f} of 100 alike"
        spelling = name_score(before.name, after.name, strict=True) >= SPELLING_NAME
        # a company that went private and came back years later often dropped a word of its name
        similar = score >= SAME_TICKER_NAME and gap <= TWO_YEARS_DAYS
        if exact or ((spelling or similar) and (gap <= QUARTER_DAYS or not recoded)):
            self.propose("ticker_name" if exact else "ticker_similar_name", before, after, score)
        elif score >= SAME_TICKER_NAME or gap <= YEAR_DAYS:
            if self._holding_goes_on(before, after, gap, recoded=recoded):
                self.propose("ticker_continuity", before, after, score)
            else:
                self._near_miss(before, after, f"{detail}, {gap} days apart, no proof that the holding goes on")

    def _holding_goes_on(self, before: Identity, after: Identity, gap: int, *, recoded: bool) -> bool:
        """Whether a fund went from a line to another of the same ticker and a different name."""
        if gap > YEAR_DAYS or (before.sector and after.sector and before.sector != after.sector):
            return False
        steps = [item for item in steps_between(before, after, self.files) if item.files <= 2]
        drifts = [abs(math.log(item.shares)) for item in steps if item.shares is not None]
        verdicts = {item.verdict for item in steps}
        if recoded:
            return bool(drifts) and max(drifts) <= ALIKE_SHARES and verdicts == {"both"}
        if drifts:
            return max(drifts) <= SHARES_TOLERANCE and (max(drifts) <= SHARES_TOLERANCE / 2 or verdicts == {"both"})
        # one ticker at one time is one security
        return gap <= 0 or (gap <= NEAR_DAYS and bool(steps) and "none" not in verdicts)

    def _names(self) -> None:
        """One name under another ticker, close in time."""
        blocks = defaultdict(list)
        for item in self.identities:
            blocks[self.plain_name[item.key][:4]].append(item)
        for block in blocks.values():
            # by start; those that ended shortly before it
            ends = sorted(block, key=lambda item: (item.last_seen, item.key))
            days = [item.last_seen for item in ends]
            for after in block:
                first = bisect_left(days, after.first_seen - dt.timedelta(days=QUARTER_DAYS))
                for before in ends[first : bisect_left(days, after.first_seen)]:
                    self._same_name(before, after, block)

    def _same_name(self, before: Identity, after: Identity, block: list[Identity]) -> None:
        if plain_ticker(before.ticker, self.classes) == plain_ticker(after.ticker, self.classes):
            return
        if self._other_class(before, after):
            return
        score = name_score(before.name, after.name, strict=True)
        if score < OTHER_TICKER_NAME or (before.sector and after.sector and before.sector != after.sector):
            return
        steps = [item for item in steps_between(before, after, self.files) if item.files <= 2]
        shares_agree = any(item.verdict in ("both", "shares") for item in steps)
        if self._other_code(before, after) and not shares_agree:
            return
        if any(item.verdict in ("none", "split") for item in steps):
            self._near_miss(before, after, f"names {score:.0f} of 100 alike, other ticker, shares and price break")
        elif not shares_agree and self._has_siblings(before, after, block):
            self._near_miss(before, after, f"names {score:.0f} of 100 alike, other ticker, more than one line of it")
        else:
            self.propose("name", before, after, score)

    def _has_siblings(self, before: Identity, after: Identity, block: list[Identity]) -> bool:
        """Whether another line of the same name was held at the same time as either."""
        names = (self.plain_name[before.key], self.plain_name[after.key])
        return any(
            item.key not in (before.key, after.key)
            and self.plain_name[item.key] in names
            and not self._other_class(item, before)
            and not self._other_class(item, after)
            and plain_ticker(item.ticker, self.classes)
            not in (plain_ticker(before.ticker, self.classes), plain_ticker(after.ticker, self.classes))
            and (held_together(item.sightings, before.sightings) or held_together(item.sightings, after.sightings))
            for item in block
        )

    def _changes(self) -> None:
        """Other ticker and other name: a line that vanishes where another appears with the same shares."""
        gone, come = defaultdict(list), defaultdict(list)
        for item in self.identities:
            for sighting in item.sightings:
                gone[sighting.fund, sighting.last_seen].append((item, sighting))
                come[sighting.fund, sighting.first_seen].append((item, sighting))
        taken = {(link.key, link.other) for link in self.links}
        # what goes on under another rule is neither gone nor new
        followed, preceded = {link.key for link in self.links}, {link.other for link in self.links}
        # for each pair the funds whose shares agree, and what the other evidence is
        exact: dict[tuple[str, str], set[str]] = defaultdict(set)
        alike: dict[tuple[str, str], str] = {}
        crowded: set[tuple[str, str]] = set()
        for (fund, day), arrivals in sorted(come.items(), key=lambda pair: pair[0]):
            dates = self.files.dates[fund]
            place = bisect_left(dates, day)
            if place == 0 or (day - dates[place - 1]).days > NEAR_DAYS:
                continue
            last_day = dates[place - 1]
            new = [pair for pair in arrivals if pair[0].key not in preceded and pair[0].first_seen > last_day]
            old = [pair for pair in gone[fund, last_day] if pair[0].key not in followed and pair[0].last_seen < day]
            is_crowded = len(old) * len(new) * ACCIDENT_ODDS > ACCIDENTS
            for before, ended, after, begun in self._likely_pairs(old, new, is_crowded=is_crowded):
                pair = (before.key, after.key)
                if pair in taken or not self._may_change(before, after) or not self._same_funds(before, after):
                    continue
                found = step(ended, begun, self.files)
                if found.shares is not None:
                    drift = abs(math.log(found.shares))
                    rounding = 1 / min(ended.last_shares or 1, begun.first_shares or 1)
                    if found.verdict == "both" and drift <= EXACT_SHARES + rounding and rounding <= EXACT_SHARES:
                        exact[pair].add(fund)
                        if is_crowded:
                            crowded.add(pair)
                    elif found.verdict == "both" and drift <= ALIKE_SHARES:
                        alike[pair] = f"shares differ by {100 * drift:.1f} percent"
                elif found.weights and min(found.weights) >= ALIKE_WEIGHT and found.verdict == "weight":
                    before_pct, after_pct = found.weights
                    if abs(after_pct - before_pct) <= 0.0101:
                        alike[pair] = f"weights {before_pct:.2f} and {after_pct:.2f}"
        self._settle_changes(exact, alike, crowded)

    def _likely_pairs(
        self, old: list[tuple[Identity, Sighting]], new: list[tuple[Identity, Sighting]], *, is_crowded: bool
    ) -> Iterator[tuple[Identity, Sighting, Identity, Sighting]]:
        """Pairs whose shares are near each other; where shares are unknown and changes few, all pairs."""
        counted = sorted(
            ((begun.first_shares, after.key, after, begun) for after, begun in new if begun.first_shares),
            key=lambda item: item[:2],
        )
        shares = [item[0] for item in counted]
        unknown = [] if is_crowded else [(after, begun) for after, begun in new if not begun.first_shares]
        for before, ended in old:
            if not ended.last_shares or not new:
                if not is_crowded:
                    yield from ((before, ended, after, begun) for after, begun in new)
                continue
            scale = self.files.scale(ended.fund, ended.last_seen, new[0][1].first_seen)
            near = {
                place
                for wanted in (ended.last_shares, ended.last_shares * scale)
                for place in range(
                    bisect_left(shares, wanted * (1 - 2 * ALIKE_SHARES)),
                    bisect_right(shares, wanted * (1 + 2 * ALIKE_SHARES)),
                )
            }
            yield from ((before, ended, *counted[place][2:]) for place in sorted(near))
            yield from ((before, ended, after, begun) for after, begun in unknown)

    def _settle_changes(
        self,
        exact: Mapping[tuple[str, str], set[str]],
        alike: Mapping[tuple[str, str], str],
        crowded: set[tuple[str, str]],
    ) -> None:
        """Link the pairs that more funds agree on than on any other pair with the same line."""
        by_line = defaultdict(list)
        for pair in [*exact, *alike]:
            for key in pair:
                by_line[key].append(pair)
        for pair, funds in sorted(exact.items()):
            before, after = (self.known[key] for key in pair)
            others = [other for key in pair for other in by_line[key] if other != pair]
            if pair not in crowded and all(len(exact.get(other, ())) < len(funds) for other in others):
                self.propose("shares_continuity", before, after, name_score(before.name, after.name))
            else:
                self._near_miss(before, after, "other ticker and name, same shares, not the only such pair")
        for pair, detail in sorted(alike.items()):
            if pair not in exact and all(other == pair for key in pair for other in by_line[key]):
                before, after = (self.known[key] for key in pair)
                self._near_miss(before, after, f"other ticker and name, one vanished as the other came: {detail}")

    def _same_funds(self, before: Identity, after: Identity) -> bool:
        """Whether every fund that held the one to the end goes on with the other, and the other way round."""
        ended = {sighting.fund: sighting.last_seen for sighting in before.sightings}
        begun = {sighting.fund: sighting.first_seen for sighting in after.sightings}
        for fund, last in ended.items():
            following = self.files.after(fund, last)
            if following and following > before.last_seen and begun.get(fund) != following:
                return False
        for fund, first in begun.items():
            preceding = self.files.before(fund, first)
            if preceding and preceding < after.first_seen and ended.get(fund) != preceding:
                return False
        return True

    def _may_change(self, before: Identity, after: Identity) -> bool:
        """Whether class, issuer and sector allow a change of ticker and name."""
        if self._other_class(before, after) or (before.sector and after.sector and before.sector != after.sector):
            return False
        return not (before.cusip and after.cusip and before.cusip[:6] != after.cusip[:6])

    def _other_class(self, one: Identity, other: Identity) -> bool:
        first, second = self.share_class[one.key], self.share_class[other.key]
        return first is not None and second is not None and first != second

    def _other_code(self, one: Identity, other: Identity) -> bool:
        return bool(one.cusip and other.cusip and one.cusip != other.cusip)


class Components:
    """Union-find with securities that may not be joined."""

    def __init__(self, identities: Iterable[Identity], forbidden: Iterable[tuple[str, str]]) -> None:
        self.parent: dict[str, str] = {}
        self.members: dict[str, list[str]] = {}
        self.runs: dict[str, dict[str, tuple[tuple[int, int], ...]]] = {}
        for item in identities:
            self.parent[item.key] = item.key
            self.members[item.key] = [item.key]
            self.runs[item.key] = {sighting.fund: sighting.nodes for sighting in item.sightings}
        self.forbidden: dict[str, set[str]] = defaultdict(set)
        for one, other in forbidden:
            self.forbidden[one].add(other)
            self.forbidden[other].add(one)

    def find(self, key: str) -> str:
        """The representative of a key."""
        while self.parent[key] != key:
            self.parent[key] = self.parent[self.parent[key]]
            key = self.parent[key]
        return key

    def forbids(self, one: str, other: str, *, proved: bool) -> bool:
        """Whether a review, or a file that shows both, keeps two components apart."""
        if any(self.forbidden[key] & set(self.members[other]) for key in self.members[one] if key in self.forbidden):
            return True
        return not proved and any(
            _overlap(runs, self.runs[other].get(fund, ())) for fund, runs in self.runs[one].items()
        )

    def join(self, one: str, other: str) -> None:
        """Make one component of two."""
        if len(self.members[one]) < len(self.members[other]):
            one, other = other, one
        self.parent[other] = one
        self.members[one] += self.members.pop(other)
        for fund, runs in self.runs.pop(other).items():
            self.runs[one][fund] = _merge_runs(self.runs[one].get(fund, ()), runs)


def resolve(
    identities: Sequence[Identity],
    files: Sequence[File] = (),
    overrides: Sequence[Override] = (),
    share_classes: Mapping[str, str] | None = None,
) -> list[Decision]:
    """Decide which identities are one security.

    A function of the sets given: neither the order of rows nor repeated rows change a decision. The id of a security
    comes from its earliest identity, so it stays as history grows forward.

    Args:
        identities: Every identity with its sightings.
        files: The newest version of every file.
        overrides: Reviewed decisions.
        share_classes: Symbol with a separator, by ticker of the fund.

    Returns:
        One decision for each identity, by key.
    """
    unique = list({item.key: item for item in sorted(identities, key=lambda item: (item.key, item.sightings))}.values())
    calendar = Files({(item.fund, item.as_of_date): item for item in files}.values())
    proposals = Proposals(unique, calendar, overrides, share_classes or {})
    components = Components(unique, proposals.forbidden)
    tree: dict[str, list[tuple[str, Link]]] = defaultdict(list)
    for link in sorted(proposals.links):
        one, other = components.find(link.key), components.find(link.other)
        if one == other:
            continue
        if components.forbids(one, other, proved=link.method in PROVED):
            continue
        components.join(one, other)
        tree[link.key].append((link.other, link))
        tree[link.other].append((link.key, link))
    # a chain of other links, or a file that shows both, may have settled it
    rivals: dict[str, tuple[str, str]] = {}
    for after, before, reason in sorted(set(proposals.rivals)):
        one, other = components.find(after), components.find(before)
        if one != other and not components.forbids(one, other, proved=False):
            rivals.setdefault(after, (before, reason))
    return _decisions(proposals, components, tree, rivals)


def _decisions(
    proposals: Proposals,
    components: Components,
    tree: Mapping[str, list[tuple[str, Link]]],
    rivals: Mapping[str, tuple[str, str]],
) -> list[Decision]:
    known = proposals.known
    decisions = []
    for members in components.members.values():
        root = min(members, key=lambda key: (known[key].first_seen, key))
        reached: dict[str, tuple[str | None, Link | None]] = {root: (None, None)}
        waiting = [root]
        while waiting:
            key = waiting.pop(0)
            for other, link in sorted(tree.get(key, []), key=lambda pair: (known[pair[0]].first_seen, pair[0])):
                if other not in reached:
                    reached[other] = (key, link)
                    waiting.append(other)
        for key, (linked_to, link) in reached.items():
            rival, reason = rivals.get(key, (None, None))
            decisions.append(
                Decision(
                    key,
                    "S" + root[:12],
                    link.method if link else "new",
                    round(link.score, 2) if link else 100.0,
                    link.confidence if link else "HIGH",
                    _change(known[linked_to], known[key], proposals) if linked_to else "new",
                    linked_to,
                    rival,
                    reason,
                )
            )
    return sorted(decisions, key=lambda decision: decision.key)


def _change(one: Identity, other: Identity, proposals: Proposals) -> str:
    """What differs between two identities of one security."""
    before, after = sorted((one, other), key=lambda item: (item.first_seen, item.last_seen, item.key))
    if before.cusip and after.cusip and before.cusip != after.cusip:
        found = [item for item in steps_between(before, after, proposals.files) if item.verdict == "split"]
        if found:
            return "reverse_split" if found[0].shares and found[0].shares < 1 else "forward_split"
        return "reissue"
    ticker = plain_ticker(before.ticker, proposals.classes) != plain_ticker(after.ticker, proposals.classes)
    name = proposals.plain_name[before.key] != proposals.plain_name[after.key]
    if ticker:
        return "ticker_and_name" if name else "ticker"
    return "name" if name else "wording"
