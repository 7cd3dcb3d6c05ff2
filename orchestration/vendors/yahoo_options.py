"""Yahoo's option chains: today's only, one request for each expiry."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import pandas as pd
import yfinance as yf

from orchestration.calendars import NEW_YORK
from orchestration.vendors.answer import Parsed, Rejected, jsonable
from orchestration.vendors.http import Reply, VendorError, check_wire
from orchestration.vendors.tables import table
from orchestration.vendors.text import read_json
from orchestration.vendors.yahoo_session import YahooSession, is_moment, is_number

OPTIONS_PATH = "/v7/finance/options/"
# What 60-day sums, a 30-day interpolation and spreads of 45 to 90 days need.
HORIZON_DAYS = 90
# 2,000 percent a year; contracts that end today reach a few hundred.
HIGHEST_IMPLIED_VOL = 20.0
NUMBERS = ("strike", "lastPrice", "bid", "ask", "volume", "openInterest", "impliedVolatility")


def fetch_option_chain(session: YahooSession, symbol: str, day: dt.date) -> Parsed:
    """All expiries of one underlying from a session up to HORIZON_DAYS later, or a VendorError: never a part."""
    chains: dict[dt.date, Any] = {}
    with session.asking(OPTIONS_PATH, lambda reply, params: _judge(reply, params, symbol, day)):
        ticker = yf.Ticker(symbol, session=session)
        for text in ticker.options:
            expiry = dt.date.fromisoformat(text)
            if day <= expiry <= day + dt.timedelta(days=HORIZON_DAYS):
                chains[expiry] = ticker.option_chain(text)
                if chains[expiry].calls is None:
                    break
        documents, payload = session.documents, b"\n".join(session.payloads)
    if not documents or any(chain.calls is None for chain in chains.values()):
        session.refuse_access()
        raise VendorError("malformed", "yfinance answered without asking for the chain")
    rows = [
        _row(symbol, day, expiry, side, contract, documents[-1]["quote"])
        for expiry, chain in sorted(chains.items())
        for side, frame in (("call", chain.calls), ("put", chain.puts))
        for contract in frame.astype(object).where(frame.notna(), None).to_dict("records")
    ]
    accepted, rejected = _sorted_out(rows, symbol, day)
    if not accepted:
        outcome = "malformed" if rejected else "empty"
        detail = f"all {len(rejected)} quotes rejected" if rejected else f"no expiry within {HORIZON_DAYS} days"
        return Parsed(outcome, rejected=rejected, payload=payload, detail=detail)
    return Parsed("ok", {"option_quote": table("option_quote", accepted)}, rejected, payload)


def _judge(reply: Reply, params: Mapping[str, Any], symbol: str, day: dt.date) -> dict[str, Any]:
    """Check one chain answer and return its result.

    Raises:
        VendorError: What is wrong with it.
    """
    try:
        document = read_json(reply.body)
        chain = document["optionChain"]
        error, results = chain.get("error"), chain.get("result")
    except (ValueError, LookupError, TypeError, AttributeError):
        check_wire(reply)
        raise VendorError("malformed", f"not an option chain (HTTP {reply.status})", reply.status) from None
    if error:
        text = str(error.get("description") if isinstance(error, dict) else error)
        raise VendorError("unknown_symbol" if reply.status == 404 else "malformed", text[:300], reply.status)
    check_wire(reply)
    if results == []:
        raise VendorError("empty", f"no options on {symbol}", reply.status)
    try:
        result = results[0]
        quote, expiries, lists = result["quote"], result["expirationDates"], result["options"][0]
        answered, price, stamp = result["underlyingSymbol"], quote["regularMarketPrice"], quote["regularMarketTime"]
        shown, contracts = lists["expirationDate"], [*lists["calls"], *lists["puts"]]
        names = [contract["contractSymbol"] for contract in contracts]
    except (LookupError, TypeError) as fault:
        raise VendorError("malformed", f"option chain without {fault}", reply.status) from None
    if str(answered).upper() != symbol.upper():
        raise VendorError("malformed", f"asked for {symbol}, answered {answered}", reply.status)
    if "date" in params and str(shown) != str(params["date"]):
        raise VendorError("malformed", f"asked for expiry {params['date']}, answered {shown}", reply.status)
    odd = [name for name in NUMBERS if not all(c.get(name) is None or is_number(c[name]) for c in contracts)]
    if not is_number(price) or not price > 0:
        odd.append("regularMarketPrice")
    if not is_moment(stamp) or not all(is_moment(expiry) for expiry in expiries):
        odd.append("regularMarketTime or expirationDates")
    if not all(c.get("lastTradeDate") is None or is_moment(c["lastTradeDate"]) for c in contracts):
        odd.append("lastTradeDate")
    if not all(c.get("inTheMoney") is None or isinstance(c["inTheMoney"], bool) for c in contracts):
        odd.append("inTheMoney")
    if not all(isinstance(name, str) and name for name in names):
        odd.append("contractSymbol")
    if odd:
        raise VendorError("malformed", f"not values of their kind: {', '.join(odd)}", reply.status)
    traded = _moment(stamp).astimezone(NEW_YORK).date()
    if traded != day:
        raise VendorError("stale", f"the underlying last traded on {traded}, not in the session {day}", reply.status)
    return result


def _moment(stamp: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(stamp, dt.UTC)


def _row(
    symbol: str, day: dt.date, expiry: dt.date, side: str, contract: Mapping[str, Any], quote: Mapping[str, Any]
) -> dict[str, Any]:
    traded = contract["lastTradeDate"]
    return {
        "underlying": symbol,
        "session_date": day,
        "contract_symbol": contract["contractSymbol"],
        "expiry_date": expiry,
        "side": side,
        "strike": contract["strike"],
        "bid": contract["bid"],
        "ask": contract["ask"],
        "last_price": contract["lastPrice"],
        "volume": _whole(contract["volume"]),
        "open_interest": _whole(contract["openInterest"]),
        "implied_vol": contract["impliedVolatility"],
        "last_trade_at": None if traded is None else pd.Timestamp(traded).to_pydatetime(),
        "in_the_money": contract["inTheMoney"],
        "underlying_price": float(quote["regularMarketPrice"]),
        "underlying_at": _moment(quote["regularMarketTime"]),
    }


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)


def _sorted_out(
    rows: list[dict[str, Any]], symbol: str, day: dt.date
) -> tuple[list[dict[str, Any]], tuple[Rejected, ...]]:
    """Accepted quotes and rejected ones, in their order."""
    accepted: dict[str, dict[str, Any]] = {}
    rejected: list[Rejected] = []
    for row in rows:
        fault = _fault(row)
        if fault is None and row["contract_symbol"] in accepted:
            fault = "duplicate_contract", f"{row['contract_symbol']} came before"
        if fault:
            rejected.append(Rejected("option_quote", symbol, day, *fault, jsonable(row)))
        else:
            accepted[row["contract_symbol"]] = row
    return list(accepted.values()), tuple(rejected)


def _fault(row: dict[str, Any]) -> tuple[str, str] | None:
    """The first check a quote fails, and why."""
    prices = {name: row[name] for name in ("bid", "ask", "last_price") if row[name] is not None}
    counts = {name: row[name] for name in ("volume", "open_interest") if row[name] is not None}
    strike, vol = row["strike"], row["implied_vol"]
    if strike is None or strike <= 0:
        return "non_positive_strike", f"strike {strike}"
    for name, value in prices.items():
        if value < 0:
            return "negative_price", f"{name} {value}"
    # an ask of zero is none
    if prices.get("bid", 0) > prices.get("ask", 0) > 0:
        return "crossed_quote", f"bid {prices['bid']} above ask {prices['ask']}"
    for name, value in counts.items():
        if value < 0:
            return "negative_count", f"{name} {value}"
    if vol is not None and not 0 <= vol <= HIGHEST_IMPLIED_VOL:
        return "implied_vol_out_of_range", f"implied volatility {vol}"
    return None
