from __future__ import annotations

import datetime as dt
import json

import pytest
import requests
from scripted_vendor import PAGE, Say, connect

from orchestration.vendors.proshares import ProShares

D = dt.date
FIRST, DAY, TODAY = D(2024, 1, 2), D(2026, 5, 5), D(2026, 5, 6)
FILE = "^/etfdata/ByFund/TST-historical_nav.csv$"
HEADER = (
    "Date,ProShares Name,Ticker,NAV,Prior NAV,NAV Change (%),NAV Change ($),"
    "Shares Outstanding (000),Assets Under Management"
)


def line(date="05/05/2026", nav="100.5", shares="300", assets="30150000", ticker="TST") -> str:
    return f'{date},"ProShares Made, Up",{ticker},{nav},99.5,1.005,1.0,{shares},{assets}'


GOOD = line()


@pytest.fixture
def proshares(vendor):
    return ProShares(connect("proshares", vendor.url))


@pytest.fixture
def synthetic(replay):
    """ProShares on the replay, made-up files switched on."""
    requests.post(f"{replay.url}/__config", json={"synthetic_sponsors": True}, timeout=5).raise_for_status()
    yield ProShares(connect("proshares", replay.url))
    requests.post(f"{replay.url}/__config", json={"synthetic_sponsors": False}, timeout=5).raise_for_status()
    replay.clear()
    replay.today()


def file(*lines: str, header=HEADER, end="\n") -> bytes:
    return (end.join([header, *lines]) + end).encode()


def days(proshares):
    return proshares.fund_days("TST", FIRST, DAY, TODAY)


def test_fund_days(vendor, proshares):
    rows = [line("05/06/2026"), GOOD, line("5/4/2026", "99.5", '"1,250"', "-"), line("04/30/2026", "-", "--", "98")]
    body = file(*rows, line("12/29/2023"), "")
    vendor.on(FILE, body)
    answer = days(proshares)
    assert answer.outcome == "ok", answer.detail
    frame = answer.rows["fund_day"]
    assert frame["as_of_date"].tolist() == [D(2026, 4, 30), D(2026, 5, 4), DAY]
    assert frame["nav_usd"].fillna(-1).tolist() == [-1, 99.5, 100.5]
    assert frame["shares_outstanding"].fillna(-1).tolist() == [-1, 1_250_000, 300_000]
    assert frame["aum_usd"].fillna(-1).tolist() == [98, -1, 30_150_000]
    assert frame["ex_dividend_usd"].isna().all()
    assert (set(frame["vendor"]), set(frame["symbol"]), set(frame["share_basis"])) == (
        {"proshares"},
        {"TST"},
        {"restated"},
    )
    assert set(frame["split_basis_date"]) == {TODAY}
    assert (answer.vendor, answer.dataset, answer.key) == ("proshares", "etf_shares", "TST")
    assert (answer.file_format, answer.payload, answer.rejected, answer.detail) == ("csv", body, (), "")


@pytest.mark.parametrize("shares", ["0", "0.0", "0.0004"])
def test_shares_rounded_away_are_unknown(vendor, proshares, shares):
    vendor.on(FILE, file(GOOD, line("05/04/2026", "120000", shares, "2400000")))
    answer = days(proshares)
    row = answer.rows["fund_day"].iloc[0]
    assert (row["as_of_date"], row["nav_usd"], row["aum_usd"]) == (D(2026, 5, 4), 120_000, 2_400_000)
    assert answer.rows["fund_day"]["shares_outstanding"].isna().tolist() == [True, False]
    assert answer.rejected == ()


def test_columns_are_found_by_name(vendor, proshares):
    header = "Assets Under Management,New, shares outstanding (000) ,NAV,Date"
    body = b"\xef\xbb\xbf" + file("30150000,x,300,100.5,05/05/2026", header=header, end="\r\n")
    vendor.on(FILE, body)
    row = days(proshares).rows["fund_day"].iloc[0]
    assert (row["nav_usd"], row["shares_outstanding"], row["aum_usd"]) == (100.5, 300_000, 30_150_000)


@pytest.mark.parametrize(
    ("bad", "rule"),
    [
        (line("03/29/2024"), "not_a_session"),
        (line("05/01/2026", "-", "", "--"), "no_value"),
        (line("05/01/2026", nav="0"), "non_positive"),
        (line("05/01/2026", shares="-1"), "non_positive"),
        (line("05/01/2026", assets="-1"), "non_positive"),
        (line("05/01/2026", shares="0", assets="0"), "non_positive"),
        (line("05/01/2026", shares="0", assets="-"), "non_positive"),
        (line("05/01/2026", nav="1x"), "bad_number"),
        (line("13/01/2026"), "bad_date"),
        (line("2026-05-01"), "bad_date"),
        (line(""), "bad_date"),
        ("05/01/2026,Made Up,TST,1", "column_count"),
        (line("05/01/2026") + ",1", "column_count"),
    ],
)
def test_bad_days_are_rejected_one_by_one(vendor, proshares, bad, rule):
    vendor.on(FILE, file(GOOD, bad))
    answer = days(proshares)
    assert answer.rows["fund_day"]["as_of_date"].tolist() == [DAY]
    assert [row.rule for row in answer.rejected] == [rule]
    assert (answer.rejected[0].table, answer.rejected[0].key) == ("fund_day", "TST")
    json.dumps(answer.rejected[0].row)


