"""Yahoo's option chains of a few funds: today's only, priced by Black and Scholes with a skew."""

from __future__ import annotations

import datetime as dt
import math
import re
from typing import Any

import pandas as pd

from orchestration.sandbox.factors import factors
from orchestration.sandbox.http import Request, Response, json_response
from orchestration.sandbox.instruments import instruments
from orchestration.sandbox.prices import bars
from orchestration.sandbox.streams import share_of
from orchestration.sandbox.timeline import Clock, timeline
from orchestration.sandbox.wire_yahoo import refuse_without_crumb

CHAIN = re.compile(r"/v7/finance/options/(\w+)")
UNDERLYINGS = {"IWM": 1.3, "SPY": 1.0}  # volatility relative to the VIX
EXPIRIES, STRIKES = 8, range(-30, 31)


def answer(request: Request, clock: Clock, seed: int) -> Response | None:
    """Answer a request for a chain; None where the path is another."""
    match = CHAIN.fullmatch(request.path)
    if match is None:
        return None
    refused = refuse_without_crumb(request)
    if refused:
        return refused
    symbol = match.group(1).upper()
    place = clock.bars - 1 - timeline().first
    if symbol not in UNDERLYINGS or place < 0:
        error = {"code": "Not Found", "description": "No data found, symbol may be delisted"}
        return json_response({"optionChain": {"result": [], "error": error}}, 404)
    session = timeline().dates[place + timeline().first]
    spot = float(bars(seed, symbol).close[place])
    expiries = _expiries(session)
    stamps = [_stamp(day) for day in expiries]
    wanted = request.query.get("date", str(stamps[0]))
    if not wanted.isdigit() or int(wanted) not in stamps:
        wanted = str(stamps[0])
    expiry = expiries[stamps.index(int(wanted))]
    volatility = float(factors(seed).vix[place + timeline().first]) / 100 * UNDERLYINGS[symbol]
    # whole dollars around the price
    strikes = [float(round(spot * (1 + n / 100))) for n in STRIKES]
    strikes = sorted(set(strikes))
    years = max((expiry - session).days, 1) / 365
    closes = timeline().closes[: place + timeline().first + 1]
    lists: dict[str, list[dict[str, Any]]] = {"calls": [], "puts": []}
    for strike in strikes:
        for side, name in ((1, "calls"), (-1, "puts")):
            lists[name].append(_contract(seed, symbol, closes, expiry, strike, side, spot, volatility, years))
    result = {
        "underlyingSymbol": symbol, "expirationDates": stamps, "strikes": strikes, "hasMiniOptions": False,
        "quote": {
            "symbol": symbol, "quoteType": "ETF", "longName": instruments()[symbol].name, "marketState": "POST",
            "regularMarketPrice": round(spot, 2), "regularMarketTime": int(closes[-1].timestamp()),
        },
        "options": [{"expirationDate": int(wanted), "hasMiniOptions": False, **lists}],
    }  # fmt: skip
    return json_response({"optionChain": {"result": [result], "error": None}})


def _expiries(session: dt.date) -> list[dt.date]:
    first = session + dt.timedelta(days=(4 - session.weekday()) % 7 or 7)
    weeks = [0, 1, 2, 3, 4, 8, 13, 26]
    return [first + dt.timedelta(weeks=week) for week in weeks[:EXPIRIES]]


def _stamp(day: dt.date) -> int:
    return int(dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC).timestamp())


def _contract(
    seed: int,
    symbol: str,
    closes: pd.DatetimeIndex,
    expiry: dt.date,
    strike: float,
    side: int,
    spot: float,
    volatility: float,
    years: float,
) -> dict[str, Any]:
    """One contract; puts below the price are dear, as crashes are feared."""
    distance = math.log(strike / spot) / math.sqrt(years)
    implied = max(0.05, volatility * (1 - 0.55 * distance + 0.4 * distance**2))
    spread = implied * math.sqrt(years)
    upper = (math.log(spot / strike) + 0.5 * spread**2) / spread
    fair = side * (spot * _normal(side * upper) - strike * _normal(side * (upper - spread)))
    fair = max(fair, 0.01)
    code = f"{symbol}{expiry:%y%m%d}{'C' if side > 0 else 'P'}{round(strike * 1000):08d}"
    luck = share_of(f"option/{seed}/{code}")
    near = math.exp(-8 * abs(math.log(strike / spot)))
    interest = int(60_000 * near * (1.7 if side < 0 else 1.0) * (0.3 + luck))
    out = {
        "contractSymbol": code, "strike": strike, "currency": "USD", "lastPrice": round(fair, 2), "change": 0.0,
        "percentChange": 0.0, "openInterest": interest,
        "bid": round(max(fair * 0.99 - 0.006, 0.0), 2), "ask": round(fair * 1.01 + 0.01, 2),
        "contractSize": "REGULAR", "expiration": _stamp(expiry), "impliedVolatility": round(implied, 6),
        "inTheMoney": side * (spot - strike) > 0,
    }  # fmt: skip
    # a contract far from the price may rest for days: it shows the volume of the day it last traded on
    for ago in range(min(4, len(closes))):
        draw = share_of(f"option/{seed}/{code}/{closes[-1 - ago]:%Y-%m-%d}")
        traded = int(interest * 0.5 * draw)
        if draw > 0.4 * (1 - near) and traded:
            moment = closes[-1 - ago] - pd.Timedelta(minutes=1 + int(300 * draw))
            return out | {"volume": traded, "lastTradeDate": int(moment.timestamp())}
    # one that has not traded at all shows neither
    return out


def _normal(x: float) -> float:
    return 0.5 * (1 + math.erf(x / math.sqrt(2)))
