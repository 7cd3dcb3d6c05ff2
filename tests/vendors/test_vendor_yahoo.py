from __future__ import annotations

import datetime as dt
import json
import logging
from zoneinfo import ZoneInfo

import pytest
from scripted_vendor import PAGE, Say, connect
from yfinance.data import YfData

from orchestration.vendors.yahoo import Yahoo

D = dt.date
# a week in which New York changes its clocks (Sunday the 9th)
WEEK = [D(2025, 3, 6), D(2025, 3, 7), D(2025, 3, 10), D(2025, 3, 11), D(2025, 3, 12)]
FIRST, LAST = WEEK[0], WEEK[-1]
CHART = "/v8/finance/chart/"


def stamp(day: D, hour: int = 9, minute: int = 30, zone: str = "America/New_York") -> int:
    return int(dt.datetime(day.year, day.month, day.day, hour, minute, tzinfo=ZoneInfo(zone)).timestamp())


def chart(symbol="TEST", zone="America/New_York", days=None, stamps=None, events=None, meta=None, **columns) -> dict:
    days = WEEK if days is None else days
    stamps = stamps or [stamp(day, zone=zone) for day in days]
    quote = {
        "open": [10.0 + n for n in range(len(stamps))],
        "high": [10.6 + n for n in range(len(stamps))],
        "low": [9.6 + n for n in range(len(stamps))],
        "close": [10.2 + n for n in range(len(stamps))],
        "volume": [1000 + n for n in range(len(stamps))],
    } | columns
    result = {
        "meta": {
            "currency": "USD",
            "symbol": symbol,
            "instrumentType": "ETF",
            "exchangeTimezoneName": zone,
            "gmtoffset": -14400,
            "firstTradeDate": stamp(D(2020, 1, 2)),
            "dataGranularity": "1d",
            "validRanges": ["1d", "max"],
        }
        | (meta or {}),
        "timestamp": stamps,
        "indicators": {"quote": [quote], "adjclose": [{"adjclose": quote["close"]}]},
    }
    if events:
        result["events"] = events
    return {"chart": {"result": [result], "error": None}}


def body(document: dict) -> bytes:
    return json.dumps(document).encode()


def error(code: str, text: str) -> bytes:
    return body({"chart": {"result": None, "error": {"code": code, "description": text}}})


def history(yahoo: Yahoo, symbol="TEST", first=FIRST, last=LAST):
    return yahoo.history(symbol, first, last, D(2025, 3, 20))


def bars(answer) -> dict:
    assert answer.outcome == "ok", answer.detail
    return answer.rows["yahoo_bar"].set_index("session_date").to_dict("index")


def rules(answer) -> list:
    return [(row.rule, row.row_date) for row in answer.rejected]


def test_bars_keep_their_date_over_a_clock_change(vendor, yahoo):
    vendor.on(CHART, body(chart()))
    answer = history(yahoo)
    rows = bars(answer)
    assert list(rows) == WEEK
    assert rows[WEEK[0]]["close"] == 10.2
    assert {row["split_basis_date"] for row in rows.values()} == {D(2025, 3, 20)}
    assert answer.rejected == ()
    assert answer.http_status == 200
    assert answer.payload == body(chart())
    assert len(answer.payload_sha256) == 64
    assert "interval=1d" in answer.url
    assert (answer.vendor, answer.dataset, answer.key) == ("yahoo", "prices", "TEST")


def test_chicago_index_keeps_its_date(vendor, yahoo):
    vendor.on(CHART, body(chart(symbol="^TST", zone="America/Chicago")))
    assert list(bars(history(yahoo, "^TST"))) == WEEK


def test_running_session_never_comes_back(vendor, yahoo):
    vendor.on(CHART, body(chart()))
    assert list(bars(history(yahoo, last=WEEK[3]))) == WEEK[:4]


def test_unknown_volume_is_null_and_no_volume_is_zero(vendor, yahoo):
    vendor.on(CHART, body(chart(volume=[1000, None, 0, 1003, 1004])))
    volumes = history(yahoo).rows["yahoo_bar"]["volume"]
    assert volumes.isna().tolist() == [False, True, False, False, False]
    assert volumes[2] == 0


def test_null_bar_with_live_second_bar_keeps_the_live_one(vendor, yahoo):
    stamps = [*(stamp(day) for day in WEEK), stamp(LAST, 16, 0)]
    columns = {name: [10.0] * 4 + [None, 10.0] for name in ("open", "high", "low", "close")}
    vendor.on(CHART, body(chart(stamps=stamps, volume=[5, 5, 5, 5, None, 7], **columns)))
    answer = history(yahoo)
    assert bars(answer)[LAST]["close"] == 10.0
    assert bars(answer)[LAST]["volume"] == 7
    assert answer.rejected == ()


