"""Which holdings files may be compared, and what a reader of each moment sees of them; numbers by hand."""

from __future__ import annotations

import datetime as dt

from orchestration.securities.lattice import Node, State, lattice


def node(number: int, day: int, lines: int = 2000, moment: int = 1, **extra) -> Node:
    known = {"weight_sum_pct": 100.0, "zero_weight_lines": 0, "lines_sha256": str(number), "is_session": True} | extra
    return Node(
        book="R2000", node_no=number, as_of_date=dt.date(2025, 6, day), moment_no=moment, version=moment,
        lines=lines, **known,
    )  # fmt: skip


def states_at(nodes: list[Node], moment: int) -> dict[int, State]:
    states, _ = lattice(nodes)
    return {number: state for _, number, learnt, state in states if learnt <= moment}


def test_verdicts():
    """Good, good, truncated, good, a copy of the one before, a Sunday, too little weight, a weight sum of 97.5 with a
    thousand weights printed as 0.00 (lower bound 97), a reconstitution of +9 percent."""
    found = states_at(
        [
            node(1, 2),
            node(2, 3, 2001, weight_sum_pct=99.0),
            node(3, 4, 1500, weight_sum_pct=99.9),
            node(4, 5, weight_sum_pct=None, lines_sha256="d"),
            node(5, 6, lines_sha256="d"),
            node(6, 8, is_session=False),
            node(7, 9, weight_sum_pct=97.0),
            node(8, 10, weight_sum_pct=97.5, zero_weight_lines=1000),
            node(9, 11, 2180, weight_sum_pct=101.0),
        ],
        1,
    )
    reasons = {number: state.unusable_reason for number, state in found.items() if not state.is_usable}
    assert reasons == {3: "truncated", 5: "stale_copy", 6: "not_a_session", 7: "weight_sum"}
    assert (found[3].lines_before, found[3].lines_after) == (2000.5, 2000.0)
    # a run that begins with the truncated file begins with number 4, one that ends with it ends with number 2
    third = found[3]
    assert (third.opening_node, third.before_opening_node, third.closing_node) == (4, 2, 2)
    assert (third.absent_node, third.second_absent_node) == (4, 8)
    assert (found[9].absent_node, found[1].before_opening_node) == (None, None)


def test_the_bounds_of_a_weight_sum_are_inclusive():
    exact = [node(1, 2, weight_sum_pct=98.8, zero_weight_lines=100), node(2, 3, weight_sum_pct=101.0)]
    beyond = [node(1, 2, weight_sum_pct=98.799999, zero_weight_lines=100), node(2, 3, weight_sum_pct=101.000001)]
    assert [state.is_usable for state in states_at(exact, 1).values()] == [True, True]
    assert [state.unusable_reason for state in states_at(beyond, 1).values()] == ["weight_sum", "weight_sum"]


def test_files_a_quarter_away_say_nothing_of_a_size():
    far = Node("R2000", 2, dt.date(2025, 9, 11), 1, 1, True, 900, 100.0, 0, "b")
    near = Node("R2000", 2, dt.date(2025, 9, 10), 1, 1, True, 900, 100.0, 0, "b")
    assert states_at([node(1, 2, 1000), far], 1)[2].is_usable
    assert states_at([node(1, 2, 1001), near], 1)[2].unusable_reason == "truncated"


def test_the_version_known_at_the_moment_counts():
    files = [node(1, 2), node(2, 2, 2001, moment=2)]
    assert [states_at(files, 1)[1].is_usable, 2 in states_at(files, 1)] == [True, False]
    assert [states_at(files, 2)[1].is_current, states_at(files, 2)[2].is_usable] == [False, True]


def test_a_new_day_touches_the_files_before_it_only():
    """Every day one file: what is written does not grow with the history."""
    days = [node(n, 1, moment=n) for n in range(1, 201)]
    days = [Node(**{**vars(d), "as_of_date": dt.date(2025, 1, 1) + dt.timedelta(days=d.node_no)}) for d in days]
    states, moments = lattice(days)
    written = [len([1 for _, _, moment, _ in states if moment == m]) for m in range(10, 201)]
    assert max(written) <= 4
    assert [(m.newest_node, m.earlier_newest_node) for m in moments[:3]] == [(1, None), (2, 1), (3, 2)]
