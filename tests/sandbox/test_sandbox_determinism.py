"""The same seed and date give the same bytes, in any process, in any order, whatever the clock says later."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import subprocess
import sys

import pytest

from orchestration.sandbox.server import answer
from orchestration.sandbox.streams import DEFAULT_SEED
from orchestration.sandbox.timeline import Clock

API = "/varnish-api/blk-one01-product-data/product-data/api/"
FUNDS = {"IWM": 239710, "IWB": 239707, "IWV": 239714, "IWC": 239716, "IVV": 239726}
EARLY, LATE = Clock.of(dt.date(2025, 7, 31)), Clock.of(dt.date(2026, 11, 20))
FRED = "/fred/series/observations?api_key=" + "0" * 32
TARGETS = [
    *(
        f"{API}v2/get-product-data?component=holdings.all&portfolioId={number}&asOfDate=20250702"
        for number in FUNDS.values()
    ),
    f"{API}v1/get-fund-document?component=holdings&portfolioId=239710&asOfDate=20250627",
    f"{API}v1/get-fund-document?component=fundDownload&portfolioId=239725",
    "/v8/finance/chart/TZA?range=max&events=div,splits",
    "/v8/finance/chart/%5ETNX?range=5y",
    f"{FRED}&series_id=CPIAUCSL&realtime_start=1776-07-04&realtime_end=9999-12-31",
    f"{FRED}&series_id=BAMLH0A0HYM2",
    "/library-content/products/fund-data/etfs/us/navhist-us-en-spy.xlsx",
    "/etfdata/ByFund/SRTY-historical_nav.csv",
    "/holdings/TZA.csv",
    "/v7/finance/options/SPY?crumb=sandboxCrumb",
    "/v10/finance/quoteSummary/IVW?modules=quoteType,summaryProfile,topHoldings,fundProfile&crumb=sandboxCrumb",
    "/files/data/fails-deliver-data/cnsfails202009b.zip",
]
OTHER_PROCESS = """
import datetime as dt, hashlib, json, sys
from orchestration.sandbox.server import answer
from orchestration.sandbox.timeline import Clock
targets, later = json.load(sys.stdin)
if later:
    # somebody asked for the far end first
    answer(later, Clock.of(dt.date(2030, 12, 30)))
clock = Clock.of(dt.date(2025, 7, 31))
print(json.dumps({t: hashlib.sha256(answer(t, clock).body).hexdigest() for t in reversed(targets)}))
"""


def digest(target: str, clock: Clock) -> str:
    response = answer(target, clock)
    assert response.status == 200, target
    return hashlib.sha256(response.body).hexdigest()


@pytest.mark.parametrize("later", ["", f"{API}v2/get-product-data?component=holdings.all&portfolioId=239710"])
def test_another_process_answers_the_same_bytes(later: str) -> None:
    reply = subprocess.run(
        [sys.executable, "-c", OTHER_PROCESS],
        input=json.dumps([TARGETS, later]),
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(reply.stdout) == {target: digest(target, EARLY) for target in TARGETS}


def test_another_seed_is_another_market() -> None:
    target = "/v8/finance/chart/IWM?range=1y"
    assert answer(target, LATE, DEFAULT_SEED).body != answer(target, LATE, DEFAULT_SEED + 1).body


def chart(symbol: str, clock: Clock) -> dict[str, list[float]]:
    window = "period1=1451865600&period2=1751328000"  # 2016-01-04 to 2025-06-30
    document = json.loads(answer(f"/v8/finance/chart/{symbol}?{window}", clock).body)
    return document["chart"]["result"][0]["indicators"]["quote"][0]


def test_later_charts_differ_by_later_splits_only() -> None:
    before_split = Clock.of(dt.date(2025, 7, 14))
    assert chart("IWM", before_split) == chart("IWM", LATE)
    assert chart("TNA", before_split) == chart("TNA", LATE)
    old, new = chart("TZA", before_split), chart("TZA", LATE)
    assert new["close"] == pytest.approx([10 * price for price in old["close"]], rel=1e-6)
    assert new["volume"] == pytest.approx([volume / 10 for volume in old["volume"]], abs=1)


def test_a_split_restates_from_its_ex_date_on() -> None:
    day_before, morning = Clock.of(dt.date(2025, 7, 14)), Clock.of(dt.datetime(2025, 7, 15, 8))  # noqa: DTZ001
    ratio = chart("TZA", morning)["close"][0] / chart("TZA", day_before)["close"][0]
    assert ratio == pytest.approx(10, rel=1e-5)
    events = "/v8/finance/chart/TZA?range=1y&events=div,splits"
    splits = json.loads(answer(events, LATE).body)["chart"]["result"][0]["events"]
    assert "splits" not in splits
    two_years = json.loads(answer(events.replace("1y", "2y"), LATE).body)["chart"]["result"][0]["events"]["splits"]
    assert [event["splitRatio"] for event in two_years.values()] == ["1:10"]


def test_holdings_of_a_date_never_change() -> None:
    for target in TARGETS[:6]:
        assert digest(target, EARLY) == digest(target, LATE)


def observations(series_id: str, clock: Clock, window: str = "") -> dict[str, str]:
    body = json.loads(answer(f"{FRED}&file_type=json&series_id={series_id}{window}", clock).body)
    return {row["date"]: row["value"] for row in body["observations"]}


@pytest.mark.parametrize("series_id", ["DGS10", "T10YIE", "DFEDTARU", "SOFR", "VIXCLS", "BAA10Y", "CPIAUCNS"])
def test_unrevised_series_only_grow(series_id: str) -> None:
    old, new = observations(series_id, EARLY), observations(series_id, LATE)
    assert old.items() <= new.items()
    assert len(new) > len(old)


@pytest.mark.parametrize("series_id", ["CPIAUCSL", "CPILFESL", "UNRATE"])
def test_revised_series_can_be_asked_as_of_a_date(series_id: str) -> None:
    old, new = observations(series_id, EARLY), observations(series_id, LATE)
    assert not old.items() <= new.items()
    as_of = "&realtime_start=2025-07-31&realtime_end=2025-07-31"
    assert observations(series_id, LATE, as_of) == old


def test_ice_spreads_show_three_years() -> None:
    old, new = observations("BAMLH0A0HYM2", EARLY), observations("BAMLH0A0HYM2", LATE)
    assert (min(old), min(new)) == ("2022-07-31", "2023-11-20")
    assert {day: value for day, value in old.items() if day >= "2023-11-20"}.items() <= new.items()


def test_many_threads_get_what_one_gets() -> None:
    script = OTHER_PROCESS.replace(
        "print(json.dumps({t: hashlib.sha256(answer(t, clock).body).hexdigest() for t in reversed(targets)}))",
        "from concurrent.futures import ThreadPoolExecutor\n"
        "with ThreadPoolExecutor(8) as pool:\n"
        "    bodies = list(pool.map(lambda t: answer(t, clock).body, targets))\n"
        "print(json.dumps({t: hashlib.sha256(b).hexdigest() for t, b in zip(targets, bodies)}))",
    )
    reply = subprocess.run(
        [sys.executable, "-c", script], input=json.dumps([TARGETS, ""]), capture_output=True, text=True, check=True
    )
    assert json.loads(reply.stdout) == {target: digest(target, EARLY) for target in TARGETS}