def test_two_closes_on_one_date_are_reported(vendor, yahoo):
    stamps = [*(stamp(day) for day in WEEK), stamp(LAST, 16, 0)]
    columns = {name: [10.0] * 5 + [11.0] for name in ("open", "high", "low", "close")}
    vendor.on(CHART, body(chart(stamps=stamps, volume=[5] * 6, **columns)))
    answer = history(yahoo)
    assert bars(answer)[LAST]["close"] == 11.0
    assert rules(answer) == [("duplicate_date", LAST)]
    assert answer.rejected[0].row["close"] == 10.0


@pytest.mark.parametrize(
    ("rule", "columns"),
    [
        ("null_close", {"close": [10.2, 11.2, None, 13.2, 14.2]}),
        ("non_positive_price", {"low": [9.6, 10.6, -11.6, 12.6, 13.6]}),
        ("non_positive_price", {"open": [10.0, 11.0, 0.0, 13.0, 14.0]}),
        ("ohlc_order", {"high": [10.6, 11.6, 12.1, 13.6, 14.6]}),
        ("ohlc_order", {"low": [9.6, 10.6, 12.1, 12.6, 13.6]}),
        ("negative_volume", {"volume": [1, 1, -1, 1, 1]}),
    ],
)
def test_bad_bars_are_rejected_one_by_one(vendor, yahoo, rule, columns):
    vendor.on(CHART, body(chart(**columns)))
    answer = history(yahoo)
    assert rules(answer) == [(rule, WEEK[2])]
    assert len(bars(answer)) == 4
    assert json.loads(json.dumps(answer.rejected[0].row))["session_date"] == "2025-03-10"


def test_null_open_high_low_and_rounding_noise_are_allowed(vendor, yahoo):
    unknown = [None] * 5
    vendor.on(CHART, body(chart(open=unknown, low=unknown, high=[10.1999, 11.2, 12.2, 13.2, 14.2])))
    assert len(bars(history(yahoo))) == 5


def test_a_bar_on_a_holiday_is_rejected(vendor, yahoo):
    days = [D(2025, 4, 17), D(2025, 4, 18), D(2025, 4, 21)]
    vendor.on(CHART, body(chart(days=days)))
    answer = history(yahoo, first=days[0], last=days[-1])
    assert rules(answer) == [("not_a_session", D(2025, 4, 18))]


def test_ghost_rows_before_the_first_trade_are_empty(vendor, yahoo):
    nothing = {name: [None] * 5 for name in ("open", "high", "low", "close", "volume")}
    vendor.on(CHART, body(chart(meta={"firstTradeDate": stamp(D(2025, 6, 2))}, **nothing)))
    answer = history(yahoo)
    assert answer.outcome == "empty"
    assert {row.rule for row in answer.rejected} == {"null_close"}
    assert answer.rows == {}


def test_an_outage_of_nulls_is_not_empty(vendor, yahoo):
    nothing = {name: [None] * 5 for name in ("open", "high", "low", "close")}
    vendor.on(CHART, body(chart(**nothing)))
    answer = history(yahoo)
    assert answer.outcome == "malformed"
    assert len(answer.rejected) == 5


