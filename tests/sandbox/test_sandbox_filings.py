"""The sandbox's funds file as real ones do, and their reports agree with the market's truth."""

from __future__ import annotations

import datetime as dt

import pytest
from sandbox_connection import connection

from orchestration.calendars import NEW_YORK, is_session, previous_session, session_on_or_before
from orchestration.sandbox.filings import FIRST_REPORT
from orchestration.sandbox.server import sandbox_server
from orchestration.sandbox.streams import DEFAULT_SEED
from orchestration.sandbox.timeline import seed_table
from orchestration.sandbox.truth import flows, members
from orchestration.vendors.blackrock import BlackRock
from orchestration.vendors.sec import Entry, Sec, book_date

D = dt.date
COLUMNS = ("cik", "accession", "form", "filed_date", "accepted_at")
FILERS = {row["symbol"]: row for row in seed_table("fund_filer").to_dict("records")}


@pytest.fixture
def sec(url: str) -> Sec:
    return Sec(connection("sec", url), "sandbox sandbox@example.com")


def entries(sec: Sec, fund: str, today: dt.date) -> list[Entry]:
    answer = sec.feed(fund, FILERS[fund]["series_id"] or FILERS[fund]["cik"], FIRST_REPORT, today)
    assert answer.outcome == "ok", answer.detail
    return [Entry(*(row[c] for c in COLUMNS)) for row in answer.rows["fund_filing_entry"].to_dict("records")]


def report(sec: Sec, fund: str, entry: Entry):
    row = FILERS[fund]
    answer = sec.filing(fund, row["series_id"] or None, entry, row["stores_lines"] == "true", FIRST_REPORT)
    assert (answer.outcome, answer.rejected) == ("ok", ()), (fund, answer.detail)
    return answer.rows


def test_all_funds_file_each_quarter_for_seven_years_52_to_66_days_late(sec, today):
    late = amended = 0
    for fund in FILERS:
        found = entries(sec, fund, today)
        originals = [entry for entry in found if entry.form == "NPORT-P"]
        amended += len(found) - len(originals)
        assert len({entry.accession for entry in found}) == len(found)
        assert all(is_session(entry.filed_date) for entry in found)
        assert len(originals) == 28
        late += sum(entry.accepted_at.astimezone(NEW_YORK).date() < entry.filed_date for entry in found)
    assert amended >= 10
    assert late >= 20
    days = [
        (entry.filed_date - report(sec, "IWC", entry)["fund_filing"]["report_date"].iloc[0]).days
        for entry in entries(sec, "IWC", today)
        if entry.form == "NPORT-P"
    ]
    assert min(days) >= 52
    assert max(days) <= 66  # weekends and holidays move it


def test_a_report_shows_the_members_of_the_session_before_the_last(sec, today):
    for entry in entries(sec, "IWB", today)[:4]:
        rows = report(sec, "IWB", entry)
        filing, lines = rows["fund_filing"].iloc[0], rows["fund_filing_line"]
        assert filing["book_date"] == previous_session(session_on_or_before(filing["report_date"]))
        shares = lines[lines["asset_category"] == "EC"]
        truth = set(members(DEFAULT_SEED, "R1000", filing["book_date"]))
        filed = set(shares["isin"].str[2:11])
        # a fund sells deletions for some weeks, and an identity may change on the last session
        assert len(truth & filed) / len(truth) > 0.995
        assert len(filed - truth) < 60


