"""BlackRock's product API: holdings as JSON and CSV, and the fund workbook."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import re
from functools import cache
from xml.sax.saxutils import escape

import numpy as np

from orchestration.sandbox.companies import FIRST_FILE, company_history
from orchestration.sandbox.fund_shares import fund_days
from orchestration.sandbox.holdings import BLANK, Holdings, Line, constituent_text, holdings, index_funds
from orchestration.sandbox.http import Request, Response, download, page
from orchestration.sandbox.identity import EXCHANGES, SECTORS
from orchestration.sandbox.instruments import instruments
from orchestration.sandbox.timeline import Clock, seed_table, timeline

API = "/varnish-api/blk-one01-product-data/product-data/api/"
RETIRED = re.compile(r"/(us|uk)(/.*)?/products/\d+/.*\.ajax")
COLUMNS = (
    "Ticker", "Name", "Sector", "Asset Class", "Market Value", "Weight (%)", "Notional Value", "Quantity", "Price",
    "Location", "Exchange", "Currency", "FX Rate", "Market Currency", "Accrual Date",
)  # fmt: skip
POINTS = (
    "ticker", "issueName", "sectorName", "assetClass", "holdingPercent", "marketValue", "notionalValue", "unitsHeld",
    "unitPrice", "countryOfRisk", "exchange", "currencyCode", "marketCurrencyCode", "cusip", "isin", "sedol",
)  # fmt: skip
NBSP = "\u00a0"
NOTICE = "SYNTHETIC data of an invented market. Not fund data."


def answer(request: Request, clock: Clock, seed: int) -> Response | None:
    """Answer a request to BlackRock; None where the path is not BlackRock's."""
    if RETIRED.fullmatch(request.path):
        # the retired URL still answers 200 and text/csv, with a web page as body
        return Response(200, page(200, "iShares | BlackRock").body, "text/csv;charset=UTF-8")
    if not request.path.startswith(API):
        return None
    fund = _funds().get(request.query.get("portfolioId", ""))
    if fund is None:
        return page(404, "Page not found")
    route, component = request.path.removeprefix(API), request.query.get("component")
    if (route, component) == ("v1/get-fund-document", "fundDownload"):
        return _workbook(fund, clock, seed)
    if component not in ("holdings", "holdings.all"):
        return page(404, "Page not found")
    try:
        session = _asked(fund, request.query.get("asOfDate"), clock)
    except ValueError:
        return page(200, "iShares | BlackRock")
    found = None if session is None else holdings(seed, fund, session)
    if (route, component) == ("v2/get-product-data", "holdings.all"):
        body = _json_body(found, seed).encode()
        return Response(200, body, "application/json;charset=utf-8")
    if (route, component) == ("v1/get-fund-document", "holdings"):
        return download(_csv_text(fund, found, seed).encode(), "text/csv;charset=UTF-8", f"{fund}_holdings.csv")
    return page(404, "Page not found")


@cache
def _funds() -> dict[str, str]:
    rows = seed_table("instrument").to_dict("records")
    return {row["blackrock_portfolio_id"]: row["symbol"] for row in rows if row["blackrock_portfolio_id"]}


def _asked(fund: str, text: str | None, clock: Clock) -> int | None:
    """Position of the session whose file is wanted; None where there is no such file (yet)."""
    when = timeline()
    first = when.at(FIRST_FILE)
    if fund not in index_funds():
        return None
    if not text:
        return clock.files - 1 if clock.files > first else None
    day = dt.datetime.strptime(text, "%Y%m%d").date()  # noqa: DTZ007 - a date, nothing more
    place = when.at(day)
    known = place < len(when.dates) and when.dates[place] == day
    return place if known and first <= place < clock.files else None


@cache
def _encoded(text: str) -> str:
    return json.dumps(text)


_TEXTS: dict[int, dict[str, list[str]]] = {}


def _identity_texts(seed: int, session: int) -> dict[str, list[str]]:
    """Identities as JSON texts, by number; the list grows with the history."""
    known = company_history(seed, session).identities
    names = ("ticker", "name", "cusip", "isin", "sedol")
    lists = _TEXTS.setdefault(seed, {name: [] for name in names})
    if len(lists["ticker"]) < len(known):
        # a whole new dictionary: another thread may be reading the old one
        lists = {name: [f'"{getattr(item, name)}"' for item in known] for name in names}
        _TEXTS[seed] = lists
    return lists


