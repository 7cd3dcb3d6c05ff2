from __future__ import annotations

import datetime as dt
import json

import pytest
import requests
from scripted_vendor import PAGE, Say, connect

from orchestration.vendors.direxion import Direxion

D = dt.date
FIRST, DAY, TODAY = D(2026, 5, 4), D(2026, 5, 5), D(2026, 5, 6)
FILE = "^/holdings/TST.csv$"
HEADER = "TradeDate,AccountTicker,StockTicker,SecurityDescription,Shares,Price,MarketValue,Cusip,HoldingsPercent"


def line(value="300", percent="30.00", date="05/05/2026", name="MADE UP MONEY FUND") -> str:
    return f'{date},TST,,{name},1.0,1.0,"{value}",,{percent}'


# a fund of 1,000 dollars: a swap, its financing, money, and a remainder too small to tell anything
LINES = [line("-3,000", "-300.00"), line("3,697.2", "369.72"), line("300", "30.00"), line("2.8", "0.3")]


@pytest.fixture
def direxion(vendor):
    return Direxion(connect("direxion", vendor.url))


@pytest.fixture
def synthetic(replay):
    """Direxion on the replay, made-up files switched on."""
    requests.post(f"{replay.url}/__config", json={"synthetic_sponsors": True}, timeout=5).raise_for_status()
    yield Direxion(connect("direxion", replay.url))
    requests.post(f"{replay.url}/__config", json={"synthetic_sponsors": False}, timeout=5).raise_for_status()
    replay.clear()
    replay.today()


def file(*lines: str, ticker="TST", shares="Shares Outstanding: 20", header=HEADER, footer=(), end="\n") -> bytes:
    return (end.join(["Made Up Daily Bear 3X", ticker, shares, "", header, *lines, *footer]) + end).encode()


def days(direxion, first=FIRST, last=DAY):
    return direxion.fund_days("TST", first, last, TODAY)


def row(answer) -> dict:
    assert answer.outcome == "ok", answer.detail
    assert len(answer.rows["fund_day"]) == 1
    return answer.rows["fund_day"].to_dict("records")[0]


def test_fund_day(vendor, direxion):
    body = file(*LINES, footer=["", "Holdings may change.", ",,,,,,,,"])
    vendor.on(FILE, body)
    answer = days(direxion)
    found = row(answer)
    assert {name: value for name, value in found.items() if name != "ex_dividend_usd"} == {
        "vendor": "direxion",
        "symbol": "TST",
        "as_of_date": DAY,
        "nav_usd": 50.0,
        "shares_outstanding": 20.0,
        "aum_usd": 1000.0,
        "share_basis": "as_reported",
        "split_basis_date": DAY,
    }
    assert answer.rows["fund_day"]["ex_dividend_usd"].isna().all()
    assert (answer.vendor, answer.dataset, answer.key) == ("direxion", "etf_shares", "TST")
    assert (answer.file_format, answer.payload, answer.rejected, answer.detail) == ("csv", body, (), "")


@pytest.mark.parametrize("date", ["05/05/2026", "5/5/2026", "5/5/2026 12:00:00 AM"])
def test_dates(vendor, direxion, date):
    vendor.on(FILE, file(line(date=date)))
    answer = days(direxion, first=DAY)
    assert (row(answer)["as_of_date"], answer.detail) == (DAY, "")


@pytest.mark.parametrize(
    "text",
    [
        "Shares Outstanding:20",
        "Shares Outstanding: 20.0,,,",
        '"Shares Outstanding: 20"',
        "SHARES OUTSTANDING:,20",
        '"Shares Outstanding:","20"',
    ],
)
def test_shares(vendor, direxion, text):
    vendor.on(FILE, b"\xef\xbb\xbf" + file(*LINES, shares=text, end="\r\n"))
    assert row(days(direxion))["shares_outstanding"] == 20


