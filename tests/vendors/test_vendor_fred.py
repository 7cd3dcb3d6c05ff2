from __future__ import annotations

import datetime as dt
import json
import logging
import re
from urllib.parse import parse_qs, urlsplit

import pytest
from scripted_vendor import KEY, PAGE, Say, connect

from orchestration.vendors.fred import Fred

D = dt.date
FIRST, LAST = D(2020, 1, 1), D(2020, 12, 31)
OBSERVATIONS = "/fred/series/observations"


def observations(*rows: tuple[str, str, str], count: int | None = None, limit: int = 100000) -> bytes:
    items = "".join(
        f'<observation realtime_start="{start}" realtime_end="9999-12-31" date="{day}" value="{value}"/>\n'
        for start, day, value in rows
    )
    head = f'count="{len(rows) if count is None else count}" offset="0" limit="{limit}"'
    return f'<?xml version="1.0" encoding="utf-8" ?>\n<observations {head}>\n{items}</observations>\n'.encode()


def refusal(text: str) -> Say:
    return Say(f'<?xml version="1.0"?><error code="400" message="{text}"/>'.encode(), 400)


def values(answer) -> list[tuple]:
    assert answer.outcome == "ok", answer.detail
    frame = answer.rows["fred_observation"].astype("object")
    frame = frame.where(frame.notna(), None)
    return list(zip(frame["observation_date"], frame["realtime_start"], frame["value"], strict=True))


def test_observations(vendor, fred):
    vendor.on(OBSERVATIONS, observations(("2020-02-01", "2020-01-02", "1.5"), ("2020-02-01", "2020-01-03", ".")))
    answer = fred.observations("DGS10", FIRST, LAST)
    assert values(answer) == [(D(2020, 1, 2), None, 1.5), (D(2020, 1, 3), None, None)]
    assert "observation_start=2020-01-01&observation_end=2020-12-31" in answer.url
    assert (answer.vendor, answer.dataset, answer.key, answer.file_format) == ("fred", "macro", "DGS10", "xml")
    assert answer.rows_accepted == 2


def test_observations_as_known_on_a_day(vendor, fred):
    vendor.on(OBSERVATIONS, observations(("2020-02-01", "2020-01-02", "1.5")))
    answer = fred.observations("DGS10", FIRST, LAST, known_on=D(2020, 6, 1))
    assert "realtime_start=2020-06-01&realtime_end=2020-06-01" in answer.url


def test_no_observations_is_empty(vendor, fred):
    vendor.on(OBSERVATIONS, observations())
    for answer in (fred.observations("DGS10", FIRST, LAST), fred.vintages("DGS10", FIRST, LAST)):
        assert (answer.outcome, answer.rows) == ("empty", {})


def test_vintages(vendor, fred):
    rows = [
        ("2020-02-14", "2020-01-01", "100.0"),
        ("2020-03-14", "2020-01-01", "100.5"),
        ("2020-03-14", "2020-02-01", "."),
    ]
    vendor.on(OBSERVATIONS, observations(*rows))
    answer = fred.vintages("CPI", FIRST, LAST)
    assert values(answer) == [
        (D(2020, 1, 1), D(2020, 2, 14), 100.0),
        (D(2020, 1, 1), D(2020, 3, 14), 100.5),
        (D(2020, 2, 1), D(2020, 3, 14), None),
    ]
    assert "realtime_start=1776-07-04&realtime_end=9999-12-31" in answer.url
    assert "observation_start=2020-01-01" in answer.url


def test_vintages_of_a_series_without_history_have_no_start(vendor, fred):
    vendor.on(OBSERVATIONS, observations(("1776-07-04", "2020-01-01", "1.0")))
    assert values(fred.vintages("X", FIRST, LAST)) == [(D(2020, 1, 1), None, 1.0)]


class Archive:
    """Answers windows of a made-up vintage history as FRED does, refusing those with too many vintages."""

    def __init__(self, history: dict[str, list[tuple[str, str]]], most: int) -> None:
        self.history, self.most = history, most
        self.vintages = sorted({start for versions in history.values() for start, _ in versions})

    def answer(self, line: str) -> Say:
        query = {name: found[0] for name, found in parse_qs(urlsplit(line).query).items()}
        low, high = query["realtime_start"], query["realtime_end"]
        inside = [start for start in self.vintages if low <= start <= high]
        if "vintagedates" in line:
            items = "".join(f"<vintage_date>{start}</vintage_date>" for start in inside)
            return Say(f"<vintage_dates>{items}</vintage_dates>".encode())
        if len(inside) > self.most:
            text = f"Bad Request.  There are {len(inside)} vintage dates in the specified real-time period. "
            return refusal(text + f"This exceeds the maximum number of vintage dates allowed ({self.most}).")
        rows = []
        for day, versions in self.history.items():
            ends = [start for start, _ in versions[1:]] + ["9999-99-99"]
            for (start, value), end in zip(versions, ends, strict=True):
                if start <= high and end > low:
                    rows.append((max(start, low), day, value))
        return Say(observations(*rows))