def _json_body(found: Holdings | None, seed: int) -> str:
    """Parallel arrays, put together from prepared texts: a file has some thirty thousand values.

    `formattedValue` is left out of the columns: it repeats `value`, rounded.
    """
    if found is None:
        columns = dict.fromkeys(POINTS, "")
        date = '{"value":null,"formattedValue":"-"}'
    else:
        columns = _json_columns(found, seed)
        date = f'{{"value":"{found.session:%Y%m%d}","formattedValue":"{found.session:%b %d, %Y}"}}'
    points = ",".join(f'"{name}":{{"value":[{text}]}}' for name, text in columns.items())
    return (
        f'{{"notice":"{NOTICE}","componentsByNameMap":{{"holdings":{{"containersByNameMap":{{"all":'
        f'{{"dataPointsByNameMap":{{{points},"asOfDate":{date}}}}}}}}}}}}}'
    )


def _json_columns(found: Holdings, seed: int) -> dict[str, str]:
    session = timeline().at(found.session)
    texts, history = _identity_texts(seed, session), company_history(seed, session)
    numbers, companies = found.identity.tolist(), found.company.tolist()
    others = found.others
    count = len(companies)

    def column(values: list[str], rest: list[str]) -> str:
        return ",".join(values + [_encoded(text) for text in rest])

    def identified(name: str, rest: list[str]) -> str:
        table = texts[name]
        return column([table[number] for number in numbers], rest)

    def figures(values: np.ndarray, rest: list[float]) -> str:
        return json.dumps(values.tolist() + rest, separators=(",", ":"))[1:-1]

    values = figures(found.market_value, [])
    sectors, exchanges = [_encoded(name) for name in SECTORS], [_encoded(name) for name in EXCHANGES]

    def with_values(rest: list[float]) -> str:
        tail = json.dumps(rest, separators=(",", ":"))[1:-1]
        return f"{values},{tail}" if tail else values

    return {
        "ticker": identified("ticker", [line.ticker for line in others]),
        "issueName": identified("name", [line.name for line in others]),
        "sectorName": column([sectors[history.sector[n]] for n in companies], [line.sector for line in others]),
        "assetClass": column(['"Equity"'] * count, [line.asset_class for line in others]),
        "holdingPercent": figures(
            np.round(found.market_value * (100 / found.aum), 5),
            [round(line.market_value / found.aum * 100, 5) for line in others],
        ),
        "marketValue": with_values([line.market_value for line in others]),
        "notionalValue": with_values([line.notional for line in others]),
        "unitsHeld": figures(found.shares, [line.shares for line in others]),
        "unitPrice": figures(found.price, [line.price for line in others]),
        "countryOfRisk": column(['"United States"'] * count, [line.location for line in others]),
        "exchange": column([exchanges[history.exchange[n]] for n in companies], [line.exchange for line in others]),
        "currencyCode": column(['"USD"'] * count, ["USD"] * len(others)),
        "marketCurrencyCode": column(['"USD"'] * count, [line.currency for line in others]),
        "cusip": identified("cusip", [line.cusip for line in others]),
        "isin": identified("isin", [line.isin for line in others]),
        "sedol": identified("sedol", [line.sedol for line in others]),
    }


def _us(day: dt.date) -> str:
    return f"{day:%b %d, %Y}"


def _csv_text(fund: str, found: Holdings | None, seed: int) -> str:
    """The CSV: byte order mark, preamble, a line with a blank that does not break, table, disclaimer."""
    item = instruments()[fund]
    born = next(row["inception_date"] for row in seed_table("instrument").to_dict("records") if row["symbol"] == fund)
    date = _us(found.session) if found else BLANK
    shares = f"{found.shares_outstanding:,.2f}" if found else BLANK
    head = [
        item.name, f'Fund Holdings as of,"{date}"', f'Inception Date,"{_us(dt.date.fromisoformat(born))}"',
        f'Shares Outstanding,"{shares}"', 'Stock,"-"', 'Bond,"-"', 'Cash,"-"', 'Other,"-"', NBSP,
    ]  # fmt: skip
    out = io.StringIO()
    out.write("\ufeff" + "\n".join(head) + "\n")
    if found:
        out.write(",".join(COLUMNS) + "\n")
        rows = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
        rows.writerows(_csv_rows(found, seed))
    out.write(f'{NBSP}\n"{NOTICE}\nHoldings are subject to change, like everything invented."\n')
    return out.getvalue()


