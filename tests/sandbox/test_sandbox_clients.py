"""Our own vendor clients read everything the sandbox serves, and its failures, as they read the vendors."""

from __future__ import annotations

import datetime as dt
import urllib.error
import urllib.request
from typing import Any

import pytest
from sandbox_connection import connection

from orchestration.calendars import sessions_between
from orchestration.sandbox.server import sandbox_server
from orchestration.sandbox.timeline import seed_table
from orchestration.vendors.blackrock import BlackRock
from orchestration.vendors.direxion import Direxion
from orchestration.vendors.fred import Fred
from orchestration.vendors.proshares import ProShares
from orchestration.vendors.ssga import StateStreet
from orchestration.vendors.yahoo import Yahoo

START = dt.date(2016, 1, 4)
FUNDS = ("IWM", "IWB", "IWV", "IWC", "IVV")


def test_every_symbol_has_a_bar_for_every_session(
    yahoo: Yahoo, instruments: list[dict[str, Any]], today: dt.date
) -> None:
    sessions = sessions_between(START, today)
    for row in instruments:
        answer = yahoo.history(row["symbol"], START, today, today)
        assert (answer.outcome, answer.rejected) == ("ok", ()), (row["symbol"], answer.detail)
        assert list(answer.rows["yahoo_bar"]["session_date"]) == sessions


def test_every_series_is_read_without_a_rejected_row(fred: Fred, today: dt.date) -> None:
    for row in seed_table("series").to_dict("records"):
        ask = fred.vintages if row["revision_policy"] == "revised" else fred.observations
        answer = ask(row["series_id"], dt.date(2014, 11, 1), today, today)
        assert (answer.outcome, answer.rejected) == ("ok", ()), (row["series_id"], answer.detail)


def test_release_calendars_reach_into_the_next_year(fred: Fred, today: dt.date) -> None:
    for release in (10, 50):
        answer = fred.release_dates(release, START, today + dt.timedelta(days=400))
        assert answer.outcome == "ok"
        dates = list(answer.rows["fred_release_date"]["release_date"])
        assert dt.date(2026, 12, 10 if release == 10 else 4) in dates
        assert max(dates) > today + dt.timedelta(days=365)


def test_the_carry_forward_release_is_refused(fred: Fred, today: dt.date) -> None:
    assert fred.release_dates(101, dt.date(2026, 1, 1), today).outcome == "empty"


def test_every_sponsor_reports_every_day(url: str, instruments: list[dict[str, Any]], today: dt.date) -> None:
    clients = {
        "blackrock": BlackRock(connection("blackrock", url)),
        "ssga": StateStreet(connection("ssga", url)),
        "proshares": ProShares(connection("proshares", url)),
        "direxion": Direxion(connection("direxion", url)),
    }
    last = dt.date(2026, 11, 19)  # today's files come tomorrow
    for row in instruments:
        vendor = row["shares_vendor"]
        if not vendor:
            continue
        window = (START, today, today)
        if vendor == "blackrock":
            answer = clients[vendor].fund_days(row["symbol"], row["blackrock_portfolio_id"], *window)
        else:
            answer = clients[vendor].fund_days(row["symbol"], *window)
        assert (answer.outcome, answer.rejected) == ("ok", ()), (row["symbol"], answer.detail)
        days = answer.rows["fund_day"]
        assert days["as_of_date"].max() == last
        assert days["shares_outstanding"].notna().all()
        # ProShares shows no first day, having no change for it, and skipped a batch once
        expected = {"direxion": 1, "proshares": len(sessions_between(START, last)) - 2}
        assert len(days) == expected.get(vendor, len(sessions_between(START, last)))


@pytest.mark.parametrize("fund", FUNDS)
def test_holdings_add_up(blackrock: BlackRock, portfolio: dict[str, str], fund: str) -> None:
    lines = {"IWM": (1930, 2160), "IWB": (960, 1040), "IWV": (2880, 3150), "IWC": (1700, 2020), "IVV": (500, 515)}[fund]
    for day in ("2024-06-03", "2025-06-27", "2025-12-31", "2026-06-26", "2026-11-19"):
        answer = blackrock.holdings(fund, portfolio[fund], dt.date.fromisoformat(day))
        assert (answer.outcome, answer.rejected, answer.file_format) == ("ok", (), "json"), answer.detail
        snapshot, held = answer.rows["holding_snapshot"].iloc[0], answer.rows["holding"]
        assert snapshot["as_of_date"] == dt.date.fromisoformat(day)
        assert 99 < snapshot["weight_sum_pct"] < 101
        assert lines[0] <= len(held) <= lines[1]
        equity = held[held["cusip"].notna()]
        assert equity["cusip"].is_unique
        assert ((equity["shares"] * equity["price_usd"] - equity["market_value_usd"]).abs() < 0.01).all()


