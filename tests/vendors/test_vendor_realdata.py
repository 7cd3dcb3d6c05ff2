"""The vendor modules against real observations, in the vendors' wire formats."""

from __future__ import annotations

import datetime as dt

import pytest

D = dt.date
START, TODAY = D(2016, 1, 4), D(2026, 8, 21)
CHART = "chart/"
HOLDINGS_JSON, HOLDINGS_CSV = "component=holdings.all", "component=holdings(&|$)"

pytestmark = pytest.mark.realdata


def closes(answer) -> dict:
    assert answer.outcome == "ok", answer.detail
    frame = answer.rows["yahoo_bar"]
    return dict(zip(frame["session_date"], frame["close"], strict=True))


def prices(yahoo, symbol="IWM", first=START, last=TODAY):
    return yahoo.history(symbol, first, last, TODAY)


def test_ten_years_of_an_etf_and_its_index(real_yahoo):
    fund = prices(real_yahoo)
    assert len(closes(fund)) == 2674
    assert fund.rejected == ()
    assert closes(fund)[TODAY] == pytest.approx(299.96, abs=0.005)
    index = prices(real_yahoo, "^RUT")
    assert closes(index)[TODAY] == pytest.approx(3017.87, abs=0.005)
    assert index.rows["yahoo_action"].empty
    # ^VIX trades in Chicago time
    assert closes(prices(real_yahoo, "^VIX", D(2025, 3, 3), D(2025, 3, 14))).keys() == {
        day for day in closes(fund) if D(2025, 3, 3) <= day <= D(2025, 3, 14)
    }


def test_a_reverse_split_moves_the_basis(real_yahoo, replay):
    day = D(2024, 12, 31)
    after = prices(real_yahoo, "TZA")
    replay.today("2026-07-14")
    before = real_yahoo.history("TZA", START, D(2026, 7, 14), D(2026, 7, 14))
    assert closes(after)[day] == pytest.approx(129.7, abs=1e-4)
    assert closes(before)[day] == pytest.approx(12.97, abs=1e-4)
    actions = after.rows["yahoo_action"]
    split = actions[actions["action_type"] == "split"]
    assert (split["ex_date"].tolist(), split["value"].tolist()) == ([D(2026, 7, 15)], [0.1])
    assert after.rows["yahoo_bar"]["volume"].isna().any()


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        ({"kind": "status", "code": 429}, "rate_limited"),
        ({"kind": "status", "code": 503}, "unreachable"),
        ({"kind": "html200"}, "blocked"),
        ({"kind": "drop"}, "unreachable"),
        ({"kind": "truncate"}, "unreachable"),
        ({"kind": "empty"}, "malformed"),
        ({"kind": "malformed_json"}, "malformed"),
        ({"kind": "schema_drift", "from": "close", "to": "last"}, "malformed"),
    ],
)
def test_price_failures_are_named(real_yahoo, replay, fault, outcome):
    replay.faults([{"match": CHART, **fault}])
    answer = prices(real_yahoo, first=D(2026, 8, 3))
    assert (answer.outcome, answer.rows) == (outcome, {})
    replay.clear()
    assert prices(real_yahoo, first=D(2026, 8, 3)).outcome == "ok"


def test_price_rows_under_fault(real_yahoo, replay):
    window = {"first": D(2026, 8, 3)}
    good = closes(prices(real_yahoo, **window))
    for fault, rules in (("null_bar", []), ("duplicate_rows", []), ("negative_price", ["non_positive_price"])):
        replay.clear()
        replay.faults([{"match": "period1", "kind": fault}])
        answer = prices(real_yahoo, **window)
        assert [row.rule for row in answer.rejected] == rules, fault
        assert closes(answer) == {day: close for day, close in good.items() if not (rules and day == TODAY)}


def test_a_recorded_answer_with_a_null_bar(real_yahoo, replay):
    replay.faults([{"match": "period1", "kind": "recorded", "file": "2026-03-16T2208_IWM.json.gz"}])
    answer = prices(real_yahoo, first=D(2026, 1, 5), last=D(2026, 3, 16))
    assert closes(answer)[D(2026, 3, 16)] == pytest.approx(248.92, abs=0.005)
    assert answer.rejected == ()


def test_passing_trouble_and_what_is_not_there(real_yahoo, replay):
    replay.faults([{"match": CHART, "kind": "status", "code": 429, "retry_after": 0, "times": 2}])
    assert prices(real_yahoo, first=D(2026, 8, 3)).attempts >= 3
    assert prices(real_yahoo, "NOSUCH").outcome == "unknown_symbol"
    assert prices(real_yahoo, first=D(2026, 8, 22), last=D(2026, 8, 23)).outcome == "empty"
    # yfinance alone would go on to ask for cookies and another endpoint
    assert replay.requests()["/v8/finance/chart/NOSUCH"] == 1