def test_two_lines_for_one_day(vendor, proshares):
    twice = line("05/04/2026", "99")
    vendor.on(FILE, file(GOOD, twice, twice, line(nav="101"), GOOD))
    answer = days(proshares)
    assert answer.rows["fund_day"]["as_of_date"].tolist() == [D(2026, 5, 4)]
    assert [(row.rule, row.row_date) for row in answer.rejected] == [("duplicate_date", DAY)] * 2


def test_the_content_twice_is_read_once(vendor, proshares):
    vendor.on(FILE, file(GOOD) * 2)
    answer = days(proshares)
    assert (len(answer.rows["fund_day"]), answer.rejected) == (1, ())


@pytest.mark.parametrize(
    ("answer", "outcome", "detail"),
    [
        (Say(file(GOOD, header=HEADER.replace("Date", "Day"))), "malformed", "columns missing: date"),
        (Say(file(GOOD, header=HEADER.replace(" (000)", ""))), "malformed", "missing: shares outstanding (000)"),
        (
            Say(file(GOOD, header=HEADER.replace(",NAV,", ",Net,").replace("Assets Under", "Under"))),
            "malformed",
            "columns missing: nav, assets under management (found: date,",
        ),
        (Say(file(GOOD, line("05/04/2026", ticker="ELSE"))), "malformed", "asked for TST, a line is of ELSE"),
        (Say(file(line(nav="x"), line("05/04/2026", nav="y"))), "malformed", "all 2 days rejected"),
        (Say(file()), "empty", "no days in the window"),
        (Say(file(line("12/29/2023"))), "empty", "no days in the window"),
        (Say(file(line("03/29/2024"))), "empty", "all 1 days rejected"),
        (Say(b"PK\x03\x04\xff\xff"), "malformed", "not CSV"),
        (Say(b"bad request", 400), "malformed", "columns missing"),
        (Say(b",\n"), "malformed", "found: none"),
        (Say(b"\n "), "malformed", "empty body"),
        (Say(PAGE), "blocked", "web page"),
        (Say(PAGE, 404), "not_found", "404"),
        (Say(b"", 500), "unreachable", "500"),
        (Say(file(GOOD), cut=100), "unreachable", "no complete answer"),
    ],
)
def test_failures_are_named(vendor, proshares, answer, outcome, detail):
    vendor.on(FILE, answer)
    result = days(proshares)
    assert (result.outcome, result.rows) == (outcome, {})
    assert detail in result.detail


@pytest.mark.realdata
def test_without_made_up_files_nothing_is_there(replay):
    answer = ProShares(connect("proshares", replay.url)).fund_days(
        "URTY", D(2016, 1, 4), D(2026, 8, 21), D(2026, 8, 21)
    )
    assert (answer.outcome, answer.http_status, answer.rows) == ("not_found", 404, {})


@pytest.mark.realdata
@pytest.mark.parametrize("symbol", ["URTY", "SRTY", "UWM", "TWM", "RWM"])
def test_made_up_days(synthetic, symbol):
    window = (D(2016, 1, 4), D(2026, 8, 21))
    answer = synthetic.fund_days(symbol, *window, D(2026, 8, 21))
    assert answer.outcome == "ok", answer.detail
    frame = answer.rows["fund_day"]
    assert frame["as_of_date"].is_monotonic_increasing
    assert frame["as_of_date"].iloc[-1] == D(2026, 7, 31)
    assert (frame["shares_outstanding"] % 10_000 == 0).all()
    off = (frame["nav_usd"] * frame["shares_outstanding"] / frame["aum_usd"] - 1).abs()
    assert off.max() < 1e-4
    assert answer.rejected == ()


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("fault", "outcome", "rules"),
    [
        ({"kind": "truncate"}, "unreachable", []),
        ({"kind": "html200", "ctype": "text/csv"}, "blocked", []),
        ({"kind": "empty"}, "malformed", []),
        ({"kind": "schema_drift", "from": "NAV", "to": "Net"}, "malformed", []),
        ({"kind": "negative_price"}, "ok", ["non_positive"]),
        ({"kind": "duplicate_rows"}, "ok", []),
    ],
)
def test_faults_are_named(synthetic, replay, fault, outcome, rules):
    replay.faults([{"match": "historical_nav", **fault}])
    answer = synthetic.fund_days("UWM", D(2026, 7, 1), D(2026, 8, 21), D(2026, 8, 21))
    assert (answer.outcome, [row.rule for row in answer.rejected]) == (outcome, rules)