def test_long_vintage_histories_are_cut_and_joined(vendor, fred, monkeypatch):
    history = {
        "2020-01-01": [("2020-02-01", "1.0"), ("2020-04-01", "1.1"), ("2020-06-01", ".")],
        "2020-02-01": [("2020-03-01", "2.0")],
        "2020-03-01": [("2020-04-01", "."), ("2020-05-01", "3.0")],
    }
    archive = Archive(history, most=2)
    monkeypatch.setattr(vendor, "answer", lambda line, headers: archive.answer(line))
    answer = fred.vintages("X", FIRST, LAST)
    expected = [
        (D.fromisoformat(day), D.fromisoformat(start), None if value == "." else float(value))
        for day, versions in history.items()
        for start, value in versions
    ]
    assert values(answer) == sorted(expected, key=lambda row: row[:2])
    assert answer.attempts > 3


def test_a_history_that_cannot_be_cut_is_named(vendor, fred):
    vendor.on(OBSERVATIONS, observations(("2020-02-01", "2020-01-01", "1"), count=200000))
    vendor.on("vintagedates", b"<vintage_dates><vintage_date>2020-02-01</vintage_date></vintage_dates>")
    answer = fred.vintages("X", FIRST, LAST)
    assert answer.outcome == "malformed"
    assert "200000 observations" in answer.detail


def test_two_values_for_one_date_are_both_rejected(vendor, fred):
    rows = [("2020-02-01", "2020-01-02", "1.5"), ("2020-02-01", "2020-01-02", "1.6"), ("2020-02-01", "2020-01-03", "2")]
    vendor.on(OBSERVATIONS, observations(*rows))
    for answer in (fred.observations("X", FIRST, LAST), fred.vintages("X", FIRST, LAST)):
        assert [day for day, *_ in values(answer)] == [D(2020, 1, 3)]
        assert [(row.rule, row.row["value"]) for row in answer.rejected] == [
            ("duplicate_date", "1.5"),
            ("duplicate_date", "1.6"),
        ]


def test_the_same_row_twice_is_one_row(vendor, fred):
    row = ("2020-02-01", "2020-01-02", "1.5")
    vendor.on(OBSERVATIONS, observations(row, row, count=1))
    answer = fred.observations("X", FIRST, LAST)
    assert (len(values(answer)), answer.rejected) == (1, ())


def test_values_that_are_not_finite_are_rejected(vendor, fred):
    vendor.on(OBSERVATIONS, observations(("2020-02-01", "2020-01-02", "inf"), ("2020-02-01", "2020-01-03", "2")))
    answer = fred.observations("X", FIRST, LAST)
    assert [row.rule for row in answer.rejected] == ["non_finite"]
    assert len(values(answer)) == 1


