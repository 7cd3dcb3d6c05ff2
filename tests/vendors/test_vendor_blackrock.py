from __future__ import annotations

import datetime as dt
import json

import pytest
from scripted_vendor import PAGE, Say, connect

from orchestration.vendors.blackrock import FIELDS, BlackRock

D = dt.date
DAY = D(2026, 5, 5)
JSON, CSV, BOOK = "component=holdings.all", "component=holdings(&|$)", "component=fundDownload"
NBSP = "\u00a0"
HEADER = (
    "Ticker,Name,Sector,Asset Class,Market Value,Weight (%),Notional Value,Quantity,Price,Location,Exchange,"
    "Currency,FX Rate,Market Currency,Accrual Date"
)
LINES = [
    '"AAA","ALPHA INC","Energy","Equity","1,000.50","60.00","1,000.50","10.00","100.05","United States","NYSE","USD",'
    '"1.00","USD","-"',
    '"-","BETA, INC CVR","--","Equity","-","0.00","-","5.00","-","United States","-","USD","1.00","USD","-"',
    '"USD","USD CASH","Cash and/or Derivatives","Cash","-20.00","-1.50","-20.00","-20.00","100.00","United States",'
    '"-","USD","1.00","USD","-"',
]
NOTICE = f'{NBSP}\n"A notice.\nIt has, several lines.\nTicker,of nothing"\n'


def csv_file(date="May 05, 2026", lines=LINES, header=HEADER, shares="278,750,000.00", times=1) -> bytes:
    preamble = [
        "Made-up Fund",
        f'Fund Holdings as of,"{date}"',
        'Inception Date,"May 22, 2000"',
        f'Shares Outstanding,"{shares}"',
        'Stock,"-"',
        NBSP,
        header,
    ]
    text = "\n".join([*preamble, *lines]) + "\n" + NOTICE
    return ("\ufeff" + text * times).encode()


def points(as_of="20260505", **changes) -> dict:
    """The same three lines in the JSON layout."""
    columns = {
        "ticker": ["AAA", "-", "USD"],
        "issueName": ["ALPHA INC", "BETA, INC CVR", "USD CASH"],
        "sectorName": ["Energy", "--", "Cash and/or Derivatives"],
        "assetClass": ["Equity", "Equity", "Cash"],
        "marketValue": [1000.5, None, -20.0],
        "holdingPercent": [60.0, 0.0, -1.5],
        "notionalValue": [1000.5, None, -20.0],
        "unitsHeld": [10.0, 5.0, -20.0],
        "unitPrice": [100.05, None, 100.0],
        "countryOfRisk": ["United States"] * 3,
        "exchange": ["NYSE", "-", "-"],
        "currencyCode": ["USD"] * 3,
        "marketCurrencyCode": ["USD"] * 3,
        "cusip": [None] * 3,
    } | changes
    return {
        name: {"value": values, "formattedValue": values} for name, values in columns.items() if values is not None
    } | {"asOfDate": {"value": as_of, "formattedValue": "-"}}


def json_file(**changes) -> bytes:
    found = {"dataPointsByNameMap": points(**changes)}
    return json.dumps({"componentsByNameMap": {"holdings": {"containersByNameMap": {"all": found}}}}).encode()


NOTHING = {name: [] for name, _ in FIELDS.values()}


def lines_of(answer) -> list[dict]:
    assert answer.outcome == "ok", answer.detail
    frame = answer.rows["holding"].astype("object")
    return frame.where(frame.notna(), None).to_dict("records")


def snapshot(answer) -> dict:
    return answer.rows["holding_snapshot"].to_dict("records")[0]


def test_json_holdings(vendor, blackrock):
    vendor.on(JSON, json_file())
    answer = blackrock.holdings("TST", 1, DAY)
    first, second, third = lines_of(answer)
    assert (first["line_no"], first["ticker"], first["weight_pct"], first["shares"]) == (1, "AAA", 60.0, 10.0)
    assert [second[name] for name in ("ticker", "sector", "market_value_usd", "price_usd", "exchange")] == [None] * 5
    assert second["weight_pct"] == 0.0
    assert third["market_value_usd"] == -20.0
    assert {line["as_of_date"] for line in lines_of(answer)} == {DAY}
    assert snapshot(answer) | {"lines_sha256": "", "shares_outstanding": None} == {
        "vendor": "blackrock",
        "fund": "TST",
        "as_of_date": DAY,
        "file_format": "json",
        "lines": 3,
        "weight_sum_pct": 58.5,
        "shares_outstanding": None,
        "lines_sha256": "",
        "file_path": None,
    }
    assert (answer.dataset, answer.key, answer.file_format, answer.detail) == ("constituents", "TST", "json", "")
    assert "asOfDate=20260505" in answer.url
    assert vendor.headers[-1]["x-application-id"] == "pp-ui-csr"
    assert vendor.headers[-1]["Accept"] == "application/json"
    assert vendor.count(CSV) == 0


