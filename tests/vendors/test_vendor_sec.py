"""The SEC's feeds and portfolio reports over a real socket: what is read, and what is refused by name."""

from __future__ import annotations

import datetime as dt
import gzip

import pytest
from scripted_vendor import PAGE, Say, Vendor, connect

from orchestration.vendors.sec import Entry, Sec, book_date

D = dt.date
WHO = "Jane Doe jane@example.com"
FIRST, TODAY = D(2019, 9, 30), D(2026, 8, 31)
ENTRY = Entry("1100663", "0002071691-26-019749", "NPORT-P", D(2026, 8, 25), dt.datetime(2026, 8, 25, 16, tzinfo=dt.UTC))
PATH = "/Archives/edgar/data/1100663/000207169126019749/primary_doc.xml"
REFUSAL = b"<!DOCTYPE html>\n<html><head><title>SEC.gov | Request Rate Threshold Exceeded</title></head></html>"
HEAD = (
    '<edgarSubmission xmlns="http://www.sec.gov/edgar/nport"><headerData><submissionType>NPORT-P</submissionType>'
    "</headerData><formData><genInfo><regCik>0001100663</regCik><seriesId>S000004344</seriesId>"
    "<repPdEnd>2027-03-31</repPdEnd><repPdDate>2026-06-30</repPdDate></genInfo><fundInfo>"
    "<totAssets>117.5</totAssets><totLiabs>17.5</totLiabs><netAssets>100.00</netAssets>"
    "<cshNotRptdInCorD>N/A</cshNotRptdInCorD><returnInfo><monthlyTotReturns>"
    '<monthlyTotReturn classId="C" rtn1="1.5" rtn2="-2" rtn3="N/A"/></monthlyTotReturns></returnInfo>'
    '<mon1Flow redemption="7.5" reinvestment="0.0" sales="10.25"/><mon2Flow redemption="N/A" sales="3"/>'
    '<mon3Flow redemption="0" reinvestment="1" sales="0"/></fundInfo><invstOrSecs>'
)
TAIL = "</invstOrSecs></formData></edgarSubmission>"


def line(name: str = "Zel, Inc.", weight: str = "98.0", asset: str = "<assetCat>EC</assetCat>", more: str = "") -> str:
    return (
        f"<invstOrSec><name>{name}</name><title>{name} A</title><lei>N/A</lei><cusip>000000000</cusip>"
        '<identifiers><isin value="KY0000000001"/><other otherDesc="Inhouse Asset ID" value="S1"/></identifiers>'
        f"<balance>12.5</balance><units>NS</units><curCd>USD</curCd><valUSD>98</valUSD><pctVal>{weight}</pctVal>"
        f"<payoffProfile>Long</payoffProfile>{asset}<issuerCat>CORP</issuerCat><invCountry>KY</invCountry>"
        f"<isRestrictedSec>N</isRestrictedSec><fairValLevel>1</fairValLevel>{more}</invstOrSec>"
    )


LENT = '<securityLending><loanByFundCondition isLoanByFund="Y" loanVal="40.5"/></securityLending>'
RIGHT = '<assetConditional assetCat="OTHER" desc="Right"/>'
FUTURE = (
    '<derivativeInfo><futrDeriv derivCat="FUT"><payOffProf>Long</payOffProf><notionalAmt>1000</notionalAmt>'
    "</futrDeriv></derivativeInfo>"
)
WHOLE = (HEAD + line(more=LENT) + line("Vor", "0.001", RIGHT) + line("N/A", "0.0", more=FUTURE) + TAIL).encode()


def feed_of(*entries: tuple[str, str, str, str]) -> bytes:
    parts = "".join(
        f"<entry><content><accession-number>{accession}</accession-number><filing-date>{filed}</filing-date>"
        f"<filing-href>https://www.sec.gov/Archives/edgar/data/1100663/x/i.htm</filing-href>"
        f"<filing-type>{form}</filing-type></content><updated>{updated}</updated></entry>"
        for accession, form, filed, updated in entries
    )
    head = '<?xml version="1.0" encoding="ISO-8859-1" ?>'
    return f'{head}<feed xmlns="http://www.w3.org/2005/Atom">{parts}</feed>'.encode()


@pytest.fixture
def sec(vendor: Vendor) -> Sec:
    return Sec(connect("sec", vendor.url), WHO)


def filing(sec: Sec, **changes):
    wanted = {"fund": "IWM", "series_id": "S000004344", "entry": ENTRY, "with_lines": True, "first": FIRST}
    return sec.filing(**(wanted | changes))


