"""What files show of a line, and what goes on where one line ends and another begins: shares, price or weight."""

from __future__ import annotations

import datetime as dt
import math
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

# what two neighbouring files may differ by, as logarithms, while the holding goes on
PRICE_TOLERANCE = 0.20
SHARES_TOLERANCE = 0.20
# what a reviewer should look at
ALIKE_SHARES = 0.02


@dataclass(frozen=True, order=True)
class Sighting:
    """One fund's lines of one identity.

    Attributes:
        fund: Book of the fund: its files of one source.
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
    def code(self) -> str | None:
        """The CUSIP, which an American ISIN holds; its first six characters are the issuer."""
        if self.cusip or not self.isin or not self.isin.startswith("US"):
            return self.cusip
        return self.isin[2:11]

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


def contradict(one: str | None, other: str | None) -> bool:
    """Whether both are known and differ."""
    return bool(one and other and one != other)


def other_sector(one: Identity, other: Identity) -> bool:
    """Whether both sectors are known and differ."""
    return contradict(one.sector, other.sector)


def other_issuer(one: Identity, other: Identity) -> bool:
    """Whether both issuers are known and differ."""
    return bool(one.code and other.code and one.code[:6] != other.code[:6])


def held_together(one: Iterable[Sighting], other: Iterable[Sighting]) -> bool:
    """Whether one version of one file shows both."""
    theirs = {sighting.fund: sighting.nodes for sighting in other}
    return any(overlap(sighting.nodes, theirs.get(sighting.fund, ())) for sighting in one)


def overlap(one: Sequence[tuple[int, int]], other: Sequence[tuple[int, int]]) -> bool:
    """Whether two lists of runs, each in order, have a version in common."""
    ends = [last for _, last in one]
    for first, last in other:
        place = bisect_left(ends, first)
        if place < len(one) and one[place][0] <= last:
            return True
    return False


def merge_runs(one: Sequence[tuple[int, int]], other: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Runs of versions that show either of two lines."""
    merged: list[tuple[int, int]] = []
    for first, last in sorted([*one, *other]):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        else:
            merged.append((first, last))
    return tuple(merged)