def test_actions_keep_their_own_dates(vendor, yahoo):
    days = [WEEK[0], WEEK[1], WEEK[3], WEEK[4]]  # no bar on the ex-date of the dividend
    at = [stamp(day) for day in WEEK]
    events = {
        "dividends": {str(at[2]): {"amount": 0.25, "date": at[2]}},
        "splits": {str(at[3]): {"date": at[3], "numerator": 1.0, "denominator": 10.0, "splitRatio": "1:10"}},
        "capitalGains": {str(at[1]): {"amount": 1.5, "date": at[1]}},
    }
    vendor.on(CHART, body(chart(days=days, events=events)))
    actions = history(yahoo).rows["yahoo_action"]
    found = list(zip(actions["ex_date"], actions["action_type"], actions["value"], strict=True))
    assert found == [(WEEK[1], "capital_gain", 1.5), (WEEK[2], "dividend", 0.25), (WEEK[3], "split", 0.1)]


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (Say(error("Not Found", "No data found, symbol may be delisted"), 404), "unknown_symbol"),
        (Say(error("Bad Request", "Data doesn't exist for startDate = 1, endDate = 2"), 400), "empty"),
        (Say(error("Unprocessable Entity", "1m data not available"), 422), "malformed"),
        (Say(PAGE, 200), "blocked"),
        (Say(PAGE, 404), "not_found"),
        (Say(b"Forbidden", 403), "blocked"),
        (Say(b"Unauthorized", 401), "blocked"),
        (Say(b"Too Many Requests", 429), "rate_limited"),
        (Say(PAGE, 503), "unreachable"),
        (Say(drop=True), "unreachable"),
        (Say(body(chart()), cut=100), "unreachable"),
        (Say(b""), "malformed"),
        (Say(body(chart())[:200]), "malformed"),
        (Say(b"[]"), "malformed"),
        (Say(body({"chart": {"result": None, "error": None}})), "malformed"),
        (Say(body(chart(symbol="OTHER"))), "malformed"),
        (Say(body(chart(meta={"dataGranularity": "1mo"}))), "malformed"),
        (Say(body(chart(close=[1.0]))), "malformed"),
        (Say(body(chart(close=["n/a"] * 5))), "malformed"),
        (Say(body(chart()).replace(b'"close"', b'"last"')), "malformed"),
        (Say(body(chart(days=[]))), "empty"),
        (Say(body(chart(stamps=[None, 1, 2, 3, 4]))), "malformed"),
        (Say(body(chart(events=[1]))), "malformed"),
        (Say(body(chart(events={"dividends": {"1": {"date": 1}}}))), "malformed"),
        (Say(body(chart(events={"splits": {"1": {"date": 1, "numerator": 1, "denominator": 0}}}))), "malformed"),
    ],
)
def test_failures_are_read_from_the_wire(vendor, yahoo, answer, outcome):
    vendor.on(CHART, answer)
    result = history(yahoo)
    assert (result.outcome, result.rows) == (outcome, {})
    assert result.detail
    assert "delisted" not in result.detail or outcome == "unknown_symbol"


def test_trouble_that_passes_is_survived_and_failures_are_not_remembered(vendor, yahoo):
    vendor.on(
        CHART, Say(b"Too Many Requests", 429, {"Retry-After": "0"}), Say(PAGE, 503), Say(drop=True), body(chart())
    )
    answer = history(yahoo)
    assert answer.outcome == "ok"
    # curl itself repeats a request when a kept connection is reset
    assert vendor.count(CHART) >= 4


def test_a_failed_answer_is_asked_again(vendor, yahoo):
    missing = Say(error("Not Found", "No data found, symbol may be delisted"), 404)
    vendor.on(CHART, missing, body(chart()))
    assert history(yahoo).outcome == "unknown_symbol"
    assert history(yahoo).outcome == "ok"


def test_the_circuit_opens_per_object(vendor, tmp_path):
    vendor.on(CHART, Say(b"Too Many Requests", 429))
    connection = connect("yahoo", vendor.url, attempts=1)
    yahoo = Yahoo(connection, tmp_path)
    outcomes = [history(yahoo).outcome for _ in range(6)]
    assert outcomes == ["rate_limited"] * 5 + ["skipped"]
    asked = len(vendor.asked)
    skipped = history(yahoo)
    assert "rate_limited" in skipped.detail
    assert (skipped.attempts, skipped.http_status, skipped.payload) == (0, None, None)
    assert len(vendor.asked) == asked
    assert history(Yahoo(connection, tmp_path)).outcome == "rate_limited"


def test_trouble_with_the_crumb_does_not_matter(vendor, tmp_path):
    YfData(session=None)._crumb = None
    vendor.on("/v1/test/getcrumb", Say(b"Too Many Requests", 429))
    vendor.on(CHART, body(chart()))
    answer = history(Yahoo(connect("yahoo", vendor.url), tmp_path))
    assert answer.outcome == "ok"
    assert "crumb" not in answer.url
    assert YfData(session=None)._crumb is None


def test_the_crumb_is_nowhere(vendor, yahoo, caplog):
    caplog.set_level(logging.DEBUG)
    YfData(session=None)._crumb = None
    vendor.on(CHART, body(chart()), Say(drop=True))
    answers = [history(yahoo), history(yahoo)]
    assert vendor.count("crumb=cRuMb.1") > 0
    assert "crumb=***" in answers[0].url
    for answer in answers:
        assert "cRuMb.1" not in repr(answer)
    assert "cRuMb.1" not in caplog.text


def test_a_proxy_of_the_environment_is_not_used_on_loopback(vendor, tmp_path, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    vendor.on(CHART, body(chart()))
    assert history(Yahoo(connect("yahoo", vendor.url), tmp_path)).outcome == "ok"
