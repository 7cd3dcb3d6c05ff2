"""Which lines of holdings files are one security: a pure function of the set of identities.

An identity is what a file says a line is: ticker, name and identifiers. Links between identities are proposed by rules,
sorted by strength, and joined one by one; a link that would make one security of two lines held at the same time is
refused, unless an identifier proves it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from orchestration.securities.changes import link_changes
from orchestration.securities.evidence import File, Files, Identity, contradict, merge_runs, overlap, steps_between
from orchestration.securities.links import (
    PROVED,
    Link,
    Override,
    Proposals,
    ReportedTicker,
    in_order,
    link_identifiers,
    link_issuers,
    link_names,
    link_reported_names,
    link_reported_tickers,
    link_reports,
    link_reviewed,
    link_tickers,
)


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
            overlap(runs, self.runs[other].get(fund, ())) for fund, runs in self.runs[one].items()
        )

    def join(self, one: str, other: str) -> None:
        """Make one component of two."""
        if len(self.members[one]) < len(self.members[other]):
            one, other = other, one
        self.parent[other] = one
        self.members[one] += self.members.pop(other)
        for fund, runs in self.runs.pop(other).items():
            self.runs[one][fund] = merge_runs(self.runs[one].get(fund, ()), runs)


def resolve(
    identities: Sequence[Identity],
    files: Sequence[File] = (),
    overrides: Sequence[Override] = (),
    share_classes: Mapping[str, str] | None = None,
    same_book: Iterable[tuple[str, str]] = (),
    reported_tickers: Iterable[ReportedTicker] = (),
) -> list[Decision]:
    """Decide which identities are one security.

    A function of the sets given: neither the order of rows nor repeated rows change a decision. The id of a security
    comes from its earliest line in the sponsor's files, or in reports where these alone show it, so it stays as history
    grows forward.

    Args:
        identities: Every identity with its sightings.
        files: The newest version of every file.
        overrides: Reviewed decisions.
        share_classes: Symbol with a separator, by ticker of the fund.
        same_book: Keys of two identities that were shown for one line of one book, by a report and by the sponsor.
        reported_tickers: Symbols of the CUSIPs of lines of reports.

    Returns:
        One decision for each identity, by key.
    """
    unique = list({item.key: item for item in sorted(identities, key=lambda item: (item.key, item.sightings))}.values())
    calendar = Files({(item.fund, item.as_of_date): item for item in files}.values())
    proposals = Proposals(unique, calendar, share_classes or {})
    link_reviewed(proposals, overrides)
    link_identifiers(proposals)
    link_reports(proposals, same_book)
    link_issuers(proposals)
    link_tickers(proposals)
    link_names(proposals)
    link_reported_tickers(proposals, reported_tickers)
    link_reported_names(proposals)
    link_changes(proposals)
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
        # a report of the past that comes later does not rename what the sponsor's files show
        root = min(members, key=lambda key: (not known[key].ticker, known[key].first_seen, key))
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
                    _change(known[_before(key, linked_to, members, known)], known[key], proposals)
                    if linked_to
                    else "new",
                    linked_to,
                    rival,
                    reason,
                )
            )
    return sorted(decisions, key=lambda decision: decision.key)


def _before(key: str, linked_to: str, members: Sequence[str], known: Mapping[str, Identity]) -> str:
    """What a line is compared with: where a report links it, the sponsor's line before it, if there is one."""
    if not known[key].ticker or known[linked_to].ticker:
        return linked_to
    earlier = [item for item in members if known[item].ticker and known[item].first_seen < known[key].first_seen]
    return max(earlier, key=lambda item: (known[item].first_seen, item), default=linked_to)


def _change(one: Identity, other: Identity, proposals: Proposals) -> str:
    """What differs between two identities of one security."""
    before, after = in_order(one, other)
    if contradict(before.code, after.code):
        found = [item for item in steps_between(before, after, proposals.files) if item.verdict == "split"]
        if found:
            return "reverse_split" if found[0].shares and found[0].shares < 1 else "forward_split"
        return "reissue"
    # reports to the SEC name no tickers
    ticker = bool(before.ticker and after.ticker) and proposals.plain_ticker(before) != proposals.plain_ticker(after)
    name = proposals.plain_name[before.key] != proposals.plain_name[after.key]
    if ticker:
        return "ticker_and_name" if name else "ticker"
    return "name" if name else "wording"
