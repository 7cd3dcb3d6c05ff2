"""Which holdings files could be compared at each moment of knowledge: a pure function of the set of files.

A node is one version of one file; nodes of a book are numbered by as-of date and version. Whoever reads at a moment
sees the newest version of each date known by then, judged by its neighbours. What a reader sees changes near the files
that were learnt only, so only those changes are written: the state of a node holds until its next row.
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from statistics import median
from typing import Any

# files more than a quarter away say nothing about the size of this one
NEIGHBOUR_DAYS = 100
NEIGHBOURS = 3


@dataclass(frozen=True)
class Node:
    """One version of one file.

    Attributes:
        node_no: Position among all versions of the book, by as-of date and version.
        moment_no: Moment at which it was learnt.
        version: Orders the versions of one as-of date; the highest known one counts.
        is_session: Whether the as-of date is a session.
        lines: Lines in the file.
        weight_sum_pct: Sum of the printed weights; None where none are printed.
        zero_weight_lines: Constituents whose weight is printed as 0.00.
        lines_sha256: Hash of the parsed lines.
    """

    book: str
    node_no: int
    as_of_date: dt.date
    moment_no: int
    version: int
    is_session: bool
    lines: int
    weight_sum_pct: float | None
    zero_weight_lines: int
    lines_sha256: str | None


@dataclass(frozen=True)
class State:
    """How a node stands from a moment on.

    Attributes:
        is_current: Known and the newest version of its date.
        unusable_reason: Why a current node may not be compared.
        lines_before: Median line count of up to three files before; None where they are too far away.
        lines_after: The same of the files after.
        opening_node: First usable node at or after this one: where a run that begins here begins for the reader.
        before_opening_node: The usable node before that one.
        closing_node: Last usable node at or before this one: where a run that ends here ends for the reader.
        absent_node: The usable node after that one.
        second_absent_node: The usable node after that.
    """

    is_current: bool = False
    unusable_reason: str | None = None
    lines_before: float | None = None
    lines_after: float | None = None
    opening_node: int | None = None
    before_opening_node: int | None = None
    closing_node: int | None = None
    absent_node: int | None = None
    second_absent_node: int | None = None

    @property
    def is_usable(self) -> bool:
        """Whether the file may be compared with others."""
        return self.is_current and self.unusable_reason is None


@dataclass(frozen=True)
class Moment:
    """The newest usable node of a book at a moment, and at the one before."""

    book: str
    moment_no: int
    newest_node: int | None
    newest_date: dt.date | None
    earlier_newest_node: int | None
    earlier_newest_date: dt.date | None


def verdict(node: Node, sha_before: str | None, lines_before: float | None, lines_after: float | None) -> str | None:
    """Why a file may not be compared with others; None where it may."""
    if not node.is_session:
        return "not_a_session"
    if node.lines_sha256 is not None and node.lines_sha256 == sha_before:
        return "stale_copy"
    # Weights of two decimals lose what is below half a basis point: on real files up to 0.0012 points for each line
    # printed as 0.00. Thousandths, because 0.002 has no exact double.
    lowest = (99_000 - 2 * node.zero_weight_lines) / 1000
    if node.weight_sum_pct is not None and not lowest <= node.weight_sum_pct <= 101:
        return "weight_sum"
    # both sides, so that a reconstitution is no truncation; at either end of the history the one there is
    sides = [side for side in (lines_before, lines_after) if side is not None]
    if sides and all(node.lines < 0.9 * side for side in sides):
        return "truncated"
    return None


class _Book:
    """The files of one book as a reader sees them, moved on from moment to moment."""

    def __init__(self) -> None:
        self.dates: list[dt.date] = []
        self.current: dict[dt.date, Node] = {}
        self.judged: dict[int, State] = {}
        self.usable: list[int] = []
        self.dates_of: dict[int, dt.date] = {}
        self.written: dict[int, State] = {}
        # the highest node that was ever usable: above it nothing was ever written about openings and closings
        self.top = 0

    @property
    def newest(self) -> int | None:
        return self.usable[-1] if self.usable else None

    def learn(self, nodes: Sequence[Node]) -> Iterator[tuple[int, State]]:
        """Take what a moment brings; the nodes whose state it changes."""
        changed = {node.as_of_date for node in nodes}
        replaced = set()
        for node in sorted(nodes, key=lambda n: n.version):
            self.dates_of[node.node_no] = node.as_of_date
            known = self.current.get(node.as_of_date)
            if known is None:
                insort(self.dates, node.as_of_date)
            elif known.version > node.version:
                continue
            else:
                replaced.add(known.node_no)
            self.current[node.as_of_date] = node
        touched = {node.node_no for node in nodes} | replaced
        toggled = [n for n in replaced if self._judge(n, State())]
        for date in self._around(changed):
            node = self.current[date]
            touched.add(node.node_no)
            if self._judge(node.node_no, self._verdict(date)):
                toggled.append(node.node_no)
        self._toggle(toggled)
        for number in toggled:
            touched.update(self._region(number))
        self.top = max(self.top, self.newest or 0)
        for number in sorted(touched):
            state = self._state(number)
            if self.written.get(number, State()) != state:
                self.written[number] = state
                yield number, state

    def _around(self, changed: Iterable[dt.date]) -> set[dt.date]:
        near = set()
        for date in changed:
            at = bisect_left(self.dates, date)
            near.update(self.dates[max(at - NEIGHBOURS, 0) : at + NEIGHBOURS + 1])
        return near

    def _verdict(self, date: dt.date) -> State:
        at = bisect_left(self.dates, date)
        before, after = self.dates[max(at - NEIGHBOURS, 0) : at], self.dates[at + 1 : at + 1 + NEIGHBOURS]
        lines_before = lines_after = None
        if before and (date - before[-1]).days <= NEIGHBOUR_DAYS:
            lines_before = float(median(self.current[d].lines for d in before))
        if after and (after[0] - date).days <= NEIGHBOUR_DAYS:
            lines_after = float(median(self.current[d].lines for d in after))
        sha_before = self.current[before[-1]].lines_sha256 if before else None
        reason = verdict(self.current[date], sha_before, lines_before, lines_after)
        return State(True, reason, lines_before, lines_after)

    def _judge(self, number: int, state: State) -> bool:
        """Note a verdict; whether it makes the node usable or unusable."""
        before = self.judged.get(number, State())
        self.judged[number] = state
        return before.is_usable != state.is_usable

    def _toggle(self, toggled: Sequence[int]) -> None:
        for number in toggled:
            at = bisect_left(self.usable, number)
            if self._at(at) == number:
                del self.usable[at]
            else:
                self.usable.insert(at, number)

    def _region(self, number: int) -> range:
        """The nodes for which the usable ones around them can have changed with this one."""
        at = bisect_left(self.usable, number)
        first = self.usable[at - 2] if at >= 2 else 1
        following = bisect_right(self.usable, number)
        last = self.usable[following] if following < len(self.usable) else max(self.top, number)
        return range(first, last + 1)

    def _state(self, number: int) -> State:
        judged = self.judged.get(number, State())
        opening = bisect_left(self.usable, number)
        closing = bisect_right(self.usable, number) - 1
        return State(
            judged.is_current,
            judged.unusable_reason,
            judged.lines_before,
            judged.lines_after,
            self._at(opening),
            self._at(opening - 1),
            self._at(closing),
            self._at(closing + 1) if closing >= 0 else None,
            self._at(closing + 2) if closing >= 0 else None,
        )

    def _at(self, position: int) -> int | None:
        return self.usable[position] if 0 <= position < len(self.usable) else None


def nodes_of(rows: Iterable[Mapping[str, Any]]) -> list[Node]:
    """Rows of int_holding_file as nodes."""
    return [
        Node(
            book=row["book_code"],
            node_no=row["node_no"],
            as_of_date=row["as_of_date"],
            moment_no=row["moment_no"],
            version=-row["revision_rank"],
            is_session=row["session_index"] is not None,
            lines=row["lines"],
            weight_sum_pct=row["weight_sum_pct"],
            zero_weight_lines=row["zero_weight_lines"],
            lines_sha256=row["lines_sha256"],
        )
        for row in rows
    ]


def lattice(nodes: Iterable[Node]) -> tuple[list[tuple[str, int, int, State]], list[Moment]]:
    """Follow all books through the moments.

    Returns:
        Each change of a node's state, as book, node_no, moment_no and the state from then on; and for each book and
        each moment at which any book learnt a file the newest usable nodes.
    """
    by_book: Mapping[str, list[Node]] = defaultdict(list)
    for node in nodes:
        by_book[node.book].append(node)
    moments = sorted({node.moment_no for known in by_book.values() for node in known})
    states: list[tuple[str, int, int, State]] = []
    newest: list[Moment] = []
    for name in sorted(by_book):
        book = _Book()
        ordered = sorted(by_book[name], key=lambda n: n.moment_no)
        learnt = {number: list(group) for number, group in groupby(ordered, key=lambda n: n.moment_no)}
        earlier: tuple[int | None, dt.date | None] = (None, None)
        for moment in moments:
            if moment in learnt:
                states.extend((name, number, moment, state) for number, state in book.learn(learnt[moment]))
            now = (book.newest, None if book.newest is None else book.dates_of[book.newest])
            newest.append(Moment(name, moment, *now, *earlier))
            earlier = now
    return states, newest
