"""Option chains through the real client: what is asked, what is believed, and how each failure is named."""

from __future__ import annotations

import datetime as dt
import json
import math
from typing import Any

import pytest
from scripted_vendor import PAGE, Say

from orchestration.vendors.yahoo import Yahoo

D = dt.date
SESSION = D(2026, 11, 20)
CLOSE = int(dt.datetime(2026, 11, 20, 21, 0, tzinfo=dt.UTC).timestamp())
NEAR, FAR, BEYOND = D(2026, 11, 20), D(2027, 2, 18), D(2027, 2, 19)
PATH = "/v7/finance/options/IWM"


def stamp(day: D) -> int:
    return int(dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC).timestamp())


def contract(strike: Any = 210.0, side: str = "C", expiry: D = NEAR, **changes: Any) -> dict[str, Any]:
    out = {
        "contractSymbol": f"IWM{expiry:%y%m%d}{side}{strike}",
        "strike": strike,
        "currency": "USD",
        "lastPrice": 5.0,
        "volume": 12,
        "openInterest": 100,
        "bid": 4.9,
        "ask": 5.1,
        "contractSize": "REGULAR",
        "expiration": stamp(expiry),
        "lastTradeDate": CLOSE - 60,
        "impliedVolatility": 0.25,
        "inTheMoney": False,
    }
    return {name: value for name, value in (out | changes).items() if value != "absent"}


def chain(
    calls: list[Any] | None = None,
    puts: list[Any] | None = None,
    expiry: D = NEAR,
    expiries: tuple[D, ...] = (NEAR, FAR, BEYOND),
    **changes: Any,
) -> bytes:
    quote = {"symbol": "IWM", "regularMarketPrice": 212.5, "regularMarketTime": CLOSE} | changes.pop("quote", {})
    result = {
        "underlyingSymbol": "IWM",
        "expirationDates": [stamp(day) for day in expiries],
        "strikes": [],
        "quote": quote,
        "options": [
            {
                "expirationDate": stamp(expiry),
                "calls": [contract(expiry=expiry)] if calls is None else calls,
                "puts": [contract(200.0, "P", expiry)] if puts is None else puts,
            }
        ],
    } | changes
    return json.dumps({"optionChain": {"result": [result], "error": None}}).encode()


def serve(vendor: Any, *near: Any, **changes: Any) -> None:
    vendor.on(f"{PATH}.date={stamp(FAR)}", chain(expiry=FAR))
    vendor.on(PATH, *(near or (chain(**changes),)))


def ask(yahoo: Yahoo) -> Any:
    return yahoo.option_chain("IWM", SESSION)


def test_a_chain_holds_every_expiry_up_to_ninety_days_ahead(vendor, yahoo):
    serve(vendor)
    answer = ask(yahoo)
    assert (answer.outcome, answer.rejected) == ("ok", ())
    rows = answer.rows["option_quote"]
    assert list(zip(rows["expiry_date"], rows["side"], rows["strike"], strict=True)) == [
        (NEAR, "call", 210.0),
        (NEAR, "put", 200.0),
        (FAR, "call", 210.0),
        (FAR, "put", 200.0),
    ]
    first = rows.iloc[0]
    assert (first["bid"], first["ask"], first["last_price"], first["implied_vol"]) == (4.9, 5.1, 5.0, 0.25)
    assert (first["volume"], first["open_interest"], first["in_the_money"]) == (12, 100, False)
    assert first["last_trade_at"] == dt.datetime(2026, 11, 20, 20, 59, tzinfo=dt.UTC)
    assert first["underlying_price"] == 212.5
    assert first["underlying_at"] == dt.datetime(2026, 11, 20, 21, 0, tzinfo=dt.UTC)
    assert set(rows["session_date"]) == {SESSION}
    assert vendor.count(PATH) == answer.attempts == 3
    assert vendor.count(str(stamp(BEYOND))) == 0
    assert (answer.vendor, answer.dataset, answer.key, answer.window_end) == ("yahoo", "options", "IWM", SESSION)
    assert answer.payload.count(b"optionChain") == 3


def test_what_yahoo_does_not_send_is_null_and_never_zero(vendor, yahoo):
    missing = ("volume", "openInterest", "bid", "ask", "lastPrice", "impliedVolatility", "lastTradeDate", "inTheMoney")
    serve(vendor, calls=[contract(), contract(211.0, **dict.fromkeys(missing, "absent"))])
    row = ask(yahoo).rows["option_quote"].iloc[1]
    assert row["strike"] == 211.0
    for name in ("volume", "open_interest", "last_trade_at", "in_the_money"):
        assert row.isna()[name], name
    for name in ("bid", "ask", "last_price", "implied_vol"):
        assert math.isnan(row[name]), name


def test_a_volume_of_zero_stays_zero(vendor, yahoo):
    serve(vendor, calls=[contract(volume=0, openInterest=0, bid=0, ask=0), contract(211.0, volume="absent")])
    row = ask(yahoo).rows["option_quote"].iloc[0]
    assert (row["volume"], row["open_interest"], row["bid"], row["ask"]) == (0, 0, 0, 0)