def test_ten_year_yield(real_fred):
    answer = real_fred.observations("DGS10", START, TODAY)
    frame = answer.rows["fred_observation"].set_index("observation_date")
    assert frame["value"][D(2025, 12, 17)] == 4.16
    assert frame["value"][D(2025, 12, 18)] == 4.12
    assert frame["value"].isna().sum() > 50  # holidays are unknown, not left out
    assert answer.rejected == ()


def test_consumer_prices_have_two_vintages(real_fred, replay):
    frame = real_fred.vintages("CPIAUCSL", START, TODAY).rows["fred_observation"]
    march = frame[frame["observation_date"] == D(2025, 3, 1)]
    assert list(zip(march["realtime_start"], march["value"], strict=True)) == [
        (D(2025, 4, 10), 319.615),
        (D(2026, 2, 13), 319.785),
    ]
    known = real_fred.vintages("CPIAUCSL", START, TODAY, known_on=D(2025, 12, 31)).rows["fred_observation"]
    assert known["realtime_start"].max() <= D(2025, 12, 31)


def test_more_vintages_than_fred_sends_at_once(real_fred):
    window = (D(2010, 1, 4), TODAY)
    answer = real_fred.vintages("DGS10", *window)
    assert answer.outcome == "ok", answer.detail
    frame, plain = answer.rows["fred_observation"], real_fred.observations("DGS10", *window).rows["fred_observation"]
    assert frame["observation_date"].tolist() == plain["observation_date"].tolist()
    assert frame["value"].fillna(-1).tolist() == plain["value"].fillna(-1).tolist()


def test_release_dates(real_fred):
    dates = real_fred.release_dates(10, D(2026, 1, 1), D(2026, 12, 31)).rows["fred_release_date"]["release_date"]
    assert len(dates) == 12
    assert D(2026, 8, 12) in dates.tolist()
    daily = real_fred.release_dates(101, START, TODAY)
    assert (daily.outcome, {row.rule for row in daily.rejected}) == ("empty", {"carry_forward_release"})


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        ({"kind": "status", "code": 429}, "rate_limited"),
        ({"kind": "status", "code": 500}, "unreachable"),
        ({"kind": "html200", "ctype": "text/xml"}, "blocked"),
        ({"kind": "truncate"}, "unreachable"),
        ({"kind": "empty"}, "malformed"),
        ({"kind": "schema_drift", "from": "value", "to": "val"}, "malformed"),
        ({"kind": "duplicate_rows"}, "ok"),
    ],
)
def test_fred_failures_are_named(real_fred, replay, fault, outcome):
    replay.faults([{"match": "/fred/", **fault}])
    assert real_fred.observations("DGS10", D(2026, 8, 3), TODAY).outcome == outcome


def test_holdings_are_the_same_as_json_and_csv(real_blackrock, replay):
    day = D(2026, 5, 5)
    by_json = real_blackrock.holdings("IWM", 239710, day)
    replay.faults([{"match": HOLDINGS_JSON, "kind": "html200"}])
    by_csv = real_blackrock.holdings("IWM", 239710, day)
    first, second = (answer.rows["holding_snapshot"].iloc[0] for answer in (by_json, by_csv))
    assert (first["file_format"], second["file_format"]) == ("json", "csv")
    assert first["lines"] == second["lines"] == 1929
    assert first["lines_sha256"] == second["lines_sha256"]
    assert first["weight_sum_pct"] == pytest.approx(100, abs=1)
    assert second["shares_outstanding"] == 278_750_000
    assert by_json.rows["holding"].equals(by_csv.rows["holding"])
    assert by_json.rejected == by_csv.rejected == ()


def test_holdings_by_ticker_and_weight_only(real_blackrock):
    frame = real_blackrock.holdings("IWM", 239710, D(2025, 6, 4)).rows["holding"]
    assert len(frame) == 1934
    assert frame["shares"].isna().all()
    assert frame["weight_pct"].sum() == pytest.approx(100, abs=1)


def test_holdings_that_are_not_there(real_blackrock):
    answer = real_blackrock.holdings("IWM", 239710, D(2025, 6, 8))
    assert (answer.outcome, answer.detail) == ("empty", "not published")
    assert real_blackrock.holdings("XXX", 1, D(2025, 6, 4)).outcome == "not_found"


def test_csv_with_its_content_twice(real_blackrock, replay):
    replay.faults([{"match": HOLDINGS_JSON, "kind": "empty"}, {"match": HOLDINGS_CSV, "kind": "duplicate_rows"}])
    answer = real_blackrock.holdings("IWM", 239710, D(2026, 5, 5))
    assert len(answer.rows["holding"]) == 1929


def test_fund_history(real_blackrock):
    answer = real_blackrock.fund_days("IWM", 239710, D(2000, 1, 3), TODAY, TODAY)
    last = answer.rows["fund_day"].iloc[-1]
    assert (last["as_of_date"], last["shares_outstanding"]) == (D(2026, 7, 17), 279_100_000)
    assert last["nav_usd"] == pytest.approx(294.225, abs=0.001)
    assert {row.row_date for row in answer.rejected} == {
        D(2010, 5, 31),
        D(2013, 6, 30),
        D(2024, 3, 29),
        D(2024, 3, 31),
    }