def _csv_rows(found: Holdings, seed: int) -> list[list[str]]:
    session = timeline().at(found.session)
    known = company_history(seed, session).identities
    rows = []
    columns = (found.company, found.identity, found.shares, found.price, found.market_value)
    for company, number, shares, price, value in zip(*(column.tolist() for column in columns), strict=True):
        sector, exchange = constituent_text(seed, session, company)
        rows.append(
            _csv_row(
                Line(known[number].ticker, known[number].name, sector, "Equity", value, value, shares, price, exchange),
                found.aum,
            )
        )
    return rows + [_csv_row(line, found.aum) for line in found.others]


def _csv_row(line: Line, aum: float) -> list[str]:
    return [
        line.ticker, line.name, line.sector, line.asset_class, f"{line.market_value:,.2f}",
        f"{line.market_value / aum * 100:.2f}", f"{line.notional:,.2f}", f"{line.shares:,.2f}", f"{line.price:,.2f}",
        line.location, line.exchange, "USD", "1.00", line.currency, BLANK,
    ]  # fmt: skip


def _workbook(fund: str, clock: Clock, seed: int) -> Response:
    """SpreadsheetML 2003 with its quirks: byte order mark, a bare ampersand, rows left out through ss:Index."""
    item, when = instruments()[fund], timeline()
    days = fund_days(seed, fund)
    count = max(0, clock.files - when.first)
    later = days.bars.later_splits(clock.today)[:count]
    columns = (
        when.dates[when.first : when.first + count],
        np.round(days.bars.nav[:count] / later, 6).tolist(),
        np.round(days.bars.dividend[:count] / later, 6).tolist(),
        np.rint(days.shares[:count] * later).astype("int64").tolist(),
    )
    history = [_row("As Of", "NAV per Share", "Ex-Dividends", "Shares Outstanding")]
    paid = [_row("Record Date", "Ex-Date", "Payable Date", "Total Distribution")]
    for day, nav, dividend, shares in zip(*(column[::-1] for column in columns), strict=True):
        history.append(_row(_us(day), nav, dividend or "--", shares))
        if dividend:
            paid.append(_row(_us(day), _us(day), _us(day + dt.timedelta(days=4)), dividend))
    newest = _us(columns[0][-1]) if count else BLANK
    held = [
        _row(newest), _row(item.name), _row("Fund Holdings as of", newest),
        _row("Shares Outstanding", columns[3][-1] if count else "--"),
        _row("Holdings are served by the holdings component.", index=7),
    ]  # fmt: skip
    performance = [_row(item.name), _row("Month End Date", "Monthly Total (NAV) Return", index=3)]
    # the vendor does not escape this ampersand
    legal = [_row(NOTICE), _row("S&P and Russell are marks of their owners.").replace("&amp;", "&")]
    sheets = {
        "Disclaimers": legal, "Holdings": held, "Historical": history, "Performance": performance,
        "Distributions": paid,
    }  # fmt: skip
    body = "".join(
        f'<ss:Worksheet ss:Name="{name}"><ss:Table>\n' + "\n".join(rows) + "\n</ss:Table></ss:Worksheet>\n"
        for name, rows in sheets.items()
    )
    text = (
        '\ufeff<?xml version="1.0"?>\n<ss:Workbook xmlns:ss="urn:schemas-microsoft-com:office:spreadsheet">\n'
        '<ss:Styles><ss:Style ss:ID="Left"><ss:Alignment ss:Horizontal="Left"/></ss:Style></ss:Styles>\n'
        f"{body}</ss:Workbook>\n"
    )
    return download(text.encode(), "application/vnd.ms-excel;charset=UTF-8", f"{fund}_fund.xls")


def _row(*cells: str | float, index: int | None = None) -> str:
    texts = []
    for cell in cells:
        kind, text = ("String", escape(cell)) if isinstance(cell, str) else ("Number", f"{cell:.12g}")
        texts.append(f'<ss:Cell ss:StyleID="Left"><ss:Data ss:Type="{kind}">{text}</ss:Data></ss:Cell>')
    place = f' ss:Index="{index}"' if index else ""
    return f"<ss:Row{place}>{''.join(texts)}</ss:Row>"