@pytest.mark.parametrize("text", ["Shares Outstanding: 30,000,000", '"Shares Outstanding: 30,000,000"'])
def test_shares_with_commas(vendor, direxion, text):
    vendor.on(FILE, file(*LINES, shares=text))
    assert row(days(direxion))["shares_outstanding"] == 30_000_000


def test_columns_are_found_by_name_and_quotes_do_not_matter(vendor, direxion):
    vendor.on(FILE, file('"30.00","300","05/05/2026"', header='"HoldingsPercent","MarketValue","TradeDate"'))
    assert row(days(direxion))["aum_usd"] == 1000


def test_assets_are_the_median_of_the_sizeable_lines(vendor, direxion):
    vendor.on(FILE, file(line("3000", "300"), line("1000.1", "100"), line("30", "5.00"), line("900", "1")))
    answer = days(direxion)
    assert row(answer)["aum_usd"] == 1000
    assert answer.detail == "lines put the assets between 600 and 1000"


@pytest.mark.parametrize(
    ("bad", "rule"),
    [
        (line("300", "3x"), "bad_number"),
        (line("x", "0.1"), "bad_number"),
        (line("-300", "30"), "non_positive"),
        (line("0", "30"), "non_positive"),
        (line(name="MADE, UP"), "column_count"),
    ],
)
def test_bad_lines_are_rejected_one_by_one(vendor, direxion, bad, rule):
    vendor.on(FILE, file(*LINES, bad, line("-", "30"), line("300", "")))
    answer = days(direxion)
    assert row(answer)["aum_usd"] == 1000
    assert [item.rule for item in answer.rejected] == [rule]
    assert (answer.rejected[0].table, answer.rejected[0].key) == ("fund_day", "TST")
    json.dumps(answer.rejected[0].row)


def test_an_earlier_session_is_kept_under_its_own_date(vendor, direxion):
    vendor.on(FILE, file(line(date="4/30/2026")))
    answer = days(direxion)
    assert row(answer)["as_of_date"] == D(2026, 4, 30)
    assert answer.detail == "asked from 2026-05-04, the file is of 2026-04-30"


def test_a_later_day_is_not_used(vendor, direxion):
    vendor.on(FILE, file(*LINES))
    answer = days(direxion, last=D(2026, 5, 4))
    assert (answer.outcome, answer.rows, answer.rejected) == ("empty", {}, ())
    assert answer.detail == "the file is of 2026-05-05, after 2026-05-04"


@pytest.mark.parametrize("date", ["05/03/2026", "04/03/2026", "01/02/1901"])
def test_a_day_without_trading_is_rejected(vendor, direxion, date):
    vendor.on(FILE, file(line(date=date)))
    answer = days(direxion)
    assert (answer.outcome, answer.rows) == ("empty", {})
    assert [item.rule for item in answer.rejected] == ["not_a_session"]
    json.dumps(answer.rejected[0].row)


@pytest.mark.parametrize("shares", ["0", "-20"])
def test_no_shares_are_rejected(vendor, direxion, shares):
    vendor.on(FILE, file(*LINES, shares=f"Shares Outstanding: {shares}"))
    answer = days(direxion)
    assert (answer.outcome, answer.rows) == ("malformed", {})
    assert [(item.rule, item.row_date) for item in answer.rejected] == [("non_positive", DAY)]


