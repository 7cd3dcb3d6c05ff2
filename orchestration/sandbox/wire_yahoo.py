"""Yahoo Finance's chart: split-adjusted bars in single precision, restated as of the clock."""

from __future__ import annotations

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from orchestration.sandbox.company_bars import company_bars, company_of
from orchestration.sandbox.http import Request, Response, json_response, page
from orchestration.sandbox.instruments import Instrument, instruments
from orchestration.sandbox.prices import Bars, bars
from orchestration.sandbox.streams import share_of
from orchestration.sandbox.timeline import Clock, timeline

CHART = "/v8/finance/chart/"
SUMMARY = "/v10/finance/quoteSummary/"
RANGES = {"1d": 1, "5d": 5, "1mo": 21, "3mo": 63, "6mo": 126, "1y": 252, "2y": 504, "5y": 1260, "10y": 2520}
CRUMB = "sandboxCrumb"
COOKIE = "A3=d=SYNTHETIC&S=SANDBOX; Path=/; Max-Age=31557600; HttpOnly"


def answer(request: Request, clock: Clock, seed: int) -> Response | None:
    """Answer a request to Yahoo; None where the path is not Yahoo's."""
    path = request.path
    if path in ("", "/", "/consent"):
        response = page(404, "Synthetic")
        return Response(404, response.body, response.content_type, {"Set-Cookie": COOKIE})
    if path == "/v1/test/getcrumb":
        return Response(200, CRUMB.encode(), "text/plain;charset=utf-8")
    if path.startswith(CHART):
        return _chart(request, path.removeprefix(CHART).upper(), clock, seed)
    if path.startswith(SUMMARY):
        return refuse_without_crumb(request) or _summary(path.removeprefix(SUMMARY).upper(), request, clock, seed)
    return None


def refuse_without_crumb(request: Request) -> Response | None:
    """Everything but the chart is for those who fetched a crumb."""
    if request.query.get("crumb") == CRUMB:
        return None
    error = {"code": "Unauthorized", "description": "Invalid Crumb"}
    return json_response({"finance": {"result": None, "error": error}}, 401)


def _failed(status: int, code: str, text: str) -> Response:
    return json_response({"chart": {"result": None, "error": {"code": code, "description": text}}}, status)


def _summary(symbol: str, request: Request, clock: Clock, seed: int) -> Response:
    item = instruments().get(symbol)
    if item is None:
        error = {"code": "Not Found", "description": f"Quote not found for symbol: {symbol}"}
        return json_response({"quoteSummary": {"result": None, "error": error}}, 404)
    quote = {
        "exchange": _venue(item)[0], "quoteType": _type(item), "symbol": symbol, "underlyingSymbol": symbol,
        "shortName": item.name, "longName": item.name, "timeZoneFullName": _venue(item)[2], "maxAge": 1,
    }  # fmt: skip
    modules: dict[str, Any] = {"quoteType": quote}
    wanted = request.query.get("modules", "").split(",")
    if _type(item) == "ETF":
        available = {
            "summaryProfile": {"longBusinessSummary": f"{item.name}, a synthetic fund.", "maxAge": 86_400},
            "topHoldings": _held(symbol, clock, seed),
            "fundProfile": {"family": "Synthetic", "categoryName": None, "legalType": "Exchange Traded Fund"},
        }
        modules |= {name: module for name, module in available.items() if name in wanted}
    return json_response({"quoteSummary": {"result": [modules], "error": None}})


def _held(symbol: str, clock: Clock, seed: int) -> dict[str, Any]:
    """Valuation of a fund's stocks, renewed by the month; Yahoo sends the inverse of each ratio."""
    names = {"priceToEarnings": 18.0, "priceToBook": 2.6, "priceToSales": 1.7, "priceToCashflow": 11.0}
    style = {"IVW": 1.6, "IWO": 1.4, "QQQ": 1.6, "IWN": 0.65}.get(symbol, 1.0)
    moved = {name: 0.9 + 0.2 * share_of(f"valuation/{seed}/{symbol}/{name}/{clock.today:%Y-%m}") for name in names}
    ratios = {name: round(1 / (usual * style * moved[name]), 5) for name, usual in names.items()}
    return {"maxAge": 1, "stockPosition": 0.998, "cashPosition": 0.002, "holdings": [], "equityHoldings": ratios}


