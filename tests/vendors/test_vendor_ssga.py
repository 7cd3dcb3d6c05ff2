from __future__ import annotations

import datetime as dt
import io
import json
import zipfile

import openpyxl
import pytest
import requests
from scripted_vendor import PAGE, Say, connect

from orchestration.vendors.ssga import StateStreet

D = dt.date
FIRST, DAY, TODAY = D(2024, 1, 2), D(2026, 5, 5), D(2026, 5, 6)
FILE = "^/library-content/products/fund-data/etfs/us/navhist-us-en-tst.xlsx$"
HEADER = ("Date", "NAV", "Shares Outstanding", "Total Net Assets")
GOOD = ("05-May-2026", 100.5, 300_000.0, 30_150_000.0)
FOOTER = [
    (),
    ("Past performance is no guide. Date of first use: 2026.",),
    ("State what you like", "-", "www.example.com"),
    (None, "in the second column, and\u00a0long"),
]


@pytest.fixture
def ssga(vendor):
    return StateStreet(connect("ssga", vendor.url))


@pytest.fixture
def synthetic(replay):
    """State Street on the replay, made-up files switched on."""
    requests.post(f"{replay.url}/__config", json={"synthetic_sponsors": True}, timeout=5).raise_for_status()
    yield StateStreet(connect("ssga", replay.url))
    requests.post(f"{replay.url}/__config", json={"synthetic_sponsors": False}, timeout=5).raise_for_status()
    replay.clear()
    replay.today()


def book(*rows, sheet="navhist", header=HEADER, ticker="TST", footer=FOOTER) -> bytes:
    made = openpyxl.Workbook()
    made.create_sheet("Notes").append(HEADER)
    page = made.create_sheet(sheet)
    block = [("Fund Name:", "Made-up Fund"), ("Ticker Symbol:", ticker), ()]
    for row in [*block, header, *rows, *footer]:
        page.append(row)
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