@pytest.mark.parametrize(
    ("rule", "bad"),
    [
        ("negative_price", {"bid": -0.01}),
        ("negative_price", {"lastPrice": -1}),
        ("crossed_quote", {"bid": 5.2}),
        ("implied_vol_out_of_range", {"impliedVolatility": 20.1}),
        ("implied_vol_out_of_range", {"impliedVolatility": -0.1}),
        ("non_positive_strike", {"strike": 0}),
        ("non_positive_strike", {"strike": "absent"}),
        ("negative_count", {"openInterest": -1}),
        ("negative_count", {"volume": -5}),
        ("duplicate_contract", {"contractSymbol": "IWM261120C210.0"}),
    ],
)
def test_bad_quotes_are_rejected_one_by_one(vendor, yahoo, rule, bad):
    serve(vendor, calls=[contract(), contract(**({"contractSymbol": "BAD"} | bad))])
    answer = ask(yahoo)
    assert answer.outcome == "ok"
    assert [(row.rule, row.key, row.row_date) for row in answer.rejected] == [(rule, "IWM", SESSION)]
    assert len(answer.rows["option_quote"]) == 4
    assert json.loads(json.dumps(answer.rejected[0].row))["session_date"] == "2026-11-20"


def test_an_ask_of_zero_is_no_crossed_quote(vendor, yahoo):
    serve(vendor, calls=[contract(ask=0)])
    assert ask(yahoo).rejected == ()


def test_a_chain_of_bad_quotes_only_is_malformed(vendor, yahoo):
    serve(vendor, calls=[contract(bid=-1)], puts=[], expiries=(NEAR,))
    answer = ask(yahoo)
    assert (answer.outcome, answer.rows, len(answer.rejected)) == ("malformed", {}, 1)


NOT_FOUND = {"optionChain": {"result": [], "error": {"code": "Not Found", "description": "No data found"}}}


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (Say(json.dumps(NOT_FOUND).encode(), 404), "unknown_symbol"),
        (Say(PAGE, 404), "not_found"),
        (Say(PAGE, 200), "blocked"),
        (Say(b"Forbidden", 403), "blocked"),
        (
            Say(b'{"finance":{"result":null,"error":{"code":"Unauthorized","description":"Invalid Crumb"}}}', 401),
            "blocked",
        ),
        (Say(b"Too Many Requests", 429), "rate_limited"),
        (Say(PAGE, 503), "unreachable"),
        (Say(drop=True), "unreachable"),
        (Say(chain(), cut=100), "unreachable"),
        (Say(b""), "malformed"),
        (Say(chain()[:200]), "malformed"),
        (Say(b"[]"), "malformed"),
        (Say(b'{"optionChain":{"result":[],"error":null}}'), "empty"),
        (Say(b'{"optionChain":{"result":null,"error":null}}'), "malformed"),
        (Say(chain(underlyingSymbol="SPY")), "malformed"),
        (Say(chain(options=[])), "malformed"),
        (Say(chain(quote={"regularMarketPrice": None})), "malformed"),
        (Say(chain(quote={"regularMarketTime": "now"})), "malformed"),
        (Say(chain(calls=[contract(bid="4.9")])), "malformed"),
        (Say(chain(calls=[contract(contractSymbol=None)])), "malformed"),
        (Say(chain(calls=[contract(bid=math.inf)])), "malformed"),
        (Say(chain(expiries=(BEYOND,))), "empty"),
        # the next session has begun, or the last one has not ended
        (Say(chain(quote={"regularMarketTime": CLOSE + 3 * 86_400})), "stale"),
        (Say(chain(quote={"regularMarketTime": CLOSE - 86_400})), "stale"),
    ],
)
def test_failures_are_read_from_the_wire(vendor, yahoo, answer, outcome):
    serve(vendor, answer)
    result = ask(yahoo)
    assert (result.outcome, result.rows) == (outcome, {})
    assert result.detail


def test_one_failing_expiry_leaves_no_half_chain(vendor, yahoo):
    vendor.on(f"{PATH}.date={stamp(FAR)}", Say(PAGE, 404))
    serve(vendor)
    result = ask(yahoo)
    assert (result.outcome, result.rows) == ("not_found", {})


def test_an_expiry_that_is_refused_midway_leaves_no_half_chain(vendor, yahoo):
    vendor.on(f"{PATH}.date={stamp(FAR)}", Say(b"{}", 401))
    serve(vendor)
    result = ask(yahoo)
    assert (result.outcome, result.http_status, result.rows) == ("blocked", 401, {})


def test_the_chain_of_another_expiry_is_not_believed(vendor, yahoo):
    vendor.on(f"{PATH}.date={stamp(FAR)}", chain(expiry=NEAR))
    serve(vendor)
    assert ask(yahoo).outcome == "malformed"


def test_trouble_that_passes_is_survived(vendor, yahoo):
    vendor.on(f"{PATH}.date={stamp(FAR)}", chain(expiry=FAR))
    vendor.on(PATH, Say(b"Too Many Requests", 429, {"Retry-After": "0"}), Say(PAGE, 503), chain())
    answer = ask(yahoo)
    assert answer.outcome == "ok"
    assert answer.attempts == 5


def test_a_crumb_that_ran_out_is_replaced(vendor, yahoo):
    vendor.on(f"{PATH}.date", chain(), chain(expiry=FAR))
    vendor.on(PATH, Say(b"{}", 401), chain())
    assert ask(yahoo).outcome == "ok"


def test_the_crumb_is_nowhere(vendor, yahoo):
    serve(vendor)
    answer = ask(yahoo)
    assert vendor.count(f"{PATH}.*crumb=cRuMb.1") == 3
    assert "crumb=***" in answer.url
    assert "cRuMb.1" not in repr(answer)