def test_members_of_seven_years_can_be_read_from_reports_alone(sec, today):
    """Every quarter end since 2019: no member is missing, and what is no member is a deletion still being sold."""
    periods, leftovers = [], 0
    for entry in entries(sec, "IWM", today):
        rows = report(sec, "IWM", entry)
        filing, lines = rows["fund_filing"].iloc[0], rows["fund_filing_line"]
        truth = set(members(DEFAULT_SEED, "R2000", filing["book_date"]))
        shares = lines[(lines["asset_category"] == "EC") & lines["isin"].notna()]
        filed = set(shares["isin"].str[2:11])
        # what leaves on the last session, and a CUSIP that changes on it, are not in the book as the report shows it
        assert len(truth & filed) / len(truth) > 0.998, filing["book_date"]
        if filing["report_date"].month != 6:
            assert len(truth & filed) / len(filed) > 0.998, filing["book_date"]
        leftovers += len(filed - truth)
        periods.append(filing["report_date"])
    assert (min(periods), max(periods), len(set(periods))) == (D(2019, 9, 30), D(2026, 6, 30), 28)
    assert leftovers > 50


def test_reconstitutions_before_the_simulation_change_members_and_tiers():
    for friday in (D(2020, 6, 26), D(2021, 6, 25), D(2022, 6, 24), D(2023, 6, 23)):
        before, after = friday - dt.timedelta(days=1), friday
        old, new = (set(members(DEFAULT_SEED, "R2000", day)) for day in (before, after))
        large_old, large_new = (set(members(DEFAULT_SEED, "R1000", day)) for day in (before, after))
        assert 150 < len(new - old) < 260
        assert 150 < len(old - new) < 260
        assert (len((new - old) & large_old), len((old - new) & large_new)) == (24, 24)
        assert abs(len(new) - 2000) < 60
        assert abs(len(large_new) - 1000) < 40
    # the simulation goes on with the companies of the last year before it
    last, first = (set(members(DEFAULT_SEED, "R2000", day)) for day in (D(2023, 6, 30), D(2023, 7, 3)))
    assert len(last & first) / len(first) > 0.99


def test_june_2024_is_in_the_report_of_september(sec, today):
    """The reconstitution traded at the close of the quarter's last session, which no report of that quarter shows."""
    found = {report(sec, "IWM", e)["fund_filing"]["report_date"].iloc[0]: e for e in entries(sec, "IWM", today)}
    old, new = members(DEFAULT_SEED, "R2000", D(2024, 6, 27)), members(DEFAULT_SEED, "R2000", D(2024, 6, 28))
    added = set(new) - set(old)
    assert len(added) > 50

    def shows(period: dt.date) -> set[str]:
        return set(report(sec, "IWM", found[period])["fund_filing_line"]["isin"].dropna().str[2:11])

    assert book_date(D(2024, 6, 30)) == D(2024, 6, 27)
    assert not added & shows(D(2024, 6, 30))
    assert len(added & shows(D(2024, 9, 30))) > 0.9 * len(added)


def test_reports_name_no_ticker_spell_names_out_and_hold_what_is_no_share(sec, today):
    lines = report(sec, "IWM", entries(sec, "IWM", today)[0])["fund_filing_line"]
    assert lines["ticker"].isna().all()
    names = lines[lines["asset_category"] == "EC"]["name"]
    assert not names.str.isupper().any()
    assert names.str.contains(", Inc.", regex=False).any()
    assert set(lines["asset_category"]) == {"EC", "STIV", "DE", "OTHER"}
    assert set(lines["derivative_kind"].dropna()) == {"FUT", "WAR"}
    assert 0 < lines[lines["asset_category"] == "EC"]["cusip"].isna().mean() < 0.1
    assert lines["on_loan_usd"].notna().any()
    assert lines["weight_pct"].sum() > 110
    assert not lines["line_no"].is_monotonic_decreasing
    assert not lines["value_usd"].is_monotonic_decreasing


def test_fails_to_deliver_name_the_symbols_of_most_shares_of_a_book(sec, today):
    entry = entries(sec, "IWM", today)[0]
    end = report(sec, "IWM", entry)["fund_filing"]["report_date"].iloc[0]
    answer = sec.fails(end)
    assert (answer.outcome, answer.rejected) == ("ok", ())
    named = answer.rows["settlement_fail"].set_index("cusip")["symbol"]
    assert named.index.is_unique
    assert named.is_unique
    truth = members(DEFAULT_SEED, "R2000", end)
    found = [cusip for cusip in truth if cusip in named.index]
    assert 0.9 < len(found) / len(truth) < 0.96
    assert [cusip for cusip in found if named[cusip] != truth[cusip]] == []
    # a bar in a name, and a line that names no symbol
    assert "SYNTHETIC TEST|STOCK" in set(answer.rows["settlement_fail"]["name"])
    assert "990000307" not in named.index


