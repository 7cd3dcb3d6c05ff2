"""What cannot be true goes to quarantine, the last good value stands, and the next run asks again and stores it."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pytest

from orchestration.calendars import NEW_YORK
from orchestration.ingest import held_back
from orchestration.ingest.constituents import constituents
from orchestration.ingest.etf_shares import etf_shares
from orchestration.ingest.macro import macro
from orchestration.ingest.prices import prices
from orchestration.lake.store import Lake
from orchestration.sandbox.server import sandbox_server
from orchestration.vendors.answer import Answer
from tests.ingest.altering import Alter, altering

ASSETS = {"macro": macro, "prices": prices, "etf_shares": etf_shares, "constituents": constituents}
VENDORS = {"macro": "fred", "prices": "yahoo", "etf_shares": "proshares", "constituents": "blackrock"}
WEDNESDAY, THURSDAY = "2025-07-30T20:00:00", "2025-07-31T20:00:00"
D = dt.date
Take = Callable[..., dict[str, Any]]


@pytest.fixture
def take(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Take:
    """Materialize July 2025 of an asset on an evening, some of whose answers are altered on their way."""
    for name in ("SMALLCAP_VENDORS", "DAGSTER_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SMALLCAP_SOURCE", "sandbox")
    monkeypatch.setenv("SMALLCAP_START", "2025-07-01")
    monkeypatch.setenv("SMALLCAP_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("SMALLCAP_MAX_RPS", "1000")

    def run(asset: str, evening: str, **rules: Alter) -> dict[str, Any]:
        vendor = VENDORS[asset]
        moment = dt.datetime.fromisoformat(evening).replace(tzinfo=NEW_YORK)
        with sandbox_server(moment) as url, altering(url, **rules) as altered, monkeypatch.context() as patch:
            for name, value in {
                "SMALLCAP_TODAY": evening,
                "SMALLCAP_VENDORS": vendor,
                f"SMALLCAP_{vendor.upper()}_URL": altered,
            }.items():
                patch.setenv(name, value)
            done = dg.materialize(
                [ASSETS[asset]], partition_key="2025-07-01", instance=dg.DagsterInstance.ephemeral(), resources={}
            )
        return {check.check_name: check for check in done.get_asset_check_evaluations()}

    return run


@pytest.fixture
def stored(tmp_path: Path) -> Callable[[str], list[tuple[Any, ...]]]:
    """Rows of a query on the raw lake."""

    def read(sql: str) -> list[tuple[Any, ...]]:
        rows = Lake(tmp_path / "data", "sandbox").query(sql).to_pylist()
        return [tuple(row.values()) for row in rows]

    return read


QUARANTINE = "select key, row_date, detail from quarantine where rule = 'held_back' order by fetched_at, key, row_date"


def test_a_value_that_stands_for_none_is_no_yield(take: Take, stored) -> None:
    def nothing(body: bytes) -> bytes:
        return re.sub(rb'(date="2025-07-29" value=")[^"]*', rb"\g<1>-99.99", body)

    checks = take("macro", WEDNESDAY, **{"series_id=DGS10&": nothing})
    assert not checks["rows_against_source"].passed
    assert stored(QUARANTINE) == [("DGS10", D(2025, 7, 29), "DGS10 of -99.99 lies outside -5 to 90")]
    values = "select observation_date, value from fred_observation where series_id = 'DGS10' order by 1 desc limit 2"
    before = stored(values)
    assert before[0][0] == D(2025, 7, 28)
    take("macro", THURSDAY)
    assert [day for day, _ in stored(values)] == [D(2025, 7, 30), D(2025, 7, 29)]
    assert all(0 < value < 20 for _, value in stored(values))
    assert len(stored(QUARANTINE)) == 1


def scaled(place: int, factor: float) -> Alter:
    """A chart of Yahoo in which the prices of one bar are multiplied."""

    def alter(body: bytes) -> bytes:
        document = json.loads(body)
        quote = document["chart"]["result"][0]["indicators"]["quote"][0]
        for name in ("open", "high", "low", "close"):
            quote[name][place] *= factor
        return json.dumps(document).encode()

    return alter


def repeated(body: bytes) -> bytes:
    """A chart whose last bar is the one before under its own date."""
    document = json.loads(body)
    quote = document["chart"]["result"][0]["indicators"]["quote"][0]
    for name in ("open", "high", "low", "close", "volume"):
        quote[name][-1] = quote[name][-2]
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    ("alter", "why"),
    [
        (scaled(-1, 100), r"close \S+ is \S+ times the \S+ of 2025-07-29, and no split is told"),
        (scaled(-1, 0.1), r"close \S+ is \S+ times the \S+ of 2025-07-29, and no split is told"),
        (repeated, "the bar is that of 2025-07-29 once more"),
    ],
    ids=["times 100", "a split nobody told", "yesterday's"],
)
def test_a_bar_that_cannot_follow_the_one_before_waits(take: Take, stored, alter: Alter, why: str) -> None:
    checks = take("prices", WEDNESDAY, **{"chart/IWM": alter})
    ((key, day, detail),) = stored(QUARANTINE)
    assert (key, day) == ("IWM", D(2025, 7, 30))
    assert re.fullmatch(why, detail)
    assert "IWM" in checks["coverage"].description
    newest = "select symbol, max(session_date) from yahoo_bar where symbol in ('IWM', 'SPY') group by 1 order by 1"
    assert stored(newest) == [("IWM", D(2025, 7, 29)), ("SPY", D(2025, 7, 30))]
    checks = take("prices", THURSDAY)
    assert stored(newest) == [("IWM", D(2025, 7, 31)), ("SPY", D(2025, 7, 31))]
    days = stored("select count(distinct session_date), count(*) from yahoo_bar where symbol = 'IWM'")
    assert days == stored("select count(distinct session_date), count(*) from yahoo_bar where symbol = 'SPY'")
    assert len(stored(QUARANTINE)) == 1


def test_a_first_bar_that_is_wrong_does_not_make_the_others_wrong(take: Take, stored) -> None:
    take("prices", WEDNESDAY, **{"chart/IWM": scaled(0, 100)})
    assert [(key, day) for key, day, _ in stored(QUARANTINE)] == [("IWM", D(2025, 7, 1))]


def test_shares_in_another_unit_are_no_creation(take: Take, stored) -> None:
    def thousandfold(body: bytes) -> bytes:
        lines = body.decode().split("\n")
        cells = lines[1].split(",")
        assert cells[0] == "07/30/2025"
        cells[7] = str(1000 * int(cells[7]))
        return "\n".join([lines[0], ",".join(cells), *lines[2:]]).encode()

    take("etf_shares", WEDNESDAY)
    shares = "select as_of_date, shares_outstanding from fund_day where symbol = 'URTY' order by 1 desc limit 1"
    ((newest, before),) = stored(shares)
    assert newest == D(2025, 7, 29)
    take("etf_shares", THURSDAY, **{"URTY-historical_nav": thousandfold})
    assert stored(shares) == [(D(2025, 7, 29), before)]
    ((key, day, detail),) = stored(QUARANTINE)
    assert (key, day) == ("URTY", D(2025, 7, 30))
    assert re.fullmatch(r"NAV times shares is (9\d\d|1\.?\d*e\+03|10\d\d) times that of the day before", detail)
    take("etf_shares", "2025-08-01T20:00:00")
    days = "select as_of_date, shares_outstanding from fund_day where symbol = 'URTY' and as_of_date > '2025-07-29'"
    found = sorted(stored(days))
    assert [day for day, _ in found] == [D(2025, 7, 30), D(2025, 7, 31)]
    assert all(0.5 * before < count < 2 * before for _, count in found)


def cut(keep: float, *, grown: bool) -> Alter:
    """A holdings file that ends early; its weights sum to 100 where they are made to."""

    def alter(body: bytes) -> bytes:
        document = json.loads(body)
        points = document["componentsByNameMap"]["holdings"]["containersByNameMap"]["all"]["dataPointsByNameMap"]
        lines = int(keep * len(points["ticker"]["value"]))
        for name, point in points.items():
            if isinstance(point["value"], list):
                point["value"] = point["value"][:lines]
                if grown and name == "holdingPercent":
                    whole = sum(point["value"])
                    point["value"] = [100 * value / whole for value in point["value"]]
        return json.dumps(document).encode()

    return alter


@pytest.mark.parametrize(
    ("alter", "why"),
    [
        (cut(0.66, grown=False), r"the weights of its [\d,]+ lines sum to [89]\d\.\d\d percent"),
        (cut(0.66, grown=True), r"it has [\d,]+ lines, and the file of 2025-07-\d\d has [\d,]+"),
    ],
    ids=["weights", "lines"],
)
def test_a_file_that_was_cut_is_not_taken_for_whole(take: Take, stored, tmp_path: Path, alter: Alter, why: str) -> None:
    take("constituents", WEDNESDAY)
    files = "select as_of_date, lines from holding_snapshot where fund = 'IWM' order by 1 desc limit 1"
    before = stored(files)
    assert before[0][0] == D(2025, 7, 29)
    checks = take("constituents", THURSDAY, **{"portfolioId=239710&.*asOfDate=20250730": alter})
    assert stored(files) == before
    ((key, day, detail),) = stored(QUARANTINE)
    assert (key, day) == ("IWM", D(2025, 7, 30))
    said = re.fullmatch(rf"{why}; kept as (\S+)", detail)
    assert said
    assert (tmp_path / "data" / "raw" / said[1]).exists()
    assert "malformed for IWM" in checks["vendor_answers"].description
    assert stored("select count(*) from holding where fund = 'IWM' and as_of_date = '2025-07-30'") == [(0,)]
    take("constituents", "2025-08-01T08:00:00")
    ((lines,),) = stored("select lines from holding_snapshot where fund = 'IWM' and as_of_date = '2025-07-30'")
    assert lines > 0.9 * before[0][1]


def answer(frame: pd.DataFrame) -> Answer:
    nothing: dict[str, Any] = dict.fromkeys(("window_start", "window_end", "http_status", "payload"), None)
    return Answer(
        vendor="fred", dataset="macro", key="DGS10", outcome="ok", url="", attempts=1, detail="", file_format="xml",
        rows={"fred_observation": frame}, rejected=(), **nothing,
    )  # fmt: skip


def test_what_was_reviewed_and_found_true_is_let_through() -> None:
    frame = pd.DataFrame({"observation_date": [D(2025, 7, 28), D(2025, 7, 29)], "value": [-99.99, -7.5]})
    found = held_back.impossible_observations("DGS10", frame)
    assert list(found) == [0, 1]
    true = frozenset({("fred", "macro", "DGS10", "2025-07-29")})
    judged = held_back.without(answer(frame), "fred_observation", "observation_date", found, true)
    assert list(judged.rows["fred_observation"]["value"]) == [-7.5]
    assert [(row.row_date, row.rule) for row in judged.rejected] == [(D(2025, 7, 28), "held_back")]
    refused = held_back.whole(answer(frame), "fred_observation", D(2025, 7, 28), "why", true)
    assert (refused.outcome, refused.rows, len(refused.rejected)) == ("malformed", {}, 1)
    assert held_back.whole(answer(frame), "fred_observation", D(2025, 7, 29), "why", true).outcome == "ok"


@pytest.mark.parametrize(
    ("weight", "lines", "neighbour", "why"),
    [
        (96.99, 2000, None, "sum to 96.99 percent"),
        (97.0, 2000, None, ""),
        (103.0, 2000, None, ""),
        (103.01, 2000, None, "sum to 103.01 percent"),
        (100.0, 1500, (D(2025, 7, 1), 2000), ""),
        (100.0, 1499, (D(2025, 7, 1), 2000), "it has 1,499 lines, and the file of 2025-07-01 has 2,000"),
    ],
)
def test_the_edges_of_a_whole_file(weight: float, lines: int, neighbour: tuple[D, int] | None, why: str) -> None:
    said = held_back.cut_file(weight, lines, neighbour)
    assert why in said
    assert bool(said) == bool(why)


def test_misprints_of_before_and_first_files_are_left_to_the_review() -> None:
    days = pd.DataFrame(
        {
            "as_of_date": [D(2025, 7, 3), D(2025, 7, 1), D(2025, 7, 2), D(2025, 7, 7)],
            "nav_usd": [10.0, 10.0, 10.0, 20.0],
            "shares_outstanding": [101e6, 100e6, 1e6, 5e6],
        }
    )
    assert held_back.impossible_assets(days, None) == {}
    assert held_back.impossible_assets(days, D(2025, 7, 7)) == {}
    assert held_back.impossible_assets(days, D(2025, 7, 3)) == {
        3: "NAV times shares is 0.099 times that of the day before"
    }
    assert list(held_back.impossible_assets(days, D(2025, 7, 1))) == [2, 0, 3]