def test_half_of_a_surrogate_pair_costs_no_line(vendor, blackrock):
    vendor.on(JSON, json_file(issueName=["ALPHA \ud800", "BETA \U0001f71a", "USD CASH"]))
    assert [line["name"] for line in lines_of(blackrock.holdings("TST", 1, DAY))] == ["ALPHA ?", "BETA 🜚", "USD CASH"]


def test_csv_is_the_fallback_and_holds_the_same(vendor, blackrock):
    vendor.on(JSON, json_file(), PAGE)
    vendor.on(CSV, csv_file())
    by_json, by_csv = (blackrock.holdings("TST", 1, DAY) for _ in range(2))
    assert lines_of(by_json) == lines_of(by_csv)
    assert snapshot(by_json)["lines_sha256"] == snapshot(by_csv)["lines_sha256"]
    assert snapshot(by_csv)["shares_outstanding"] == 278_750_000.0
    assert by_csv.file_format == snapshot(by_csv)["file_format"] == "csv"
    assert by_csv.payload == csv_file()
    assert "JSON blocked" in by_csv.detail


def test_the_hash_is_of_the_lines_alone(vendor, blackrock):
    same = [json_file(), json_file(as_of="20260504"), json_file(unitsHeld=["10.00", 5, "(20)"]), json_file(cusip=None)]
    names = ["ALPHA INC", "BETA, INC CVR", "USD CASH"]
    others = [
        json_file(unitsHeld=[10.0, 5.0, -20.5]),
        json_file(unitsHeld=[10.0, None, -20.0]),
        json_file(issueName=[names[0] + names[1][0], names[1][1:], names[2]]),
        json_file(issueName=[names[0], None, names[2]]),
        json_file(cusip=names, issueName=[None] * 3),
    ]
    vendor.on(JSON, *same, *others)
    hashes = [snapshot(blackrock.holdings("TST", 1, DAY))["lines_sha256"] for _ in (*same, *others)]
    assert set(hashes[: len(same)]) == {"3db15157ca2d6fb04c183c986641272e6be9ba0d2541b04fcb84e59b77a88059"}
    assert len(set(hashes)) == 1 + len(others)


def test_rejected_lines_come_in_file_order_with_the_first_column_at_fault(vendor, blackrock):
    changes = {"marketValue": [1.0, "x", 1.0], "unitPrice": [-1.0, "y", -2.0], "unitsHeld": [1.0, 1.0, "z"]}
    vendor.on(JSON, json_file(ticker=["AAA", "BBB", "CCC"], **changes), json_file(unitPrice=[1.0, -1.0, 1.0]))
    all_bad = blackrock.holdings("TST", 1, DAY)
    assert "all 3 lines rejected, first: price -1.0" in all_bad.detail
    answer = blackrock.holdings("TST", 1, DAY)
    assert [line["line_no"] for line in lines_of(answer)] == [1, 3]
    (bad,) = answer.rejected
    assert (bad.rule, bad.detail, bad.row["line_no"], bad.row["name"]) == (
        "negative_price",
        "price -1.0",
        2,
        "BETA, INC CVR",
    )


def test_newest_file_has_no_date_in_the_request(vendor, blackrock):
    vendor.on(JSON, json_file())
    answer = blackrock.holdings("TST", 1, None)
    assert "asOfDate" not in answer.url
    assert snapshot(answer)["as_of_date"] == DAY


def by_csv(vendor, blackrock, body: bytes, as_of: D | None = DAY):
    vendor.on(JSON, Say(b"gone", 404))
    vendor.on(CSV, body)
    return blackrock.holdings("TST", 1, as_of)


@pytest.mark.parametrize("date", ["May 05, 2026", "05-May-2026", "05/May/2026"])
def test_csv_dates(vendor, blackrock, date):
    assert snapshot(by_csv(vendor, blackrock, csv_file(date)))["as_of_date"] == DAY


def test_csv_with_older_names_in_another_order(vendor, blackrock):
    header = "Ticker,Name,Weight (%),Shares"
    answer = by_csv(vendor, blackrock, csv_file(header=header, lines=['"AAA","ALPHA INC","60.00","10.00"']))
    line = lines_of(answer)[0]
    assert (line["weight_pct"], line["shares"], line["price_usd"]) == (60.0, 10.0, None)


def test_csv_with_everything_twice_is_read_once(vendor, blackrock):
    assert len(lines_of(by_csv(vendor, blackrock, csv_file(times=2)))) == 3


def test_csv_with_two_different_tables_is_refused(vendor, blackrock):
    twice = csv_file() + csv_file(lines=LINES[:2])
    assert "two different tables" in by_csv(vendor, blackrock, twice).detail


