"""Securities of the published sandbox warehouse against what was injected."""

from __future__ import annotations

import datetime as dt

import duckdb
import pandas as pd
import pytest

from orchestration.sandbox.companies import company_history
from orchestration.sandbox.streams import DEFAULT_SEED as SEED
from orchestration.sandbox.timeline import timeline
from orchestration.sandbox.truth import truth

LAST = dt.date(2026, 11, 20)


@pytest.fixture(scope="module")
def served(sandbox_release):
    with duckdb.connect(str(sandbox_release.data / "smallcap.duckdb"), read_only=True) as con:
        yield lambda query: con.execute(query).df()


@pytest.fixture(scope="module")
def lines(served) -> pd.DataFrame:
    """What each line said, its security and its company."""
    said = served(
        "select ticker, name, cusip, security_id, min(as_of_date) as first_seen, max(as_of_date) as last_seen "
        "from fct_holding where is_constituent and vendor = 'blackrock' group by all"
    )
    history = company_history(SEED, timeline().upto(LAST) - 1)
    numbers = list(enumerate(history.first_identity)) + [(c, n) for _, c, n in history.identity_changes]
    company = {
        (history.identities[n].ticker, history.identities[n].name, history.identities[n].cusip): c for c, n in numbers
    }
    said["company"] = [company[row.ticker, row.name, row.cusip] for row in said.itertuples()]
    return said


def test_securities_are_the_companies(lines):
    assert (lines.groupby("security_id")["company"].nunique() == 1).all()
    assert (lines.groupby("company")["security_id"].nunique() == 1).all()
    assert len(lines) > lines["company"].nunique()


def test_renames_are_in_the_history_of_one_security(served, lines):
    history = served("select * from dim_security_identifier where id_type in ('ticker', 'name')")
    seen = 0
    for row in truth(SEED, LAST).renames.itertuples():
        old = lines[
            (lines["cusip"] == row.cusip) & (lines["ticker"] == row.old_ticker) & (lines["name"] == row.old_name)
        ]
        new = lines[
            (lines["cusip"] == row.cusip) & (lines["ticker"] == row.new_ticker) & (lines["name"] == row.new_name)
        ]
        if old.empty or new.empty:
            continue
        seen += 1
        changes = history[(history["security_id"] == new["security_id"].iloc[0]) & (history["method"] == "cusip")]
        for kind, before, after in (("ticker", row.old_ticker, row.new_ticker), ("name", row.old_name, row.new_name)):
            mine = changes[(changes["id_type"] == kind) & (changes["id_value"] == after)]
            if before == after:
                continue
            assert len(mine) == 1
            assert (mine["valid_from"] == new["first_seen"].iloc[0]).all()
    assert seen > 5


def test_a_reverse_split_changes_the_cusip_of_one_security(served, lines):
    history = served("select * from dim_security_identifier where id_type = 'cusip'")
    seen = 0
    for row in truth(SEED, LAST).share_splits.itertuples():
        if not {row.old_cusip, row.new_cusip} <= set(lines["cusip"]):
            continue
        seen += 1
        mine = history[history["id_value"].isin([row.old_cusip, row.new_cusip])].sort_values("valid_from")
        assert mine["security_id"].nunique() == 1
        assert list(mine["id_value"]) == [row.old_cusip, row.new_cusip]
        assert mine["valid_to"].iloc[0] == mine["valid_from"].iloc[1]
        assert mine["change"].iloc[1] in ("reverse_split", "forward_split", "reissue")
    assert seen > 5


def test_the_history_agrees_with_the_dimension(served):
    newest = served(
        "select count(*) as n from dim_security s left join dim_security_identifier i "
        "on i.security_id = s.security_id and i.id_type = 'cusip' and i.valid_to is null "
        "where i.id_value is distinct from s.cusip"
    )
    assert newest["n"][0] == 0


def test_a_clean_market_leaves_nothing_to_review(served):
    assert served("select count(*) as n from data_quality_issue where rule = 'ambiguous_identity'")["n"][0] == 0