def test_csv_and_json_tell_the_same(blackrock: BlackRock, url: str) -> None:
    day = dt.date(2025, 12, 31)
    from_json = blackrock.holdings("IWM", "239710", day).rows["holding"]
    with urllib.request.urlopen(  # noqa: S310 - our own server
        f"{url}/varnish-api/blk-one01-product-data/product-data/api/v1/get-fund-document"
        "?component=holdings&portfolioId=239710&asOfDate=20251231"
    ) as reply:
        text = reply.read().decode("utf-8-sig")
        assert reply.headers["X-Sandbox"] == "synthetic"
    assert text.startswith("SYNTHETIC iShares Russell 2000 ETF\nFund Holdings as of")
    body = [line for line in text.splitlines() if line.startswith('"') and line.count('","') == 14]
    assert len(body) == len(from_json)
    assert body[0].split('","')[0] == '"' + from_json["ticker"].iloc[0]


def test_unpublished_dates_are_empty(blackrock: BlackRock, today: dt.date) -> None:
    for day in (dt.date(2024, 5, 31), dt.date(2025, 7, 4), today):
        assert blackrock.holdings("IWM", "239710", day).outcome == "empty", day


def test_failures_look_like_the_vendors(yahoo: Yahoo, fred: Fred, today: dt.date, url: str) -> None:
    assert yahoo.history("NOPE", START, today, today).outcome == "unknown_symbol"
    assert yahoo.history("IWM", dt.date(2010, 1, 4), dt.date(2010, 2, 1), today).outcome == "empty"
    assert fred.observations("NOPE", START, today).outcome == "unknown_symbol"
    assert Fred(connection("fred", url), "short").observations("DGS10", START, today).outcome == "blocked"


def test_every_answer_says_that_it_is_synthetic(url: str) -> None:
    for path in ("/v8/finance/chart/IWM", "/holdings/TNA.csv", "/nothing/here", "/fred/series", "/"):
        try:
            with urllib.request.urlopen(url + path) as reply:  # noqa: S310 - our own server
                headers = reply.headers
        except urllib.error.HTTPError as error:
            headers = error.headers
        assert headers["X-Sandbox"] == "synthetic", path


def test_option_chains_are_of_the_day(yahoo: Yahoo, today: dt.date) -> None:
    for symbol in ("IWM", "SPY"):
        answer = yahoo.option_chain(symbol, today)
        assert (answer.outcome, answer.rejected) == ("ok", ()), answer.detail
        chain = answer.rows["option_quote"]
        assert set(chain["side"]) == {"call", "put"}
        assert chain["expiry_date"].min() > today
        assert chain["expiry_date"].max() <= today + dt.timedelta(days=70)
        # the nearest chain, and one request for each expiry
        assert answer.attempts == 1 + chain["expiry_date"].nunique()
        # contracts without a bid, and such that did not trade today or ever
        assert (chain["bid"] == 0).any()
        traded = {None if moment is None else moment.date() for moment in chain["last_trade_at"]}
        assert {None, today} < traded
        assert chain["volume"].isna().equals(chain["last_trade_at"].isna())
    assert yahoo.option_chain("IWM", dt.date(2026, 11, 19)).outcome == "stale"
    assert yahoo.option_chain("QQQ", today).outcome == "unknown_symbol"


def test_options_and_valuations_need_a_crumb(url: str) -> None:
    for path in ("/v7/finance/options/IWM", "/v10/finance/quoteSummary/IVW"):
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(url + path)  # noqa: S310 - our own server


def test_valuations_are_the_inverse_of_multiples(yahoo: Yahoo, today: dt.date) -> None:
    rows = {}
    for symbol in ("IVW", "IWN"):
        answer = yahoo.fund_valuation(symbol, today)
        assert (answer.outcome, answer.rows_accepted, answer.attempts) == ("ok", 1, 1), answer.detail
        rows[symbol] = answer.rows["fund_valuation"].iloc[0]
    assert 1 / rows["IVW"]["price_to_earnings"] > 20 > 1 / rows["IWN"]["price_to_earnings"] > 8
    assert yahoo.fund_valuation("^RUT", today).outcome == "empty"


def test_the_clock_hides_the_running_session_and_todays_files(tmp_path: Any) -> None:
    noon = dt.datetime(2026, 11, 19, 12, 0)  # noqa: DTZ001 - New York, as the settings read it
    day = noon.date()
    with sandbox_server(noon) as url:
        bars = Yahoo(connection("yahoo", url), tmp_path).history("IWM", dt.date(2026, 11, 2), day, day)
        assert bars.rows["yahoo_bar"]["session_date"].max() == dt.date(2026, 11, 18)
        files = BlackRock(connection("blackrock", url))
        assert files.holdings("IWM", "239710", None).rows["holding_snapshot"]["as_of_date"].iloc[0] == dt.date(
            2026, 11, 18
        )
        rates = Fred(connection("fred", url), "0" * 32).observations("DGS10", dt.date(2026, 11, 2), day)
        # posted at 16:15 on the next business day
        assert rates.rows["fred_observation"]["observation_date"].max() == dt.date(2026, 11, 17)