def test_bad_lines_are_rejected_one_by_one(vendor, blackrock):
    bad = [LINES[0].replace('"100.05"', '"1x"'), LINES[0].replace('"100.05"', '"-100.05"'), '"AAA","B","C","D"']
    answer = by_csv(vendor, blackrock, csv_file(lines=[*LINES, *bad]))
    assert {row.rule for row in answer.rejected} == {"bad_number", "negative_price", "column_count"}
    assert "price_usd" in next(row.detail for row in answer.rejected if row.rule == "bad_number")
    assert [line["line_no"] for line in lines_of(answer)] == [1, 2, 3]
    json.dumps([row.row for row in answer.rejected])


@pytest.mark.parametrize("column", ["Ticker", "Name", "Weight (%)"])
def test_csv_without_a_required_column_names_it(vendor, blackrock, column):
    answer = by_csv(vendor, blackrock, csv_file(header=HEADER.replace(column, "Else", 1)))
    assert answer.outcome == "malformed"
    assert column.lower() in answer.detail.lower()


@pytest.mark.parametrize("column", ["ticker", "issueName", "holdingPercent"])
def test_json_without_a_required_column_names_it(vendor, blackrock, column):
    vendor.on(JSON, json_file(**{column: None}))
    answer = blackrock.holdings("TST", 1, DAY)
    assert answer.outcome == "not_found"
    assert f"columns missing: {column}" in answer.detail


def test_unpublished_dates_are_empty_and_not_asked_again(vendor, blackrock):
    vendor.on(JSON, json_file(as_of=None, **NOTHING), PAGE)
    vendor.on(CSV, csv_file("-", lines=[], shares="-"))
    answers = [blackrock.holdings("TST", 1, DAY) for _ in range(2)]
    assert [answer.outcome for answer in answers] == ["empty", "empty"]
    assert answers[0].detail == "not published"
    assert "not published" in answers[1].detail
    assert vendor.count(CSV) == 1


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (json_file(as_of=None), "3 lines without an as-of date"),
        (json_file(as_of="soon"), "not a date"),
        (json_file(**NOTHING), "without lines"),
        (json_file(ticker=["AAA"]), "unequal length"),
        (json_file(as_of="20260506"), "asked for 2026-05-05, the file is of 2026-05-06"),
        (json_file(as_of="20260503"), "not a session"),
        (json_file(as_of="18000101"), "not a session"),
        (json_file(holdingPercent=["x"] * 3), "all 3 lines rejected"),
        (b"{}", "not a holdings answer"),
        (b"[1]", "not a holdings answer"),
        (b'{"a', "not JSON"),
        (b"", "empty body"),
    ],
)
def test_both_failures_are_named(vendor, blackrock, body, detail):
    vendor.on(JSON, body)
    vendor.on(CSV, Say(b"Too Many Requests", 429))
    answer = blackrock.holdings("TST", 1, DAY)
    assert (answer.outcome, answer.rows, answer.attempts) == ("rate_limited", {}, 5)
    assert "JSON malformed" in answer.detail
    assert detail in answer.detail
    assert "CSV rate_limited" in answer.detail


def test_an_earlier_session_is_kept_under_its_own_date(vendor, blackrock):
    vendor.on(JSON, json_file(as_of="20260504"))
    answer = blackrock.holdings("TST", 1, DAY)
    assert snapshot(answer)["as_of_date"] == D(2026, 5, 4)
    assert answer.detail == "asked for 2026-05-05, the file is of 2026-05-04"


@pytest.mark.parametrize(
    "body", [b"Fund\nno date here\n", b'Fund Holdings as of,"May 05, 2026"\n\n', b"\xff\xfe\x00", csv_file("soon")]
)
def test_files_that_are_no_holdings_are_malformed(vendor, blackrock, body):
    assert by_csv(vendor, blackrock, body).outcome == "malformed"


def test_the_circuit_opens(vendor):
    vendor.on("component", PAGE)
    blackrock = BlackRock(connect("blackrock", vendor.url))
    outcomes = [blackrock.holdings("TST", 1, DAY).outcome for _ in range(6)]
    assert outcomes == ["blocked"] * 5 + ["skipped"]


def book(
    *rows: str, sheet="Historical", header=("As Of", "NAV per Share", "Ex-Dividends", "Shares Outstanding")
) -> bytes:
    head = "<ss:Row>" + "".join(cell(text) for text in header) + "</ss:Row>"
    return (
        '\ufeff<?xml version="1.0"?>\n<ss:Workbook xmlns:ss="urn:schemas-microsoft-com:office:spreadsheet">'
        '<ss:Worksheet ss:Name="Disclaimers"><ss:Table><ss:Row><ss:Cell><ss:Data ss:Type="String">S&P &amp; &#38; Co'
        f'</ss:Data></ss:Cell></ss:Row></ss:Table></ss:Worksheet><ss:Worksheet ss:Name="{sheet}"><ss:Table>'
        f"{head if header else ''}{''.join(rows)}</ss:Table></ss:Worksheet></ss:Workbook>\n"
    ).encode()


