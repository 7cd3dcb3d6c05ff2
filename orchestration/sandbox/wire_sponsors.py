"""Files of State Street (xlsx), ProShares (csv) and Direxion (csv of the current day)."""

from __future__ import annotations

import datetime as dt
import re

import numpy as np

from orchestration.sandbox.fund_shares import fund_days
from orchestration.sandbox.http import Request, Response, download, page
from orchestration.sandbox.instruments import Instrument, instruments
from orchestration.sandbox.timeline import Clock, timeline
from orchestration.sandbox.xlsx import workbook

STATE_STREET = re.compile(r"/library-content/products/fund-data/etfs/us/navhist-us-en-(\w+)\.xlsx")
PROSHARES = re.compile(r"/etfdata/(?:ByFund/(\w+)-)?historical_nav\.csv")
DIREXION = re.compile(r"/holdings/(\w+)\.csv")
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
# a batch that ProShares never published
SKIPPED = dt.date(2016, 4, 1)
NAV_COLUMNS = (
    "Date,ProShares Name,Ticker,NAV,Prior NAV,NAV Change (%),NAV Change ($),Shares Outstanding (000),"
    "Assets Under Management"
)
HOLDING_COLUMNS = (
    "TradeDate,AccountTicker,StockTicker,SecurityDescription,Shares,Price,MarketValue,Cusip,HoldingsPercent"
)


def answer(request: Request, clock: Clock, seed: int) -> Response | None:
    """Answer a request to one of the three sponsors; None where the path is none of theirs."""
    routes = (
        (STATE_STREET, "State Street", _state_street),
        (PROSHARES, "ProShares", _proshares),
        (DIREXION, "Direxion", _direxion),
    )
    for pattern, sponsor, write in routes:
        match = pattern.fullmatch(request.path)
        if match is None:
            continue
        wanted = (match.group(1) or "").upper()
        funds = [item for item in instruments().values() if item.sponsor == sponsor and wanted in ("", item.symbol)]
        if not funds or clock.files <= timeline().first:
            return page(404, "404 Not Found")
        return write(funds, clock, seed)
    return None


def _days(item: Instrument, clock: Clock, seed: int) -> tuple[list[dt.date], np.ndarray, np.ndarray, np.ndarray]:
    """Dates, NAV, shares and assets as they were printed on the day."""
    when, days = timeline(), fund_days(seed, item.symbol)
    count = clock.files - when.first
    return when.dates[when.first : clock.files], days.bars.nav[:count], days.shares[:count], days.aum[:count]


def _state_street(funds: list[Instrument], clock: Clock, seed: int) -> Response:
    item = funds[0]
    rows: list[list[str | float]] = [
        ["Fund Name:", item.name],
        ["Ticker Symbol:", item.symbol],
        [],
        ["Date", "NAV", "Shares Outstanding", "Total Net Assets"],
    ]
    columns = _days(item, clock, seed)
    for day, nav, shares, assets in zip(columns[0][::-1], *(c[::-1].tolist() for c in columns[1:]), strict=True):
        rows.append([f"{day:%d-%b-%Y}", round(nav, 6), shares, round(assets, 2)])
    rows += [[], ["SYNTHETIC data of an invented market. Not fund data."]]
    name = f"navhist-us-en-{item.symbol.lower()}.xlsx"
    return download(workbook("navhist", rows), XLSX, name)


def _proshares(funds: list[Instrument], clock: Clock, seed: int) -> Response:
    """Newest first, in today's shares; shares are rounded to thousands after that."""
    lines = [NAV_COLUMNS]
    for item in funds:
        dates, nav, shares, assets = _days(item, clock, seed)
        later = fund_days(seed, item.symbol).bars.later_splits(clock.today)[: len(nav)]
        nav, shares = nav / later, shares * later
        table = list(zip(dates, nav.tolist(), shares.tolist(), assets.tolist(), strict=True))
        for n in range(len(table) - 1, 0, -1):
            day, value, count, aum = table[n]
            prior = table[n - 1][1]
            if day == SKIPPED:
                continue
            lines.append(
                f"{day:%m/%d/%Y},{item.name},{item.symbol},{value:.4f},{prior:.4f},{(value / prior - 1) * 100:.5f},"
                f"{value - prior:.4f},{count / 1000:.0f},{aum:.0f}"
            )
    name = f"{funds[0].symbol}-historical_nav.csv" if len(funds) == 1 else "historical_nav.csv"
    return download(("\n".join(lines) + "\n").encode(), "text/csv", name)


def _direxion(funds: list[Instrument], clock: Clock, seed: int) -> Response:
    """The newest day only: a swap, its financing leg and cash that back it."""
    item = funds[0]
    dates, nav, shares, _ = _days(item, clock, seed)
    day, assets, count = dates[-1], float(nav[-1] * shares[-1]), round(float(shares[-1]))
    exposure = item.leverage * assets
    cash = round(0.62 * assets, 2)
    parts = (
        ("", "RUSSELL 2000 INDEX SWAP", exposure, 2000.0, ""),
        ("", "RUSSELL 2000 INDEX SWAP FINANCING", round(assets - exposure - cash, 2), 1.0, ""),
        ("DGCXX", "SYNTHETIC GOVERNMENT CASH FUND", cash, 1.0, "990000AA8"),
    )
    lines = [f"{item.name} Shares", item.symbol, f"Shares Outstanding: {count}", "", HOLDING_COLUMNS]
    for ticker, name, value, price, cusip in parts:
        lines.append(
            f"{day.month}/{day.day}/{day.year},{item.symbol},{ticker},{name},{value / price:.2f},{price:.2f},"
            f"{value:.2f},{cusip},{value / assets * 100:.6f}"
        )
    return download(("\n".join(lines) + "\n").encode(), "text/csv", f"{item.symbol}.csv")