@pytest.mark.parametrize(
    ("answer", "outcome", "detail"),
    [
        (refusal("Bad Request.  The series does not exist."), "unknown_symbol", "does not exist"),
        (refusal("Bad Request.  The value for variable api_key is not registered."), "blocked", "refused the API key"),
        (refusal("Bad Request.  The series does not exist in ALFRED but may in FRED."), "not_found", "ALFRED"),
        (refusal("Bad Request.  Something else."), "malformed", "Something else"),
        (Say(b'{"error_code":400,"error_message":"Bad Request. Odd."}', 400), "malformed", "Odd"),
        (Say(PAGE, 200, {"Content-Type": "text/xml"}), "blocked", "web page"),
        (Say(PAGE, 400), "blocked", "web page"),
        (Say(b"Too Many Requests", 429), "rate_limited", "429"),
        (Say(PAGE, 500), "unreachable", "500"),
        (Say(drop=True), "unreachable", "no complete answer"),
        (Say(observations(("2020-02-01", "2020-01-02", "1")), cut=40), "unreachable", "no complete answer"),
        (Say(b""), "malformed", "empty body"),
        (Say(b"<observations count='1'"), "malformed", "not XML"),
        (Say(b'<?xml version="1.0" encoding="u-f-8"?><observations/>'), "malformed", "encoding u-f-8"),
        (Say(b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b">]><x/>'), "malformed", "a document type"),
        (Say(b"<other/>"), "malformed", "unexpected <other>"),
        (Say(observations(("2020-02-01", "2020-01-02", "n/a"))), "malformed", "unreadable"),
        (Say(observations(("2020-02-01", "2020-01-02", "1")).replace(b" value=", b" val=")), "malformed", "value"),
        (Say(observations(("2020-02-01", "2020-01-02", "1"), count=7)), "malformed", "1 of 7"),
    ],
)
def test_failures_are_named(vendor, fred, answer, outcome, detail):
    vendor.on(OBSERVATIONS, answer)
    for result in (fred.observations("X", FIRST, LAST), fred.vintages("X", FIRST, LAST)):
        assert (result.outcome, result.rows) == (outcome, {})
        assert detail in result.detail


def release_page(days: list[D], count: int, offset: int = 0) -> bytes:
    items = [{"release_id": 10, "date": day.isoformat()} for day in days]
    return json.dumps({"count": count, "offset": offset, "limit": 2, "release_dates": items}).encode()


def test_release_dates_over_several_pages(vendor, fred):
    days = [D(2020, 1, 14), D(2020, 2, 13), D(2021, 3, 11)]
    vendor.on("offset=0", release_page(days[:2], 3))
    vendor.on("offset=2", release_page(days[2:], 3))
    answer = fred.release_dates(10, FIRST, LAST)
    frame = answer.rows["fred_release_date"]
    assert frame["release_date"].tolist() == days[:2]
    assert frame["release_id"].tolist() == [10, 10]
    assert (answer.dataset, answer.key, answer.attempts, answer.file_format) == ("events", "10", 2, "json")
    assert "include_release_dates_with_no_data=true" in answer.url


def test_pages_that_repeat_end(vendor, fred):
    vendor.on("offset=", release_page([D(2020, 1, 14), D(2020, 2, 13)], 2**63))
    answer = fred.release_dates(10, FIRST, LAST)
    assert (answer.outcome, answer.detail) == ("malformed", f"2 of {2**63} release dates")
    assert vendor.count("offset=") == 2


def test_a_release_carried_forward_daily_is_rejected(vendor, fred):
    days = [FIRST + dt.timedelta(days=n) for n in range(40)]
    vendor.on("release/dates", release_page(days, 40))
    answer = fred.release_dates(101, FIRST, D(2020, 1, 20))
    assert (answer.outcome, answer.rows) == ("empty", {})
    assert {row.rule for row in answer.rejected} == {"carry_forward_release"}
    assert len(answer.rejected) == 20


def test_one_release_on_a_weekend_is_no_carry_forward(vendor, fred):
    vendor.on("release/dates", release_page([D(2020, 1, 14), D(2020, 2, 15), D(2020, 3, 11)], 3))
    assert fred.release_dates(10, FIRST, LAST).rows_accepted == 3


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (Say(b'{"error_message":"Bad Request.  The release does not exist."}', 400), "unknown_symbol"),
        (Say(PAGE), "blocked"),
        (Say(b'{"count":1'), "malformed"),
        (Say(b'{"count":1,"dates":[]}'), "malformed"),
        (Say(release_page([], 5)), "malformed"),
        (Say(release_page([], 0)), "empty"),
        (Say(b"Too Many Requests", 429), "rate_limited"),
    ],
)
def test_release_date_failures_are_named(vendor, fred, answer, outcome):
    vendor.on("release/dates", answer)
    assert fred.release_dates(10, FIRST, LAST).outcome == outcome


def test_the_key_is_nowhere(vendor, fred, caplog):
    caplog.set_level(logging.DEBUG)
    vendor.on(OBSERVATIONS, observations(("2020-02-01", "2020-01-02", "1.5")), Say(drop=True))
    vendor.on("release/dates", refusal(f"Bad Request.  The value {KEY} for variable api_key is not registered."))
    answers = [
        fred.observations("X", FIRST, LAST),
        fred.vintages("X", FIRST, LAST),
        fred.release_dates(10, FIRST, LAST),
        Fred(connect("fred", "http://127.0.0.1:9", attempts=1), KEY).observations("X", FIRST, LAST),
    ]
    assert [answer.outcome for answer in answers] == ["ok", "unreachable", "malformed", "unreachable"]
    assert all(re.search(f"api_key={KEY}", line) for line in vendor.asked)
    for answer in answers:
        assert KEY not in repr(answer)
    assert KEY not in caplog.text
