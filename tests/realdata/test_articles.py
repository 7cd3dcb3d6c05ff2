"""Every statement of examples/articles.sql gives, on the last release of real data, what is written beside it."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re

import duckdb
import pytest

from tests.examples.articles import Claim, claims

ASKED = [claim for claim in claims() if claim.query]
NOTHING_HELD = [claim for claim in ASKED if claim.fields["expect"] == "no rows"]
# The list of claims, article by article.
NUMBERS = re.findall(
    r"\S+",
    """
    0.1 0.2 0.3 0.4 0.5 0.6 0.7
    1.1 1.2 1.3 1.4 1.5 1.6 1.7 1.8 1.9 1.10 1.11 1.12 1.13 1.14 1.15 1.16 1.17 1.18 1.19 1.20 1.21 1.22 1.23 1.24 1.25
    1.26 1.27 1.28
    2.1 2.2 2.3 2.4 2.5 2.6 2.7 2.8 2.9 2.10 2.11
    3.1 3.2 3.3 3.4 3.5 3.6 3.7 3.8 3.9 3.10 3.11 3.12
    4.1 4.2 4.3 4.4 4.5 4.6 4.7 4.8 4.9
    """,
)
# Those that make more statements than one, and those that no stored data answer.
SEVERAL = {
    "0.3": 2,
    "0.6": 3,
    "0.7": 2,
    "1.7": 2,
    "1.8": 3,
    "1.21": 3,
    "1.22": 2,
    "1.23": 3,
    "1.24": 2,
    "2.3": 3,
    "2.8": 2,
    "4.6": 2,
    "4.9": 2,
}
UNANSWERED = {"1.28", "2.2", "2.4", "2.5", "2.6", "2.11", "3.9"}


def test_every_claim_is_there_with_its_queries_or_the_reason_why_not():
    expected = {number: 0 if number in UNANSWERED else SEVERAL.get(number, 1) for number in NUMBERS}
    found = dict.fromkeys((claim.fields["claim"] for claim in claims()), 0)
    for claim in ASKED:
        found[claim.fields["claim"]] += 1
    assert list(found.items()) == list(expected.items())


@pytest.mark.parametrize("claim", claims(), ids=lambda claim: claim.name)
def test_a_block_has_the_lines_it_needs(claim: Claim):
    if claim.query:
        assert {"published", "as of", "expect"} <= set(claim.fields)
        assert not {"no free source", "not stored"} & set(claim.fields)
        assert claim.query.endswith(";")
        assert len(duckdb.extract_statements(claim.query)) == 1
    else:
        assert set(claim.fields) in ({"claim", "no free source"}, {"claim", "not stored"})


@pytest.mark.parametrize("claim", ASKED, ids=lambda claim: claim.name)
def test_whatever_stands_for_something_else_is_declared(claim: Claim):
    assert claim.undeclared() == set()
    assert "proxy" in claim.fields or not claim.needs_proxy()
    assert not claim.idle_proxy()


def test_an_undeclared_proxy_is_found():
    claim = Claim(
        {"claim": "9.9", "published": "the Russell 2000 gains", "expect": "1 ± 0"}, "select '^RUT', 'IWM', '^GSPC'"
    )
    assert claim.undeclared() == {"IWM", "^GSPC"}
    named = dataclasses.replace(claim, fields=claim.fields | {"proxy": "IWM and ^GSPC stand in"})
    assert named.undeclared() == set()
    assert not named.idle_proxy()
    assert dataclasses.replace(claim, fields=claim.fields | {"proxy": "SPY stands in"}).idle_proxy()
    assert dataclasses.replace(claim, query="select total_return_ratio_proxy").needs_proxy()


@pytest.mark.parametrize(
    ("expect", "rows", "agrees"),
    [
        ("1 ± 0, true, 2024-01-02, target", [(1, True, dt.date(2024, 1, 2), "target")], True),
        ("1 ± 0.1, null", [(1.05, None, "more")], True),
        ("1 ± 0.1, 2 ± 0.1", [(1.05, None)], False),
        ("1 ± 0.1, 2 ± 0.1", [(1.05, 2.2)], False),
        ("1 ± 0.1", [], False),
        ("1 ± 0.1", [(1,), (1,)], False),
        ("no rows", [], True),
        ("no rows", [(None,)], False),
    ],
)
def test_an_answer_is_held_against_every_value_expected(expect: str, rows: list[tuple], agrees: bool):
    assert Claim({"expect": expect}, "").agrees(rows) is agrees


def test_sensitivity_to_rates_is_measured_over_one_window():
    on_yields = [claim for claim in ASKED if "beta_to_ust10_bp" in claim.query]
    assert [claim.fields["claim"] for claim in on_yields] == ["0.6", "4.9"]
    assert all("window_sessions = 252" in claim.query and "beta_to_ust10_t" in claim.query for claim in on_yields)
    # no column holds the slope on inflation expected, so its query counts the same sessions itself
    assert [re.findall(r"limit (\d+)", claim.query) for claim in ASKED if "regr_slope" in claim.query] == [["252"]]


@pytest.mark.realdata
@pytest.mark.parametrize("claim", ASKED, ids=lambda claim: claim.name)
def test_the_query_gives_what_is_written_beside_it(walk, claim: Claim):
    with duckdb.connect(str(walk.served), read_only=True) as con:
        rows = con.execute(claim.query).fetchall()
    assert claim.agrees(rows), rows


@pytest.mark.parametrize("claim", ASKED, ids=lambda claim: claim.name)
def test_the_query_runs_on_the_sandbox(sandbox_release, claim: Claim):
    with duckdb.connect(str(sandbox_release.data / "smallcap.duckdb"), read_only=True) as con:
        con.execute(claim.query).fetchall()


def test_every_answer_of_no_rows_has_a_control():
    assert NOTHING_HELD
    assert [claim.name for claim in claims() if "control" in claim.fields] == [claim.name for claim in NOTHING_HELD]


@pytest.mark.parametrize("claim", NOTHING_HELD, ids=lambda claim: claim.name)
def test_no_rows_is_no_answer_of_an_empty_table(sandbox_release, claim: Claim):
    control = claim.fields["control"]
    # the same relation and the same instrument, asked without the day
    assert re.findall(r"from (\w+)", control) == re.findall(r"from (\w+)", claim.query)
    assert re.findall(r"(?:fund|symbol|underlying) = '(\w+)'", control) == re.findall(
        r"(?:fund|symbol|underlying) = '(\w+)'", claim.query
    )
    with duckdb.connect(str(sandbox_release.data / "smallcap.duckdb"), read_only=True) as con:
        assert con.execute(control).fetchall()
