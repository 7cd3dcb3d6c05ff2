"""Yahoo's valuation of what a fund holds: today's only."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pandas as pd
import yfinance as yf

from orchestration.vendors.answer import Parsed, Rejected, jsonable
from orchestration.vendors.http import Reply, VendorError, check_wire
from orchestration.vendors.tables import table
from orchestration.vendors.text import read_json
from orchestration.vendors.yahoo_session import YahooSession, is_number

SUMMARY_PATH = "/v10/finance/quoteSummary/"
RATIOS = {
    "price_to_earnings": "Price/Earnings",
    "price_to_book": "Price/Book",
    "price_to_sales": "Price/Sales",
    "price_to_cashflow": "Price/Cashflow",
}


def fetch_fund_valuation(session: YahooSession, symbol: str, day: dt.date) -> Parsed:
    """The ratios of one fund, as Yahoo sends them, filed under a session."""
    with session.asking(SUMMARY_PATH, lambda reply, _: _judge(reply, symbol)):
        funds = yf.Ticker(symbol, session=session).funds_data
        holdings = funds.equity_holdings[symbol] if funds is not None else None
        result, payload = session.newest()
    if result is None or holdings is None:
        raise VendorError("malformed", "yfinance answered without asking for the fund")
    values = {name: holdings.get(label) for name, label in RATIOS.items()}
    ratios = {
        # what is no scalar, such as a list, is judged below
        name: None if pd.api.types.is_scalar(value) and pd.isna(value) else value
        for name, value in values.items()
    }
    if all(value is None for value in ratios.values()):
        return Parsed("empty", payload=payload, detail="equityHoldings without a ratio")
    row = {"symbol": symbol, "session_date": day, **ratios}
    fault = _fault(ratios)
    if fault:
        return Parsed(
            "malformed",
            rejected=(Rejected("fund_valuation", symbol, day, *fault, jsonable(row)),),
            payload=payload,
            detail=fault[1],
        )
    return Parsed("ok", {"fund_valuation": table("fund_valuation", [row])}, payload=payload)


def _fault(ratios: dict[str, Any]) -> tuple[str, str] | None:
    for name, value in ratios.items():
        if value is not None and not (is_number(value) and value >= 0):
            return "ratio_out_of_range", f"{name} {value}"
    return None


def _judge(reply: Reply, symbol: str) -> dict[str, Any]:
    """Check one answer and return its result.

    Raises:
        VendorError: What is wrong with it; `empty` where Yahoo knows the symbol and has no holdings of it.
    """
    try:
        document = read_json(reply.body)
        summary = document["quoteSummary"]
        error, results = summary.get("error"), summary.get("result")
    except (ValueError, LookupError, TypeError, AttributeError):
        check_wire(reply)
        raise VendorError("malformed", f"not a quote summary (HTTP {reply.status})", reply.status) from None
    if error:
        text = str(error.get("description") if isinstance(error, dict) else error)
        if text.startswith("No fundamentals data"):
            raise VendorError("empty", text, reply.status)
        raise VendorError("unknown_symbol" if reply.status == 404 else "malformed", text[:300], reply.status)
    check_wire(reply)
    try:
        result = results[0]
        answered = result["quoteType"]["symbol"]
    except (LookupError, TypeError) as fault:
        raise VendorError("malformed", f"quote summary without {fault}", reply.status) from None
    if str(answered).upper() != symbol.upper():
        raise VendorError("malformed", f"asked for {symbol}, answered {answered}", reply.status)
    held = result.get("topHoldings")
    if not isinstance(held, dict) or not held.get("equityHoldings"):
        raise VendorError("empty", f"no equity holdings among {', '.join(sorted(result))}", reply.status)
    return result