def _type(item: Instrument) -> str:
    if item.kind == "stock":
        return "EQUITY"
    return "INDEX" if item.kind in ("index", "volatility", "yield") else "ETF"


def _venue(item: Instrument) -> tuple[str, str, str]:
    """Exchange code, its name and its time zone."""
    if item.kind in ("volatility", "yield"):
        return "CGI", "Cboe Indices", "America/Chicago"
    if item.kind == "index":
        return "SNP", "SNP", "America/New_York"
    if item.kind == "stock":
        return "NYQ", "NYSE", "America/New_York"
    return "PCX", "NYSEArca", "America/New_York"


def _chart(request: Request, symbol: str, clock: Clock, seed: int) -> Response:
    when = timeline()
    shown = clock.bars - when.first
    found = _quoted(symbol, clock, seed) if shown > 0 else None
    if found is None:
        return _failed(404, "Not Found", "No data found, symbol may be delisted")
    quotes, born = found
    interval = request.query.get("interval", "1d")
    if interval != "1d":
        return _failed(422, "Unprocessable Entity", f"{interval} data not available in the sandbox")
    opens = when.opens[when.first :]
    if "period1" in request.query or "period2" in request.query:
        try:
            start = int(float(request.query.get("period1", "0")))
            end = int(float(request.query.get("period2", "9999999999")))
        except ValueError:
            return _failed(400, "Bad Request", "Invalid input - period1 and period2 must be numbers")
        if start >= end:
            text = "Invalid input - start date cannot be after end date. "
            return _failed(400, "Bad Request", f"{text}startDate = {start}, endDate = {end}")
        span, low, high = "", int(np.searchsorted(opens, start)), int(np.searchsorted(opens, end))
    else:
        span = request.query.get("range", "1d")
        if span not in RANGES and span not in ("max", "ytd"):
            return _failed(422, "Unprocessable Entity", f"Invalid input - range={span}")
        new_year = when.at(dt.date(clock.today.year, 1, 1)) - when.first
        low = 0 if span == "max" else new_year if span == "ytd" else shown - RANGES[span]
        low, high, start, end = max(low, 0), shown, 0, int(clock.now.timestamp()) + 1
    low, high = max(low, born), min(high, shown)
    # an ex-date may come before its bar
    eventful = slice(low, int(np.searchsorted(opens, min(end, int(clock.now.timestamp()) + 86_400))))
    if low >= high:
        return _failed(400, "Bad Request", f"Data doesn't exist for startDate = {start}, endDate = {end}")
    return _result(quotes, slice(low, high), eventful, born, span, request.query.get("events", ""), clock)


def _quoted(symbol: str, clock: Clock, seed: int) -> tuple[Bars, int] | None:
    """The bars of a symbol, and how many of them come before its first; None where nothing trades under it."""
    if symbol in instruments():
        return bars(seed, symbol), 0
    company = company_of(seed, symbol, clock)
    if company is None:
        return None
    # an ex-date may come before its bar
    return company_bars(seed, symbol, company, timeline().upto(clock.today))


def _single(values: np.ndarray) -> list[float]:
    """Yahoo's numbers carry the noise of single precision."""
    return values.astype(np.float32).astype(float).tolist()