@pytest.mark.parametrize(
    ("end", "outcome"),
    [
        (D(2019, 9, 30), "ok"),
        (D(2019, 6, 30), "not_found"),
        (D(2024, 6, 15), "not_found"),
        (D(2024, 5, 31), "not_found"),
        (D(2026, 12, 31), "not_found"),
    ],
)
def test_a_file_of_fails_is_there_for_the_quarter_ends_that_have_reports(sec, end, outcome):
    assert sec.fails(end).outcome == outcome


def test_a_file_of_fails_is_shown_15_days_after_the_half_month():
    for day, outcome in ((D(2024, 7, 14), "not_found"), (D(2024, 7, 15), "ok")):
        with sandbox_server(day) as url:
            assert Sec(connection("sec", url), "sandbox sandbox@example.com").fails(D(2024, 6, 30)).outcome == outcome


def test_shares_held_are_those_of_the_sponsors_file_of_the_book_date(sec, url, today, portfolio):
    entry = next(e for e in entries(sec, "IWB", today) if e.form == "NPORT-P")
    rows = report(sec, "IWB", entry)
    book, filed = rows["fund_filing"]["book_date"].iloc[0], rows["fund_filing_line"]
    sponsor = BlackRock(connection("blackrock", url)).holdings("IWB", portfolio["IWB"], book).rows["holding"]
    held = dict(zip(sponsor["isin"], sponsor["shares"], strict=True))
    same = [held.get(isin) == balance for isin, balance in zip(filed["isin"], filed["balance"], strict=True)]
    assert sum(same) / len(same) > 0.95


def test_monthly_flows_and_net_assets_are_those_of_the_market(sec, today):
    entry = next(e for e in entries(sec, "QQQ", today) if e.form == "NPORT-P")
    rows = report(sec, "QQQ", entry)
    truth = flows(DEFAULT_SEED, "QQQ", today)
    filing = rows["fund_filing"].iloc[0]
    last = truth[truth["session_date"] <= filing["report_date"]].iloc[-1]
    assert filing["net_assets_usd"] == pytest.approx(last["nav"] * last["shares"], abs=0.01)
    for month in rows["fund_month"].to_dict("records"):
        first = month["month_end"].replace(day=1)
        inside = truth[(truth["session_date"] >= first) & (truth["session_date"] <= month["month_end"])]
        net = (inside["created"] * inside["nav"]).sum()
        assert month["sales_usd"] - month["redemptions_usd"] == pytest.approx(net, abs=1)
        assert min(month["sales_usd"], month["redemptions_usd"]) >= 0


def test_nothing_is_shown_the_evening_before_it_is_readable(sec, today):
    fund, entry = next(
        (fund, entry)
        for fund in FILERS
        for entry in entries(sec, fund, today)
        if entry.accepted_at.astimezone(NEW_YORK).date() < entry.filed_date
    )
    opens = dt.datetime.combine(entry.filed_date, dt.time(6), tzinfo=NEW_YORK)
    for moment, outcome in ((opens - dt.timedelta(minutes=1), "not_found"), (opens, "ok")):
        with sandbox_server(moment) as url:
            then = Sec(connection("sec", url), "sandbox sandbox@example.com")
            number = FILERS[fund]["series_id"] or FILERS[fund]["cik"]
            listed = then.feed(fund, number, entry.filed_date - dt.timedelta(days=3), moment.date())
            assert listed.outcome == ("ok" if outcome == "ok" else "empty")
            answer = then.filing(fund, FILERS[fund]["series_id"] or None, entry, False, FIRST_REPORT)
            assert answer.outcome == outcome
