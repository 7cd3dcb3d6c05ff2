"""Every claim of examples/articles.sql gives, on the last release of real data, the number written beside it."""

from __future__ import annotations

import duckdb
import pytest

from tests.examples.articles import claims

ASKED = [claim for claim in claims() if claim.query]
# numbers of the claims list: five articles, seven to twenty-eight claims each
NUMBERS = [f"{article}.{n}" for article, count in enumerate((7, 28, 11, 12, 9)) for n in range(1, count + 1)]


def test_every_claim_is_there_with_a_query_or_the_reason_why_not():
    assert list(dict.fromkeys(claim.fields["claim"] for claim in claims())) == NUMBERS
    for claim in claims():
        if claim.query:
            assert {"published", "as of", "expect"} <= set(claim.fields), claim.name
            assert "no free source" not in claim.fields
            assert claim.query.endswith(";")
            assert len(duckdb.extract_statements(claim.query)) == 1
        else:
            assert set(claim.fields) == {"claim", "no free source"}, claim.name


@pytest.mark.realdata
@pytest.mark.parametrize("claim", ASKED, ids=lambda claim: claim.name)
def test_the_query_gives_the_number_written_beside_it(walk, claim):
    with duckdb.connect(str(walk.served), read_only=True) as con:
        rows = con.execute(claim.query).fetchall()
    assert claim.agrees(rows), rows


@pytest.mark.parametrize("claim", ASKED, ids=lambda claim: claim.name)
def test_the_query_runs_on_the_sandbox(sandbox_release, claim):
    with duckdb.connect(str(sandbox_release.data / "smallcap.duckdb"), read_only=True) as con:
        con.execute(claim.query).fetchall()