def test_a_feed_lists_originals_and_amendments_with_their_acceptance(vendor, sec):
    vendor.on(
        "browse-edgar",
        feed_of(
            ("0000000001-26-000002", "NPORT-P/A", "2026-07-13", "2026-07-13T09:31:27-04:00"),
            ("0000000001-25-000001", "NPORT-P", "2025-11-26", "2025-11-25T18:02:11-05:00"),
            ("0000000001-19-000001", "NPORT-P", "2019-08-28", "2019-08-28T10:00:00-04:00"),
        ),
    )
    answer = sec.feed("IWM", "S000004344", FIRST, TODAY)
    assert (answer.outcome, answer.key, answer.attempts) == ("ok", "IWM", 1)
    rows = answer.rows["fund_filing_entry"]
    # the report of June 2019 was not asked for
    assert rows["form"].tolist() == ["NPORT-P/A", "NPORT-P"]
    assert rows["filed_date"].tolist() == [D(2026, 7, 13), D(2025, 11, 26)]
    assert rows["accepted_at"].tolist()[1] == dt.datetime(2025, 11, 25, 23, 2, 11, tzinfo=dt.UTC)
    assert set(rows["cik"]) == {"1100663"}
    assert "CIK=S000004344&type=NPORT-P" in vendor.asked[0]
    assert vendor.headers[0]["User-Agent"] == WHO
    assert "gzip" in vendor.headers[0]["Accept-Encoding"]


def test_a_long_feed_is_read_page_by_page(vendor, sec):
    def page(first: int, count: int) -> bytes:
        return feed_of(
            *((f"0000000001-26-{n:06d}", "NPORT-P", "2026-07-13", "2026-07-13T09:31:27-04:00")
              for n in range(first, first + count))
        )  # fmt: skip

    vendor.on("start=100", page(100, 3))
    vendor.on("browse-edgar", page(0, 100))
    assert len(sec.feed("IWM", "S000004344", FIRST, TODAY).rows["fund_filing_entry"]) == 103
    assert len(vendor.asked) == 2


def test_a_report_becomes_a_filing_its_months_and_its_lines(vendor, sec):
    vendor.on(PATH, Say(gzip.compress(WHOLE), headers={"Content-Encoding": "gzip"}))
    answer = filing(sec)
    assert (answer.outcome, answer.rejected, answer.payload) == ("ok", (), WHOLE)
    (report,) = answer.rows["fund_filing"].to_dict("records")
    assert (report["report_date"], report["book_date"], report["form"]) == (D(2026, 6, 30), D(2026, 6, 29), "NPORT-P")
    assert (report["net_assets_usd"], report["lines"], report["equity_weight_pct"]) == (100.0, 3, 98.0)
    assert report["cash_usd"] != report["cash_usd"]
    months = answer.rows["fund_month"]
    assert months["month_end"].tolist() == [D(2026, 4, 30), D(2026, 5, 31), D(2026, 6, 30)]
    assert months["sales_usd"].tolist() == [10.25, 3.0, 0.0]
    assert months["redemptions_usd"].isna().tolist() == [False, True, False]
    assert months["reinvested_usd"].isna().tolist() == [False, True, False]
    assert months["total_return_pct"].tolist()[:2] == [1.5, -2.0]
    share, right, future = answer.rows["fund_filing_line"].to_dict("records")
    assert (share["name"], share["title"], share["balance"], share["weight_pct"]) == (
        "Zel, Inc.",
        "Zel, Inc. A",
        12.5,
        98,
    )
    assert (share["cusip"], share["isin"], share["other_id"], share["lei"]) == (None, "KY0000000001", "S1", None)
    assert (share["asset_category"], share["on_loan_usd"], share["is_restricted"]) == ("EC", 40.5, False)
    assert (right["asset_category"], right["asset_description"]) == ("OTHER", "Right")
    assert (future["name"], future["derivative_kind"], future["notional_usd"]) == (None, "FUT", 1000.0)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (WHOLE.replace(b"S000004344", b"S000004347"), "asked for IWM (S000004344), the report is of S000004347"),
        (WHOLE.replace(b"<netAssets>100.00</netAssets>", b""), "no net assets"),
        (WHOLE.replace(b"netAssets>100.00", b"netAssets>inf"), "netAssets 'inf' is no number"),
        (WHOLE.replace(b"2026-06-30", b"2026-09-30"), "a report of 2026-09-30 filed on 2026-08-25"),
        (WHOLE.replace(b"pctVal", b"pctValue"), "no line has pctVal"),
        (WHOLE.replace(b"sales=", b"sold="), "no flows of month 1"),
        (WHOLE.replace(b">98.0<", b">94.9<"), "weights of 2 shares sum to 94.90 %"),
        ((HEAD + line() + line() + TAIL).encode(), "weights of 2 shares sum to 196.00 %"),
        ((HEAD + TAIL).encode(), "no lines"),
        (WHOLE[:900], "not XML"),
        (b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa">]><x>&a;</x>', "a document type"),
        (b'<?xml version="1.0" encoding="cp037"?>' + WHOLE, "encoding cp037"),
        (feed_of(), "not a portfolio report"),
        (b"", "HTTP 200 with an empty body"),
    ],
)
def test_what_is_no_report_of_the_fund_is_malformed(vendor, sec, body, said):
    vendor.on(PATH, body)
    answer = filing(sec)
    assert (answer.outcome, answer.rows) == ("malformed", {})
    assert said in answer.detail


