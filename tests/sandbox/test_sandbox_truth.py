"""The files show what the truth table says was injected."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from functools import cache
from itertools import pairwise

import pandas as pd
import pytest

from orchestration.calendars import next_session, previous_session, shift_sessions
from orchestration.sandbox.companies import company_history
from orchestration.sandbox.holdings import future_of, holdings, index_funds
from orchestration.sandbox.identity import cusip_of, isin_of, sedol_of
from orchestration.sandbox.streams import DEFAULT_SEED as SEED
from orchestration.sandbox.timeline import timeline
from orchestration.sandbox.truth import Truth, flows, junk_lines, members, truth

LAST = dt.date(2026, 12, 31)


@pytest.fixture(scope="module")
def injected() -> Truth:
    return truth(SEED, LAST)


@cache
def file(fund: str, day: dt.date) -> dict[str, tuple[str, float, float]]:
    """Ticker, shares and price by CUSIP."""
    session = timeline().at(day)
    found, known = holdings(SEED, fund, session), company_history(SEED, session).identities
    columns = (found.identity, found.shares, found.price)
    return {
        known[number].cusip: (known[number].ticker, shares, price)
        for number, shares, price in zip(*(column.tolist() for column in columns), strict=True)
    }


def after_first_file(table: pd.DataFrame) -> Iterator[dict[str, object]]:
    return (row for row in table.to_dict("records") if row["session_date"] > dt.date(2024, 6, 3))


def test_identifiers_have_valid_check_digits() -> None:
    # published examples: Apple's ISIN, and a CUSIP computed by hand
    assert isin_of("037833100") == "US0378331005"
    assert len({cusip_of(n, 10) for n in range(9000)}) == 9000
    assert len({sedol_of(n, issue) for n in range(9000) for issue in (10, 20)}) == 18_000
    assert all(cusip_of(n, 10).startswith("99") for n in range(100))


def test_reconstitutions_come_on_the_official_fridays(injected: Truth) -> None:
    assert sorted(set(injected.reconstitution["effective_date"])) == [
        dt.date(2024, 6, 28), dt.date(2025, 6, 27), dt.date(2026, 6, 26), dt.date(2026, 12, 11),
    ]  # fmt: skip


@pytest.mark.parametrize("friday", [dt.date(2025, 6, 27), dt.date(2026, 12, 11)])
def test_additions_are_in_the_fridays_file_and_deletions_leave_slowly(injected: Truth, friday: dt.date) -> None:
    table = injected.reconstitution
    table = table[(table["effective_date"] == friday) & (table["index_code"] == "R2000")]
    before, at = file("IWM", previous_session(friday)), file("IWM", friday)
    later, gone = file("IWM", next_session(friday)), file("IWM", shift_sessions(friday, 16))
    added = table[table["last_seen"].isna()]
    deleted = table[table["last_seen"].notna()]
    assert 100 < len(added) < 300
    assert 100 < len(deleted) < 250
    assert set(added["cusip"]) <= at.keys()
    assert not set(added["cusip"]) & before.keys()
    recoded = injected.share_splits[injected.share_splits["session_date"] == friday]
    assert set(deleted["cusip"]) - set(recoded["new_cusip"]) <= before.keys()
    assert not set(deleted["cusip"]) & gone.keys()
    at_once = [row for row in deleted.itertuples() if row.cusip not in at]
    assert 0.1 < len(at_once) / len(deleted) < 0.7
    for row in deleted.itertuples():
        if row.last_seen > friday and row.cusip in later:
            assert later[row.cusip][1] < at[row.cusip][1]
    up = deleted[deleted["change_type"] == "MIGRATE_UP_TO_R1000"]
    assert len(up) > 5
    assert set(up["cusip"]) <= file("IWB", friday).keys()


def test_membership_is_fixed_between_events(injected: Truth) -> None:
    days = [timeline().dates[n] for n in range(timeline().at(dt.date(2025, 8, 1)), timeline().at(dt.date(2025, 10, 1)))]
    table = injected.between[injected.between["index_code"] == "R2000"]
    splits = injected.share_splits
    for old, new in pairwise(days):
        changed = set(table[table["session_date"] == new]["cusip"])
        recoded = splits[splits["session_date"] == new]
        changed |= set(recoded["old_cusip"]) | set(recoded["new_cusip"])
        assert members(SEED, "R2000", old).keys() ^ members(SEED, "R2000", new).keys() <= changed


def test_renames_keep_the_cusip(injected: Truth) -> None:
    seen = 0
    for row in after_first_file(injected.renames):
        day = row["session_date"]
        before, after = file("IWV", previous_session(day)), file("IWV", day)
        if row["cusip"] in before and row["cusip"] in after and row["old_ticker"] != row["new_ticker"]:
            assert (before[row["cusip"]][0], after[row["cusip"]][0]) == (row["old_ticker"], row["new_ticker"])
            seen += 1
        if seen == 10:
            return
    pytest.fail("fewer than ten renames in two years")


def test_reverse_splits_change_the_cusip_and_nothing_else(injected: Truth) -> None:
    seen = 0
    reverse = injected.share_splits[injected.share_splits["ratio"] < 1]
    for row in after_first_file(reverse):
        day = row["session_date"]
        for fund in ("IWM", "IWC"):
            before, after = file(fund, previous_session(day)), file(fund, day)
            if row["old_cusip"] not in before or row["new_cusip"] not in after:
                continue
            assert row["old_cusip"] not in after
            old, new = before[row["old_cusip"]], after[row["new_cusip"]]
            assert new[0] == old[0]
            assert new[1] / old[1] == pytest.approx(row["ratio"], rel=0.2)
            seen += 1
        if seen >= 8:
            return
    pytest.fail("fewer than eight reverse splits in two years")


def test_takeovers_end_the_line_and_may_leave_a_right(injected: Truth) -> None:
    rights = 0
    bought = injected.acquisitions[injected.acquisitions["kind"] == "acquisition"]
    for row in list(after_first_file(bought))[:60]:
        day = row["session_date"]
        before = file("IWM", previous_session(day))
        if row["cusip"] in before:
            assert row["cusip"] not in file("IWM", day)
    for day in (dt.date(2025, 6, 2), dt.date(2026, 11, 19)):
        rights += sum(line.name.endswith(" CVR") for line in junk_lines(SEED, "IWM", day))
    assert rights >= 2


def test_spin_offs_take_their_part_of_the_parent(injected: Truth) -> None:
    rows = list(after_first_file(injected.spin_offs))
    assert len(rows) >= 8
    checked = 0
    for row in rows:
        day = row["session_date"]
        for fund in ("IWM", "IWB"):
            before, after = file(fund, previous_session(day)), file(fund, day)
            if row["cusip"] in before and row["child_cusip"] in after:
                assert row["child_cusip"] not in before
                drop = after[row["cusip"]][2] / before[row["cusip"]][2] - 1
                assert drop == pytest.approx(-row["part"], abs=0.2)
                checked += 1
    assert checked >= 3


def test_tickers_are_used_again_by_others(injected: Truth) -> None:
    assert len(injected.ticker_reuse) >= 3
    assert (injected.ticker_reuse["old_cusip"] != injected.ticker_reuse["new_cusip"]).all()


def test_files_hold_lines_that_are_no_constituents() -> None:
    day = dt.date(2026, 6, 1)
    lines = junk_lines(SEED, "IWM", day)
    tickers = [line.ticker for line in lines]
    assert {"XTSLA", "USD", "CAD", "MARGIN_USD", "RTYM6", "-"} <= set(tickers)
    assert len([line for line in lines if line.name.endswith("WARRANTS")]) == 2
    assert future_of(day) == ("M6", "JUN 26")
    assert future_of(dt.date(2026, 6, 16)) == ("U6", "SEP 26")
    sessions = range(timeline().at(dt.date(2026, 1, 2)), timeline().at(dt.date(2026, 7, 1)))
    days = [timeline().dates[n] for n in sessions]
    with_collateral = [d for d in days if any(line.ticker == "JPM" for line in junk_lines(SEED, "IWM", d))]
    assert 2 <= len(with_collateral) <= 16


def test_share_classes_without_separator_are_held() -> None:
    tickers = {ticker for ticker, _, _ in file("IWV", dt.date(2024, 6, 3)).values()}
    assert {"BRKB", "BFA", "BFB", "LENB", "MOGA", "MOGB", "HEIA"} <= tickers


@pytest.mark.parametrize("fund", list(index_funds()))
def test_index_return_is_made_by_its_members(fund: str) -> None:
    """Cap-weighted constituents move as the fund does."""
    day = dt.date(2025, 9, 10)
    before, after = file(fund, previous_session(day)), file(fund, day)
    both = before.keys() & after.keys()
    old = sum(before[cusip][1] * before[cusip][2] for cusip in both)
    new = sum(before[cusip][1] * after[cusip][2] for cusip in both)
    nav = flows(SEED, fund, day)["nav"].iloc[-2:].tolist()
    assert new / old - 1 == pytest.approx(nav[1] / nav[0] - 1, abs=0.0025)