@pytest.mark.parametrize(
    ("answer", "outcome", "detail"),
    [
        (Say(file(*LINES, ticker="ELSE")), "malformed", "asked for TST, the file is of ELSE"),
        (Say((HEADER + "\n" + LINES[0]).encode()), "malformed", "asked for TST, the file is of no fund"),
        (Say(file(*LINES, shares="Shares: 20")), "malformed", "no number in a line 'Shares Outstanding:'"),
        (Say(file(*LINES, shares="Shares Outstanding: -")), "malformed", "no number"),
        (Say(file(*LINES, shares="Shares Outstanding: many")), "malformed", "Shares Outstanding: not a number"),
        (Say(file(*LINES, header=HEADER.replace("TradeDate", "Day"))), "malformed", "columns missing: tradedate"),
        (Say(file(*LINES, header=HEADER.replace("MarketValue", "Value"))), "malformed", "missing: marketvalue"),
        (
            Say(file(*LINES, header="Day,Value,Weight")),
            "malformed",
            "columns missing: tradedate, marketvalue, holdingspercent",
        ),
        (Say(file(LINES[0], line(date="05/04/2026"))), "malformed", "not one TradeDate: 2026-05-04, 2026-05-05"),
        (Say(file(LINES[0], line(date="soon"))), "malformed", "TradeDate: not a date: 'soon'"),
        (Say(file(LINES[0], line(date="13/05/2026"))), "malformed", "TradeDate: month"),
        (Say(file()), "malformed", "not one TradeDate: no line"),
        # weights as fractions would make the assets a hundred times too big
        (Say(file(line("-3000", "-3.0"), line("1100", "1.1"))), "malformed", "no line of 5 % or more"),
        (Say(b"PK\x03\x04\xff\xff"), "malformed", "not CSV"),
        (Say(b"bad request", 400), "malformed", "columns missing"),
        (Say(b"\n "), "malformed", "empty body"),
        (Say(PAGE), "blocked", "web page"),
        (Say(b"no such object", 403), "blocked", "403"),
        (Say(PAGE, 404), "not_found", "404"),
        (Say(file(*LINES), cut=100), "unreachable", "no complete answer"),
    ],
)
def test_failures_are_named(vendor, direxion, answer, outcome, detail):
    vendor.on(FILE, answer)
    result = days(direxion)
    assert (result.outcome, result.rows) == (outcome, {})
    assert detail in result.detail


@pytest.mark.realdata
def test_without_made_up_files_nothing_is_there(replay):
    answer = Direxion(connect("direxion", replay.url)).fund_days("TNA", D(2016, 1, 4), D(2026, 8, 21), D(2026, 8, 21))
    assert (answer.outcome, answer.http_status, answer.rows) == ("not_found", 404, {})


@pytest.mark.realdata
@pytest.mark.parametrize("symbol", ["TNA", "TZA"])
def test_a_made_up_day_follows_the_close(synthetic, real_yahoo, symbol):
    answer = synthetic.fund_days(symbol, D(2026, 8, 20), D(2026, 8, 20), D(2026, 8, 21))
    found = row(answer)
    assert (found["as_of_date"], answer.detail, answer.rejected) == (D(2026, 8, 20), "", ())
    assert found["shares_outstanding"] % 50_000 == 0
    prices = real_yahoo.history(symbol, D(2026, 8, 20), D(2026, 8, 20), D(2026, 8, 21)).rows["yahoo_bar"]
    assert found["nav_usd"] == pytest.approx(prices["close"].iloc[0], rel=1e-5)


@pytest.mark.realdata
def test_day_after_day_as_the_date_moves(synthetic, replay):
    found = []
    for today in (D(2026, 8, 18), D(2026, 8, 19), D(2026, 8, 20)):
        replay.today(today.isoformat())
        found.append(row(synthetic.fund_days("TNA", D(2026, 8, 1), today, today))["as_of_date"])
    assert found == [D(2026, 8, 17), D(2026, 8, 18), D(2026, 8, 19)]


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        ({"kind": "truncate"}, "unreachable"),
        ({"kind": "html200", "ctype": "text/csv"}, "blocked"),
        ({"kind": "empty"}, "malformed"),
        ({"kind": "schema_drift", "from": "MarketValue", "to": "Value"}, "malformed"),
        ({"kind": "duplicate_rows"}, "ok"),
        ({"kind": "stale", "sessions": 2}, "ok"),
    ],
)
def test_faults_are_named(synthetic, replay, fault, outcome):
    replay.faults([{"match": "/holdings/TZA", **fault}])
    assert synthetic.fund_days("TZA", D(2026, 8, 3), D(2026, 8, 21), D(2026, 8, 21)).outcome == outcome
