"""A Yahoo without option chains and fund valuations: named, not fatal, and not asked again at once."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.realdata


def test_a_yahoo_without_snapshots_is_named_and_everything_else_is_published(directory, replay):
    directory.extra = {"SMALLCAP_START": "2026-06-01", "SMALLCAP_VENDORS": "yahoo"}
    replay.today("2026-07-31")
    printed = directory.run("2026-07-31")
    assert "warning: options, vendor_answers: yahoo: not_found for IWM, SPY" in printed
    assert "warning: options, coverage: 2 keys lack their newest expected date: IWM: nothing stored" in printed
    assert "warning: fund_valuation, coverage: 2 keys lack their newest expected date: IVW: nothing stored" in printed
    ledger = directory.sql(
        "select dataset, key, outcome, http_status, attempts, detail from fct_request_ledger "
        "where dataset in ('options', 'fund_valuation') order by dataset, key"
    )
    assert list(zip(ledger["key"], ledger["outcome"], ledger["attempts"], strict=True)) == [
        ("IVW", "empty", 1),
        ("IWN", "empty", 1),
        ("IWM", "not_found", 1),
        ("SPY", "not_found", 1),
    ]
    assert ledger["detail"][0] == "no equity holdings among quoteType"
    assert directory.sql("select count(*) as n from mart_option_daily")["n"][0] == 0
    measures = directory.sql(
        "select measure, count(*) as n, max(as_of_date) as last from mart_valuation_gap group by 1"
    )
    assert set(measures["measure"]) == {"price_ratio_px_proxy", "total_return_ratio_proxy"}
    assert set(measures["last"].astype(str)) == {"2026-07-31"}
    # the same evening: an answer that stands is not asked for again
    replay.clear()
    directory.run("2026-07-31")
    assert not [path for path in replay.requests() if "options" in path or "quoteSummary" in path]