def changed(body: bytes, part: str, old: bytes, new: bytes) -> bytes:
    """The workbook with a text of one part replaced; an empty `old` replaces the whole part."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(body)) as source, zipfile.ZipFile(out, "w") as target:
        for name in source.namelist():
            data = source.read(name)
            if name == part:
                assert old in data
                data = data.replace(old, new, 1) if old else new
            target.writestr(name, data)
    return out.getvalue()


def days(ssga):
    return ssga.fund_days("TST", FIRST, DAY, TODAY)


def test_fund_days(vendor, ssga):
    earlier = (dt.datetime.combine(D(2026, 4, 30), dt.time()), "98", "-", "--")
    later = ("06-May-2026", 1.0, 1.0, 1.0)
    before = ("29-Dec-2023", 1.0, 1.0, 1.0)
    body = book(later, GOOD, ("04-May-2026", "", "250,000", None), earlier, before)
    vendor.on(FILE, body)
    answer = days(ssga)
    assert answer.outcome == "ok", answer.detail
    frame = answer.rows["fund_day"]
    assert frame["as_of_date"].tolist() == [D(2026, 4, 30), D(2026, 5, 4), DAY]
    assert frame["nav_usd"].fillna(-1).tolist() == [98.0, -1, 100.5]
    assert frame["shares_outstanding"].fillna(-1).tolist() == [-1, 250_000, 300_000]
    assert frame["aum_usd"].fillna(-1).tolist() == [-1, -1, 30_150_000]
    assert frame["ex_dividend_usd"].isna().all()
    assert (set(frame["vendor"]), set(frame["symbol"]), set(frame["share_basis"])) == (
        {"ssga"},
        {"TST"},
        {"as_reported"},
    )
    assert frame["split_basis_date"].tolist() == frame["as_of_date"].tolist()
    assert (answer.vendor, answer.dataset, answer.key, answer.file_format) == ("ssga", "etf_shares", "TST", "xlsx")
    assert (answer.window_start, answer.window_end, answer.attempts) == (FIRST, DAY, 1)
    assert (answer.payload, answer.rejected, answer.detail) == (body, (), "")


def test_columns_are_found_by_name(vendor, ssga):
    header = ("Total Net Assets", "New", "DATE", "Shares Outstanding", " nav ")
    vendor.on(FILE, book((30_150_000, "x", "05-May-2026", 300_000, 100.5), header=header))
    row = days(ssga).rows["fund_day"].iloc[0]
    assert (row["nav_usd"], row["shares_outstanding"], row["aum_usd"]) == (100.5, 300_000, 30_150_000)


def test_a_wrong_size_in_the_file_hides_nothing(vendor, ssga):
    body = book(GOOD, footer=[])
    vendor.on(FILE, changed(body, "xl/worksheets/sheet3.xml", b'<dimension ref="A1:D5"', b'<dimension ref="A1"'))
    assert days(ssga).rows["fund_day"]["aum_usd"].tolist() == [30_150_000]


def test_a_wild_row_number_is_not_followed(vendor, ssga):
    body = book(GOOD, ("04-May-2026", 1, 1, 1), footer=[])
    vendor.on(FILE, changed(body, "xl/worksheets/sheet3.xml", b'<row r="6"', b'<row r="9000000000"'))
    answer = days(ssga)
    assert (answer.outcome, answer.rows) == ("malformed", {})
    assert "more than 1,048,576 rows or 5,000,000 cells" in answer.detail


def test_net_assets_that_do_not_fit_are_left_to_later_checks(vendor, ssga):
    vendor.on(FILE, book(("05-May-2026", 100.5, 300_000, 31_000_000)))
    answer = days(ssga)
    assert (answer.rows["fund_day"]["aum_usd"].tolist(), answer.rejected) == ([31_000_000], ())


@pytest.mark.parametrize(
    ("bad", "rule"),
    [
        (("29-Mar-2024", 1.0, 1.0, 1.0), "not_a_session"),
        (("01-May-2026", "-", "--", None), "no_value"),
        (("01-May-2026", 0, 100, 100), "non_positive"),
        (("01-May-2026", 10, -100, 100), "non_positive"),
        (("01-May-2026", 10, 100, 0), "non_positive"),
        (("01-May-2026", "1x", 100, 100), "bad_number"),
        (("01-May-2026", 10, "#N/A", 100), "bad_number"),
        (("01-May-2026", True, 100, 100), "bad_number"),
        (("soon", 1, 100, 100), "bad_date"),
        (("31-Feb-2026", 1, 100, 100), "bad_date"),
        ((None, None, 100, None), "bad_date"),
        ((dt.time(12, 0), "x", 100, 100), "bad_date"),
    ],
)
def test_bad_days_are_rejected_one_by_one(vendor, ssga, bad, rule):
    vendor.on(FILE, book(GOOD, bad))
    answer = days(ssga)
    assert answer.rows["fund_day"]["as_of_date"].tolist() == [DAY]
    assert [row.rule for row in answer.rejected] == [rule]
    assert (answer.rejected[0].table, answer.rejected[0].key) == ("fund_day", "TST")
    json.dumps(answer.rejected[0].row)


def test_two_lines_for_one_day(vendor, ssga):
    other, twice = ("05-May-2026", 101, 300_000, 30_150_000), ("04-May-2026", 99, 1, 99)
    vendor.on(FILE, book(GOOD, twice, twice, other, GOOD))
    answer = days(ssga)
    assert answer.rows["fund_day"]["as_of_date"].tolist() == [D(2026, 5, 4)]
    assert [(row.rule, row.row_date) for row in answer.rejected] == [("duplicate_date", DAY)] * 2


@pytest.mark.parametrize(
    ("answer", "outcome", "detail"),
    [
        (Say(book(GOOD, sheet="Other")), "malformed", "no worksheet 'navhist'"),
        (Say(book(GOOD, header=("Date", "NAV", "Shares", "Total Net Assets"))), "malformed", "shares outstanding"),
        (
            Say(book(GOOD, header=("Date", "Price", "Shares Outstanding"))),
            "malformed",
            "missing: nav, total net assets",
        ),
        (Say(book(GOOD, header=("Day", *HEADER[1:]))), "malformed", "columns missing: date"),
        (Say(book(GOOD, ticker="ELSE")), "malformed", "asked for TST, the file is of ELSE"),
        (Say(book(("soon", 1, 1, 1), ("later", 1, 1, 1))), "malformed", "all 2 days rejected"),
        (Say(book()), "empty", "no days in the window"),
        (Say(book(("29-Dec-2023", 1.0, 1.0, 1.0))), "empty", "no days in the window"),
        (Say(book(("29-Mar-2024", 1.0, 1.0, 1.0))), "empty", "all 1 days rejected"),
        (Say(book(GOOD)[:2000]), "malformed", "not an xlsx workbook: BadZipFile"),
        (Say(b"Date,NAV\n05-May-2026,1\n"), "malformed", "not an xlsx workbook: BadZipFile"),
        (Say(b"bad request", 400), "malformed", "HTTP 400"),
        (Say(changed(book(GOOD), "xl/worksheets/sheet3.xml", b"", b"<worksheet")), "malformed", "not an xlsx workbook"),
        (Say(changed(book(GOOD), "xl/worksheets/sheet3.xml", b'r="5"', b'r="x"')), "malformed", "not an xlsx workbook"),
        (Say(changed(book(GOOD), "xl/workbook.xml", b"", b"<a/>")), "malformed", "no worksheet"),
        (Say(b"\n "), "malformed", "empty body"),
        (Say(PAGE), "blocked", "web page"),
        (Say(b"no", 403), "blocked", "403"),
        (Say(PAGE, 404), "not_found", "404"),
        (Say(b"", 429), "rate_limited", "429"),
        (Say(book(GOOD), cut=100), "unreachable", "no complete answer"),
    ],
)
def test_failures_are_named(vendor, ssga, answer, outcome, detail):
    vendor.on(FILE, answer)
    result = days(ssga)
    assert (result.outcome, result.rows) == (outcome, {})
    assert detail in result.detail


def test_an_empty_sheet_is_empty(vendor, ssga):
    part = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData/></worksheet>'
    vendor.on(FILE, changed(book(), "xl/worksheets/sheet3.xml", b"", part))
    answer = days(ssga)
    assert (answer.outcome, answer.detail) == ("empty", "the sheet is empty")


def test_a_web_page_is_kept_as_one(vendor, ssga):
    vendor.on(FILE, PAGE)
    answer = days(ssga)
    assert (answer.file_format, answer.payload) == ("html", PAGE)


def test_the_circuit_opens(vendor, ssga):
    vendor.on(FILE, PAGE)
    assert [days(ssga).outcome for _ in range(6)] == ["blocked"] * 5 + ["skipped"]


@pytest.mark.realdata
def test_without_made_up_files_nothing_is_there(replay):
    answer = StateStreet(connect("ssga", replay.url)).fund_days("SPY", D(2016, 1, 4), D(2026, 8, 21), D(2026, 8, 21))
    assert (answer.outcome, answer.http_status, answer.rows) == ("not_found", 404, {})


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("symbol", "newest", "count"),
    [("SPY", D(2026, 8, 20), 2673), ("DIA", D(2026, 8, 20), 2673), ("KRE", D(2026, 7, 31), 2659)],
)
def test_ten_years_of_made_up_days(synthetic, symbol, newest, count):
    answer = synthetic.fund_days(symbol, D(2016, 1, 4), D(2026, 8, 21), D(2026, 8, 21))
    assert answer.outcome == "ok", answer.detail
    frame = answer.rows["fund_day"]
    assert (frame["as_of_date"].iloc[0], frame["as_of_date"].iloc[-1]) == (D(2016, 1, 4), newest)
    assert len(frame) == count
    assert frame[["nav_usd", "shares_outstanding", "aum_usd"]].notna().all(axis=None)
    assert (frame["nav_usd"] * frame["shares_outstanding"]).sub(frame["aum_usd"]).abs().max() < 1e4
    assert answer.rejected == ()
    assert synthetic.fund_days(symbol, D(2026, 8, 21), D(2026, 8, 21), D(2026, 8, 21)).outcome == "empty"


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        ({"kind": "truncate"}, "unreachable"),
        ({"kind": "html200"}, "blocked"),
        ({"kind": "empty"}, "malformed"),
        ({"kind": "malformed_json"}, "malformed"),
        ({"kind": "status", "code": 503}, "unreachable"),
        ({"kind": "stale", "sessions": 3}, "ok"),
    ],
)
def test_faults_are_named(synthetic, replay, fault, outcome):
    replay.faults([{"match": "navhist", **fault}])
    answer = synthetic.fund_days("DIA", D(2026, 8, 3), D(2026, 8, 21), D(2026, 8, 21))
    assert answer.outcome == outcome
    if outcome == "ok":
        assert answer.rows["fund_day"]["as_of_date"].max() == D(2026, 8, 17)
