"""Which small changes are made, and that the list of those nobody could notice is up to date."""

from __future__ import annotations

import pytest

from tests.mutation.__main__ import equivalents, mutants
from tests.mutation.changes import changes


def changed(text: str) -> set[str]:
    """All texts that one change makes of a text."""
    return {change.apply(text) for change in changes(text)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a >= b", {"a > b"}),
        ("a > b", {"a >= b"}),
        ("a <= b", {"a < b"}),
        ("a <> b", {"a = b"}),
        ("a = b", {"a <> b"}),
        ("lag(x, 2)", {"lead(x, 2)", "lag(x, 1)", "lag(x, 3)"}),
        ("max_by(x, y)", {"min_by(x, y)"}),
        ("count(distinct x)", {"count(x)"}),
        ("a left join b", {"a inner join b"}),
        ("x is not null or y", {"x is null or y", "x is not null and y"}),
        ("order by x desc nulls last", {"order by x asc nulls last", "order by x desc nulls first"}),
        ("coalesce(f(a, b), c)", {"f(a, b)"}),
        ("100 * a", {"10 * a", "100 / a"}),
        ("0.5 - a", {"1.0 - a", "0.5 + a"}),
        ("for n in [252] %}", {"for n in [251] %}", "for n in [253] %}"}),
        ("where\n    a.x\n    and b.y\n", {"where\n    true\n    and b.y\n", "where\n    a.x\n    and true\n",
                                             "where\n    a.x\n    or b.y\n"}),
        ("is distinct from a", {"is not distinct from a"}),
        # neither the words of a comment or a string nor the columns of a table
        ("-- a >= 1\n'a >= 1' {# 3 > 2 #} {{- x -}} sma_20 cast(x as decimal(38, 4)) *", set()),
        ("date '2024-01-01'", set()),
    ],
)  # fmt: skip
def test_the_changes_of_a_text(text: str, expected: set[str]) -> None:
    assert changed(text) == expected


def test_a_change_knows_its_line() -> None:
    text = "select\n    a,\n    b  >= 1\nfrom c\n"
    (change,) = (one for one in changes(text) if one.before == ">=")
    assert change.line_number(text) == 3
    assert change.lines(text) == ("b >= 1", "b > 1")


def test_every_equivalent_change_is_still_one_of_the_changes() -> None:
    possible = {mutant.key for mutant in mutants(["*"])}
    gone = [key for key in equivalents() if key not in possible]
    assert not gone, f"tests/mutation/equivalent.csv names lines that are no longer written so: {gone}"
    assert all(len(reason) > 20 for reason in equivalents().values())
