"""Real portfolio reports, and those the replay generates, through the real client."""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Iterator

import pytest
from scripted_vendor import connect

from orchestration.vendors.sec import Entry, Sec
from tests.conftest import SHARED

D = dt.date
pytestmark = pytest.mark.realdata
FIRST, TODAY = D(2019, 9, 30), D(2026, 11, 20)
SERIES = {"IWM": "S000004344", "IWB": "S000004347", "IWV": "S000004341", "IWC": "S000004439", "IVV": "S000004310"}
IWM_JUNE = Entry(
    "1100663", "0002071691-26-019749", "NPORT-P", D(2026, 8, 25), dt.datetime(2026, 8, 25, 16, tzinfo=dt.UTC)
)


@pytest.fixture
def sec(replay) -> Iterator[Sec]:
    replay.clear()
    replay.today(str(TODAY))
    yield Sec(connect("sec", replay.url), "Jane Doe jane@example.com")
    replay.clear()
    replay.today()


def entries(sec: Sec, fund: str) -> list[Entry]:
    answer = sec.feed(fund, SERIES[fund], FIRST, TODAY)
    assert answer.outcome == "ok", answer.detail
    columns = ("cik", "accession", "form", "filed_date", "accepted_at")
    return [Entry(*(row[c] for c in columns)) for row in answer.rows["fund_filing_entry"].to_dict("records")]


def test_golden_facts_of_a_real_report(sec):
    answer = sec.filing("IWM", SERIES["IWM"], IWM_JUNE, with_lines=False, first=FIRST)
    assert answer.outcome == "ok", answer.detail
    report = answer.rows["fund_filing"].iloc[0]
    assert (report["report_date"], report["book_date"]) == (D(2026, 6, 30), D(2026, 6, 29))
    assert report["net_assets_usd"] == 82_970_351_735.73
    months = answer.rows["fund_month"]
    assert months["month_end"].tolist() == [D(2026, 4, 30), D(2026, 5, 31), D(2026, 6, 30)]
    sales, redemptions = months["sales_usd"].round(2).tolist(), months["redemptions_usd"].round(2).tolist()
    assert sales == [8_574_732_221.00, 13_335_630_236.20, 16_164_405_042.15]
    assert redemptions == [12_112_287_315.10, 12_554_374_233.90, 16_882_381_782.90]
    assert months["total_return_pct"].tolist() == [12.19877, 4.368622, 3.706182]


def test_an_excerpt_is_no_portfolio(sec):
    answer = sec.filing("IWM", SERIES["IWM"], IWM_JUNE, with_lines=True, first=FIRST)
    assert (answer.outcome, answer.rows) == ("malformed", {})
    assert "weights of 32 shares" in answer.detail


@pytest.mark.parametrize(
    ("net_assets", "last_session"), [(82_970_351_735.73, "2026-06-30"), (60_001_506_008.76, "2024-06-28")]
)
def test_the_shares_of_a_session_are_those_of_the_net_assets_filed_for_it(net_assets, last_session):
    """Net assets of two real reports are the sponsor's shares of the last session times its NAV, and of no other one.

    A print of a session so belongs to the books of that session, and flow_date needs no shift. Shares of the session
    before or after miss by a tenth of a percent at least.
    """
    with (SHARED / "realdata" / "ishares" / "IWM_nav_shares.csv").open(encoding="utf-8") as file:
        days = [row for row in csv.DictReader(file) if row["nav"] and row["shares_outstanding"]]
    place = next(n for n, row in enumerate(days) if row["as_of"] == last_session)
    nav = float(days[place]["nav"])
    before, same, after = (float(days[place + n]["shares_outstanding"]) * nav / net_assets - 1 for n in (-1, 0, 1))
    assert abs(same) < 1e-6
    assert min(abs(before), abs(after)) > 1e-3


def test_every_generated_report_is_read_whole(sec):
    read = {}
    for fund, series in SERIES.items():
        for entry in entries(sec, fund):
            answer = sec.filing(fund, series, entry, with_lines=True, first=FIRST)
            assert (answer.outcome, answer.rejected) == ("ok", ()), (fund, entry, answer.detail)
            read.setdefault(fund, []).append(answer.rows)
    assert {fund: len(found) for fund, found in read.items()} == {"IWM": 8, "IWB": 1, "IWV": 2, "IWC": 1, "IVV": 1}
    reports = [rows["fund_filing"].iloc[0] for rows in read["IWM"]]
    amended = [report for report in reports if report["report_date"] == D(2025, 9, 30)]
    assert sorted(report["form"] for report in amended) == ["NPORT-P", "NPORT-P/A"]
    assert len({report["lines_sha256"] for report in amended}) == 1
    june = next(rows for rows in read["IWM"] if rows["fund_filing"].iloc[0]["report_date"] == D(2025, 6, 30))
    assert june["fund_filing"].iloc[0]["book_date"] == D(2025, 6, 27)
    lines = june["fund_filing_line"]
    assert len(lines) == 2122
    assert lines["ticker"].isna().all()
    assert {"EC", "STIV"} <= set(lines["asset_category"])
    # collateral of borrowers stands beside net assets
    assert lines["weight_pct"].sum() > 110


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        ({"kind": "status", "code": 403}, "blocked"),
        ({"kind": "status", "code": 404}, "not_found"),
        ({"kind": "html200"}, "blocked"),
        ({"kind": "truncate"}, "unreachable"),
        ({"kind": "empty"}, "malformed"),
        ({"kind": "duplicate_rows", "rows": 2000}, "malformed"),
        ({"kind": "schema_drift", "from": "netAssets", "to": "netWorth"}, "malformed"),
        ({"kind": "schema_drift", "from": "pctVal", "to": "pctValue"}, "malformed"),
    ],
)
def test_failures_are_named(sec, replay, fault, outcome):
    entry = entries(sec, "IWM")[0]
    replay.faults([{"match": "primary_doc", **fault}])
    answer = sec.filing("IWM", SERIES["IWM"], entry, with_lines=True, first=FIRST)
    assert (answer.outcome, answer.rows) == (outcome, {}), answer.detail
    replay.clear()
    assert sec.filing("IWM", SERIES["IWM"], entry, with_lines=True, first=FIRST).outcome == "ok"


def test_who_names_no_contact_is_turned_away(sec, replay):
    answer = Sec(connect("sec", replay.url), "python-requests/2").feed("IWM", SERIES["IWM"], FIRST, TODAY)
    assert (answer.outcome, answer.http_status, answer.attempts) == ("blocked", 403, 1)
    assert "Request Rate Threshold Exceeded" in answer.detail


def test_an_unknown_series_is_said_to_be_unknown(sec):
    assert sec.feed("X", "S999999999", FIRST, TODAY).outcome == "unknown_symbol"