def cell(text: str, index: int | None = None) -> str:
    place = f' ss:Index="{index}"' if index else ""
    return f'<ss:Cell{place}><ss:Data ss:Type="String">{text}</ss:Data></ss:Cell>'


def row(*texts: str, index: int | None = None) -> str:
    place = f' ss:Index="{index}"' if index else ""
    return f"<ss:Row{place}>{''.join(cell(text) for text in texts)}</ss:Row>"


GOOD = row("May 05, 2026", "100.5", "--", "300000")


def days(blackrock):
    return blackrock.fund_days("TST", 1, D(2024, 1, 2), DAY, D(2026, 5, 6))


def test_fund_days(vendor, blackrock):
    sparse = f"<ss:Row>{cell('May 04, 2026')}{cell('99.5')}{cell('250000', index=4)}</ss:Row>"
    rows = [GOOD, row("Apr 30, 2026", "98", "0.5", "--", index=5), sparse, row("May 06, 2026", "1", "--", "1")]
    vendor.on(BOOK, book(*rows))
    answer = days(blackrock)
    frame = answer.rows["fund_day"]
    assert frame["as_of_date"].tolist() == [D(2026, 4, 30), D(2026, 5, 4), D(2026, 5, 5)]
    assert frame["nav_usd"].tolist() == [98.0, 99.5, 100.5]
    assert frame["shares_outstanding"].fillna(-1).tolist() == [-1, 250000, 300000]
    assert frame["ex_dividend_usd"].fillna(-1).tolist() == [0.5, -1, -1]
    assert frame["aum_usd"].isna().all()
    assert set(frame["share_basis"]) == {"restated"}
    assert set(frame["split_basis_date"]) == {D(2026, 5, 6)}
    assert (answer.dataset, answer.key, answer.file_format, answer.rejected) == ("etf_shares", "TST", "xml", ())


@pytest.mark.parametrize(
    ("bad", "rule"),
    [
        (row("Mar 29, 2024", "--", "--", "--"), "not_a_session"),
        (row("May 01, 2026", "--", "--", "-"), "no_value"),
        (row("May 01, 2026", "0", "--", "100"), "non_positive"),
        (row("May 01, 2026", "10", "--", "-100"), "non_positive"),
        (row("May 01, 2026", "1x", "--", "100"), "bad_number"),
        (row("soon", "1", "--", "100"), "bad_date"),
    ],
)
def test_bad_days_are_rejected_one_by_one(vendor, blackrock, bad, rule):
    vendor.on(BOOK, book(GOOD, bad))
    answer = days(blackrock)
    assert answer.rows["fund_day"]["as_of_date"].tolist() == [DAY]
    assert [row.rule for row in answer.rejected] == [rule]


def test_two_lines_for_one_day(vendor, blackrock):
    other, twice = row("May 05, 2026", "101", "--", "300000"), row("May 04, 2026", "99", "--", "1")
    vendor.on(BOOK, book(GOOD, twice, twice, other))
    answer = days(blackrock)
    assert answer.rows["fund_day"]["as_of_date"].tolist() == [D(2026, 5, 4)]
    assert [row.rule for row in answer.rejected] == ["duplicate_date"] * 2


@pytest.mark.parametrize(
    ("answer", "outcome", "detail"),
    [
        (Say(book(GOOD, sheet="Other")), "malformed", "no worksheet"),
        (Say(book(header=())), "empty", "the sheet is empty"),
        (Say(book()), "empty", "no days in the window"),
        (Say(book(row("Mar 29, 2024", "--", "--", "--"))), "empty", "all 1 days rejected"),
        (Say(book(row("May 05, 2026", "x", "--", "y"))), "malformed", "all 1 days rejected"),
        (Say(book(GOOD, header=("As Of", "Price", "Ex-Dividends", "Shares"))), "malformed", "nav per share"),
        (Say(book(GOOD, header=("Date", "NAV per Share"))), "malformed", "As Of"),
        (Say(b"<a><b></a>"), "malformed", "not SpreadsheetML"),
        (Say(PAGE), "blocked", "web page"),
        (Say(PAGE, 404), "not_found", "404"),
        (Say(book(GOOD), cut=100), "unreachable", "no complete answer"),
    ],
)
def test_workbook_failures_are_named(vendor, blackrock, answer, outcome, detail):
    vendor.on(BOOK, answer)
    result = days(blackrock)
    assert (result.outcome, result.rows) == (outcome, {})
    assert detail in result.detail
