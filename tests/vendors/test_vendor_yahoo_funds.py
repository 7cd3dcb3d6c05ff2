"""Fund valuations through the real client: stored as sent, and each failure named."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from scripted_vendor import PAGE, Say

SESSION = dt.date(2026, 11, 20)
PATH = "/v10/finance/quoteSummary/IVW"
RATIOS = {"priceToEarnings": 0.03583, "priceToBook": 0.12, "priceToSales": 0.4, "priceToCashflow": 0.05}


def summary(symbol: str = "IVW", without: tuple[str, ...] = (), **ratios: Any) -> bytes:
    equity = {name: value for name, value in (RATIOS | ratios).items() if value != "absent"}
    modules = {
        "quoteType": {"quoteType": "ETF", "symbol": symbol},
        "summaryProfile": {"longBusinessSummary": "A fund."},
        "topHoldings": {"holdings": [], "equityHoldings": equity},
        "fundProfile": {"family": "F"},
    }
    shown = {name: module for name, module in modules.items() if name not in without}
    return json.dumps({"quoteSummary": {"result": [shown], "error": None}}).encode()


def error(text: str) -> bytes:
    return json.dumps({"quoteSummary": {"result": None, "error": {"code": "Not Found", "description": text}}}).encode()


def ask(yahoo: Any) -> Any:
    return yahoo.fund_valuation("IVW", SESSION)


def test_ratios_are_taken_as_sent(vendor, yahoo):
    vendor.on(PATH, summary())
    answer = ask(yahoo)
    assert (answer.outcome, answer.rejected, answer.attempts) == ("ok", (), 1)
    assert (answer.dataset, answer.key, answer.window_start) == ("fund_valuation", "IVW", SESSION)
    assert answer.rows["fund_valuation"].to_dict("records") == [
        {
            "symbol": "IVW",
            "session_date": SESSION,
            "price_to_earnings": 0.03583,
            "price_to_book": 0.12,
            "price_to_sales": 0.4,
            "price_to_cashflow": 0.05,
        }
    ]
    assert vendor.count("modules=.*topHoldings") == 1
    assert "crumb=***" in answer.url


def test_a_number_with_its_text_is_read_too(vendor, yahoo):
    vendor.on(PATH, summary(priceToEarnings={"raw": 0.04, "fmt": "0.04"}))
    assert ask(yahoo).rows["fund_valuation"]["price_to_earnings"][0] == 0.04


def test_a_missing_ratio_is_null(vendor, yahoo):
    vendor.on(PATH, summary(priceToBook="absent", priceToSales=None))
    row = ask(yahoo).rows["fund_valuation"].iloc[0]
    assert row.isna()[["price_to_book", "price_to_sales"]].all()
    assert row["price_to_earnings"] == 0.03583


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (Say(summary(without=("summaryProfile", "topHoldings", "fundProfile"))), "empty"),
        (Say(summary(**dict.fromkeys(RATIOS))), "empty"),
        (Say(error("No fundamentals data found for symbol: IVW"), 404), "empty"),
        (Say(error("Quote not found for symbol: IVW"), 404), "unknown_symbol"),
        (Say(summary(without=("fundProfile",))), "malformed"),
        (Say(summary(symbol="IWN")), "malformed"),
        (Say(summary(priceToEarnings=-0.1)), "malformed"),
        (Say(summary(priceToEarnings="0.04")), "malformed"),
        (Say(b'{"quoteSummary":{"result":[],"error":null}}'), "malformed"),
        (Say(b'{"chart":{}}'), "malformed"),
        (Say(b""), "malformed"),
        (Say(PAGE, 200), "blocked"),
        (Say(PAGE, 404), "not_found"),
        (Say(b"{}", 401), "blocked"),
        (Say(b"Too Many Requests", 429), "rate_limited"),
        (Say(PAGE, 503), "unreachable"),
        (Say(drop=True), "unreachable"),
    ],
)
def test_failures_are_read_from_the_wire(vendor, yahoo, answer, outcome):
    vendor.on(PATH, answer)
    result = ask(yahoo)
    assert (result.outcome, result.rows) == (outcome, {})
    assert result.detail
