"""Prices and splits of the members, and what they add to the index, on the fund's real files."""

from __future__ import annotations

import datetime as dt

import pytest

pytestmark = pytest.mark.realdata

APRIL = (dt.date(2026, 4, 10), dt.date(2026, 4, 23))
MAY = (dt.date(2026, 4, 23), dt.date(2026, 5, 5))


def test_near_files_replicate_the_index(walk):
    near = walk.sql(
        "select previous_session_date, session_date, covered_weight_pct, error_pp, error_to_fund_pp "
        "from mart_index_replication where index_code = 'R2000' and gap_sessions <= 10 order by session_date"
    )
    pairs = [(a.date(), b.date()) for a, b in zip(near["previous_session_date"], near["session_date"], strict=True)]
    assert pairs == [APRIL, MAY]
    assert (near["covered_weight_pct"] >= 99).all()
    assert (near["error_pp"].abs() <= 0.05).all()


def test_what_drove_the_index_in_april_2026_adds_up(walk):
    names, total = walk.sql(
        "select count(*) as names, sum(contribution_pp) as total "
        "from contribution_between('R2000', '2026-04-10', '2026-04-23')"
    ).iloc[0]
    assert names > 1900
    assert total == pytest.approx(5.46, abs=0.02)


def test_no_split_between_these_files_is_unresolved(walk):
    actions = walk.sql(
        "select s.ticker, a.action_type, a.ratio, a.confidence, a.is_reviewed from fct_security_action as a "
        "inner join dim_security as s using (security_id) "
        "where a.session_before >= '2026-04-10' and a.ex_date <= '2026-05-05' order by a.ex_date"
    )
    assert actions["ticker"].tolist() == ["ZSPC", "VISN"]
    # a reverse split with a collapse, and a special dividend of half the price
    assert actions["action_type"].tolist() == ["split", "distribution"]
    assert actions["ratio"].tolist()[0] == pytest.approx(1 / 25)
    assert actions["confidence"].tolist() == ["MEDIUM", "MEDIUM"]
    assert actions["is_reviewed"].tolist() == [False, True]
    left = walk.sql(
        "select count(*) as n from mart_index_contribution where index_code = 'R2000' "
        "and session_date in ('2026-04-23', '2026-05-05') and null_reason in ('unresolved_action', 'basis_uncertain')"
    )
    assert left["n"].tolist() == [0]


def test_files_without_prices_give_none(walk):
    days = walk.sql(
        "select distinct session_date from fct_security_price_daily "
        "where session_date between '2025-06-01' and '2025-10-31'"
    )
    assert days.empty


def test_reports_to_the_sec_give_no_prices(walk):
    funds = walk.sql(
        "select count(*) as n from fct_security_price_daily as p where not exists (select 1 from fct_holding as h "
        "where h.fund = p.fund and h.as_of_date = p.session_date and h.vendor = 'blackrock')"
    )
    assert funds["n"].tolist() == [0]