def test_half_a_portfolio_is_refused_where_the_period_is_stored(vendor, sec):
    vendor.on(PATH, WHOLE)
    assert filing(sec, held={D(2026, 6, 30): 6}).outcome == "ok"
    assert filing(sec, held={D(2026, 3, 31): 7}).outcome == "ok"
    answer = filing(sec, held={D(2026, 6, 30): 7})
    assert (answer.outcome, answer.detail) == ("malformed", "3 lines of 2026-06-30, where 7 are stored")


def test_a_report_from_before_the_first_wanted_is_empty(vendor, sec):
    vendor.on(PATH, WHOLE)
    answer = filing(sec, first=D(2026, 7, 1))
    assert (answer.outcome, answer.rows) == ("empty", {})


def test_a_line_with_an_unreadable_number_is_set_aside(vendor, sec):
    vendor.on(PATH, WHOLE.replace(b"<pctVal>0.001<", b"<pctVal>much<"))
    answer = filing(sec)
    assert answer.outcome == "ok"
    assert answer.rows["fund_filing_line"]["line_no"].tolist() == [1, 3]
    (refused,) = answer.rejected
    assert (refused.rule, refused.row["name"], refused.row_date) == ("unreadable_number", "Vor", D(2026, 6, 30))
    assert "weight_pct 'much'" in refused.detail


def test_a_trust_without_series_is_known_by_its_number(vendor, sec):
    vendor.on(PATH, WHOLE.replace(b"<seriesId>S000004344</seriesId>", b""))
    assert filing(sec, series_id=None, with_lines=False).outcome == "ok"
    other = Entry("884394", ENTRY.accession, ENTRY.form, ENTRY.filed_date, ENTRY.accepted_at)
    vendor.on("/data/884394/", WHOLE)
    assert "asked for IWM (884394)" in filing(sec, series_id=None, entry=other).detail


def test_a_fund_of_derivatives_needs_no_lines(vendor, sec):
    vendor.on(PATH, (HEAD + TAIL).encode())
    answer = filing(sec, with_lines=False)
    assert (answer.outcome, set(answer.rows)) == ("ok", {"fund_filing", "fund_month"})


@pytest.mark.parametrize(
    ("say", "outcome", "status", "said"),
    [
        (Say(REFUSAL, 403), "blocked", 403, "HTTP 403: SEC.gov | Request Rate Threshold Exceeded"),
        (Say(REFUSAL, 429), "rate_limited", 429, "HTTP 429"),
        (Say(PAGE, 200), "blocked", 200, "a web page instead of data"),
        (Say(PAGE, 404), "not_found", 404, "HTTP 404"),
        (Say(b"<Error/>", 404), "not_found", 404, "HTTP 404"),
        (Say(b"", 503), "unreachable", 503, "HTTP 503"),
        (Say(WHOLE, cut=500), "unreachable", None, "no complete answer"),
    ],
)
def test_refusals_are_named(vendor, sec, say, outcome, status, said):
    vendor.on(PATH, say)
    answer = filing(sec)
    assert (answer.outcome, answer.http_status, answer.rows) == (outcome, status, {})
    assert said in answer.detail
    # who is shut out does not ask again
    if say.status == 403:
        assert answer.attempts == 1


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (("12", "NPORT-P", "2026-07-13", "2026-07-13T09:31:27-04:00"), "without accession number"),
        (("0000000001-26-000002", "10-K", "2026-07-13", "2026-07-13T09:31:27-04:00"), "of form '10-K'"),
        (("0000000001-26-000002", "NPORT-P", "July", "2026-07-13T09:31:27-04:00"), "wrong date"),
    ],
)
def test_a_feed_that_changed_its_form_is_malformed(vendor, sec, entry, said):
    vendor.on("browse-edgar", feed_of(entry))
    answer = sec.feed("IWM", "S000004344", FIRST, TODAY)
    assert answer.outcome == "malformed"
    assert said in answer.detail


def test_an_unknown_series_is_a_web_page_and_a_fund_without_reports_is_empty(vendor, sec):
    vendor.on("CIK=S0&", PAGE)
    vendor.on("CIK=S1&", b"<html><body><h1>No matching CIK.</h1></body></html>")
    vendor.on("browse-edgar", feed_of())
    assert sec.feed("X", "S0", FIRST, TODAY).outcome == "blocked"
    assert sec.feed("X", "S1", FIRST, TODAY).outcome == "unknown_symbol"
    assert sec.feed("X", "S2", FIRST, TODAY).outcome == "empty"


@pytest.mark.parametrize(
    ("report", "book"),
    [
        (D(2024, 6, 30), D(2024, 6, 27)),  # a Sunday: the last session is the Friday of the reconstitution
        (D(2025, 6, 30), D(2025, 6, 27)),
        (D(2022, 12, 30), D(2022, 12, 29)),
        (D(2026, 3, 31), D(2026, 3, 30)),
    ],
)
def test_a_report_shows_the_book_of_the_session_before_the_last(report, book):
    assert book_date(report) == book