def _result(quotes: Bars, part: slice, eventful: slice, born: int, span: str, wanted: str, clock: Clock) -> Response:
    when, item = timeline(), quotes.instrument
    shown = clock.bars - when.first
    later = quotes.later_splits(clock.today)
    close = quotes.close / later
    stamps = when.opens[when.first :]
    if item.kind in ("volatility", "yield"):
        stamps = stamps - 3600  # Chicago opens its books an hour earlier
    dividend = quotes.dividend / later
    dividend[shown:] = 0.0
    before = np.append(close[0], close[:-1])
    factor = np.cumprod((1 - dividend / before)[::-1])[::-1]
    adjusted = close * np.append(factor[1:], 1.0)
    columns: dict[str, list[Any]] = {
        name: _single((getattr(quotes, name) / later)[part]) for name in ("open", "high", "low", "close")
    }
    columns["volume"] = np.round(quotes.volume * later)[part].astype("int64").tolist()
    result: dict[str, Any] = {"meta": _meta(quotes, close, born, part.start, shown, span, clock)}
    result["timestamp"] = stamps[part].tolist()
    events: dict[str, dict[str, Any]] = {}
    if "div" in wanted:
        places = [n for n in np.flatnonzero(dividend[part] > 0) + part.start if n < shown]
        paid = {str(stamps[n]): {"amount": round(float(dividend[n]), 6), "date": int(stamps[n])} for n in places}
        if paid:
            events["dividends"] = paid
    if "split" in wanted:
        known = timeline().upto(clock.today) - when.first
        places = [n for n in np.flatnonzero(quotes.split[eventful] != 1) + eventful.start if n < known]
        if places:
            events["splits"] = {str(stamps[n]): _split(int(stamps[n]), float(quotes.split[n])) for n in places}
    if events:
        result["events"] = events
    result["indicators"] = {"quote": [columns], "adjclose": [{"adjclose": _single(adjusted[part])}]}
    return json_response({"chart": {"result": [result], "error": None}})


def _split(stamp: int, ratio: float) -> dict[str, Any]:
    new, old = (ratio, 1.0) if ratio >= 1 else (1.0, round(1 / ratio, 6))
    return {"date": stamp, "numerator": new, "denominator": old, "splitRatio": f"{new:g}:{old:g}"}


def _meta(
    quotes: Bars, close: np.ndarray, born: int, first: int, shown: int, span: str, clock: Clock
) -> dict[str, Any]:
    when, item = timeline(), quotes.instrument
    exchange, venue, zone = _venue(item)
    shift = -3600 if zone == "America/Chicago" else 0
    last = when.first + shown - 1
    opened, closed = int(when.opens[last]) + shift, int(when.closes[last].timestamp())
    local = clock.now.astimezone(ZoneInfo(zone))
    offset = int((local.utcoffset() or dt.timedelta()).total_seconds())

    def period(start: int, end: int) -> dict[str, Any]:
        return {"timezone": local.tzname(), "start": start, "end": end, "gmtoffset": offset}

    year = slice(max(0, shown - 252), shown)
    newest = shown - 1
    return {
        "currency": "USD", "symbol": item.symbol, "exchangeName": exchange, "fullExchangeName": venue,
        "instrumentType": _type(item), "firstTradeDate": int(when.opens[when.first + born]) + shift,
        "regularMarketTime": closed, "hasPrePostMarketData": _type(item) != "INDEX", "gmtoffset": offset,
        "timezone": local.tzname(), "exchangeTimezoneName": zone,
        "regularMarketPrice": round(float(close[newest]), 4),
        "fiftyTwoWeekHigh": round(float(close[year].max()), 4), "fiftyTwoWeekLow": round(float(close[year].min()), 4),
        "regularMarketDayHigh": round(float(quotes.high[newest]), 4),
        "regularMarketDayLow": round(float(quotes.low[newest]), 4),
        "regularMarketVolume": int(quotes.volume[newest]), "longName": item.name, "shortName": item.name,
        "chartPreviousClose": round(float(close[max(first - 1, 0)]), 4), "priceHint": 2,
        "currentTradingPeriod": {
            "pre": period(opened - 19_800, opened), "regular": period(opened, closed),
            "post": period(closed, closed + 14_400),
        },
        "dataGranularity": "1d", "range": span, "validRanges": [*RANGES, "ytd", "max"],
    }  # fmt: skip
