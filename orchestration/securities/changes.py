"""Ticker and name changed on one day: a line vanishes from a file where another appears with the same shares.

Nothing that is printed says that the two are one security, so the number of shares has to. It only does where no
other pair of lines could be meant: the rule counts the pairs that would agree by accident, and asks every fund.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping

from orchestration.securities.evidence import ALIKE_SHARES, Files, Identity, Sighting, other_issuer, other_sector, step
from orchestration.securities.links import NEAR_DAYS, Proposals
from orchestration.securities.names import name_score

# what creations of the fund leave of equal share counts: nine lines in ten stay within half of it (measured)
EXACT_SHARES = 2e-4
# Pairs of lines expected to match by accident in one change of files. Several funds are no independent evidence: all of
# them hold in proportion to the market value.
ACCIDENTS = 0.002
# two lines drawn at random: share counts spread over seven powers of e, one pair in ten agrees on the price, and either
# the count or the scaled count may match
ACCIDENT_ODDS = 2 * 2 * EXACT_SHARES / 7 / 10
# a weight that is alike enough for a reviewer to look at, percent
ALIKE_WEIGHT = 0.02

Pair = tuple[str, str]
Line = tuple[Identity, Sighting]


def link_changes(proposals: Proposals) -> None:
    """Link the lines that changed ticker and name. Comes last: what another rule links is neither gone nor new."""
    gone, come = defaultdict(list), defaultdict(list)
    for item in proposals.identities:
        for sighting in item.sightings:
            gone[sighting.fund, sighting.last_seen].append((item, sighting))
            come[sighting.fund, sighting.first_seen].append((item, sighting))
    taken = {(link.key, link.other) for link in proposals.links}
    # that a report shows a line too does not say that the sponsor's line goes on
    settled = [link for link in proposals.links if proposals.same_kind(link)]
    followed, preceded = {link.key for link in settled}, {link.other for link in settled}
    # for each pair the funds whose shares agree, and what the other evidence is
    exact: dict[Pair, set[str]] = defaultdict(set)
    alike: dict[Pair, str] = {}
    crowded: set[Pair] = set()
    for (fund, day), arrivals in sorted(come.items(), key=lambda pair: pair[0]):
        last_day = proposals.files.before(fund, day)
        if last_day is None or (day - last_day).days > NEAR_DAYS:
            continue
        new = [pair for pair in arrivals if pair[0].key not in preceded and pair[0].first_seen > last_day]
        old = [pair for pair in gone[fund, last_day] if pair[0].key not in followed and pair[0].last_seen < day]
        is_crowded = len(old) * len(new) * ACCIDENT_ODDS > ACCIDENTS
        for before, ended, after, begun in _likely_pairs(proposals.files, old, new, is_crowded=is_crowded):
            pair = (before.key, after.key)
            if pair in taken or not _may_change(proposals, before, after):
                continue
            if not _same_funds(proposals.files, before, after):
                continue
            found = step(ended, begun, proposals.files)
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
    _settle(proposals, exact, alike, crowded)


def _likely_pairs(
    files: Files, old: list[Line], new: list[Line], *, is_crowded: bool
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
        scale = files.scale(ended.fund, ended.last_seen, new[0][1].first_seen)
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


def _may_change(proposals: Proposals, before: Identity, after: Identity) -> bool:
    """Whether class, issuer and sector allow a change of ticker and name."""
    if proposals.other_class(before, after) or other_sector(before, after):
        return False
    return not other_issuer(before, after)


def _same_funds(files: Files, before: Identity, after: Identity) -> bool:
    """Whether every fund that held the one to the end goes on with the other, and the other way round."""
    ended = {sighting.fund: sighting.last_seen for sighting in before.sightings}
    begun = {sighting.fund: sighting.first_seen for sighting in after.sightings}
    for fund, last in ended.items():
        following = files.after(fund, last)
        if following and following > before.last_seen and begun.get(fund) != following:
            return False
    for fund, first in begun.items():
        preceding = files.before(fund, first)
        if preceding and preceding < after.first_seen and ended.get(fund) != preceding:
            return False
    return True


def _settle(
    proposals: Proposals, exact: Mapping[Pair, set[str]], alike: Mapping[Pair, str], crowded: set[Pair]
) -> None:
    """Link the pairs that more funds agree on than on any other pair with the same line."""
    by_line = defaultdict(list)
    for pair in [*exact, *alike]:
        for key in pair:
            by_line[key].append(pair)
    for pair, funds in sorted(exact.items()):
        before, after = (proposals.known[key] for key in pair)
        others = [other for key in pair for other in by_line[key] if other != pair]
        if pair not in crowded and all(len(exact.get(other, ())) < len(funds) for other in others):
            proposals.propose("shares_continuity", before, after, name_score(before.name, after.name))
        else:
            proposals.near_miss(before, after, "other ticker and name, same shares, not the only such pair")
    for pair, detail in sorted(alike.items()):
        if pair not in exact and all(other == pair for key in pair for other in by_line[key]):
            before, after = (proposals.known[key] for key in pair)
            proposals.near_miss(before, after, f"other ticker and name, one vanished as the other came: {detail}")
