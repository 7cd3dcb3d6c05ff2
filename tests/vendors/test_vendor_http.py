from __future__ import annotations

import datetime as dt
import email.utils
import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest
from scripted_vendor import KEY, PAGE, Say, connect

from orchestration.vendors.http import Connection, Pace, Run, Transport, VendorError, check_wire, is_web_page

OK = b"data"


def ask(transport: Transport, path: str = "/x"):
    reply = transport.get(path, {"a": 1})
    check_wire(reply)
    return reply


def failure(transport: Transport) -> VendorError:
    with pytest.raises(VendorError) as caught:
        ask(transport)
    return caught.value


@pytest.mark.parametrize(
    "trouble",
    [
        Say(b"Too Many Requests", 429),
        Say(b"<html>", 503),
        Say(b"<html>", 500),
        Say(drop=True),
        Say(b"0123456789", cut=4),
    ],
)
def test_passing_trouble_is_retried(vendor, trouble):
    vendor.on("/x", trouble, trouble, OK)
    transport = Transport(connect("fred", vendor.url))
    assert ask(transport).body == OK
    assert transport.trail.attempts == vendor.count("/x") == 3


@pytest.mark.parametrize(
    ("trouble", "outcome", "status"),
    [
        (Say(b"Too Many Requests", 429), "rate_limited", 429),
        (Say(PAGE, 502), "unreachable", 502),
        (Say(drop=True), "unreachable", None),
        (Say(b"0123456789", cut=4), "unreachable", None),
    ],
)
def test_lasting_trouble_is_named_after_the_last_attempt(vendor, trouble, outcome, status):
    vendor.on("/x", trouble)
    error = failure(Transport(connect("fred", vendor.url)))
    assert (error.outcome, error.http_status) == (outcome, status)
    assert "after 4 attempts" in error.detail
    assert vendor.count("/x") == 4


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (Say(b"gone", 404), "not_found"),
        (Say(b"no", 403), "blocked"),
        (Say(PAGE, 200, {"Content-Type": "text/csv"}), "blocked"),
        (Say(b"  \n"), "malformed"),
    ],
)
def test_a_refusal_is_not_retried(vendor, answer, outcome):
    vendor.on("/x", answer)
    assert failure(Transport(connect("fred", vendor.url))).outcome == outcome
    assert vendor.count("/x") == 1


def test_nobody_there_is_retried_and_unreachable():
    error = failure(Transport(connect("fred", "http://127.0.0.1:9", attempts=2, timeout_seconds=0.5)))
    assert error.outcome == "unreachable"
    assert "after 2 attempts" in error.detail


@pytest.mark.parametrize("as_date", [False, True])
def test_retry_after_is_honoured(vendor, as_date):
    # a date has whole seconds, so two of them make at least one
    value = email.utils.format_datetime(dt.datetime.now(dt.UTC) + dt.timedelta(seconds=2), usegmt=True)
    vendor.on("/x", Say(b"", 429, {"Retry-After": value if as_date else "1"}), OK)
    started = time.monotonic()
    ask(Transport(connect("fred", vendor.url)))
    assert 0.8 < time.monotonic() - started < 4


def test_a_pause_beyond_the_cap_is_not_waited_for(vendor):
    vendor.on("/x", Say(b"", 429, {"Retry-After": "3600"}), OK)
    error = failure(Transport(connect("fred", vendor.url)))
    assert error.outcome == "rate_limited"
    assert "3600 s" in error.detail
    assert vendor.count("/x") == 1


def test_requests_keep_their_distance():
    pace = Pace(50)
    started = time.monotonic()
    for _ in range(6):
        pace.wait()
    assert time.monotonic() - started >= 0.09


def test_polite_defaults_and_override():
    assert [connect(name, "", max_rps=None).rps for name in ("yahoo", "fred", "blackrock")] == [2.0, 2.0, 0.5]
    assert connect("yahoo", "", max_rps=40.0).rps == 40.0


def test_rebase_replaces_scheme_and_host_only():
    connection = connect("yahoo", "http://127.0.0.1:8080")
    url = "https://query2.finance.yahoo.com/v8/finance/chart/%5ERUT?a=1&b=%2C"
    assert connection.rebase(url) == "http://127.0.0.1:8080/v8/finance/chart/%5ERUT?a=1&b=%2C"
    assert connect("yahoo", "", base_url=None).rebase(url) == url


def test_circuit_opens_after_five_failures_and_closes_on_success(vendor):
    transport = Transport(connect("fred", vendor.url))
    for _ in range(4):
        transport.settle("rate_limited", "x")
    transport.settle("ok", "")
    for _ in range(5):
        transport.begin()
        transport.settle("blocked", "a web page")
    with pytest.raises(VendorError, match=r"failed 5 times in a row.*a web page") as caught:
        transport.begin()
    assert caught.value.outcome == "skipped"


def test_the_key_is_nowhere(vendor, caplog):
    caplog.set_level(logging.DEBUG)
    transport = Transport(connect("fred", vendor.url, secrets=(KEY,), attempts=1))
    vendor.on("/ok", OK)
    vendor.on("/drop", Say(drop=True))
    reply = transport.get("/ok", {"api_key": KEY})
    with pytest.raises(VendorError) as caught:
        transport.get("/drop", {"api_key": KEY})
    assert vendor.count(KEY) == 2
    assert reply.target == "/ok?api_key=***"
    assert any("/ok?api_key=***" in record.getMessage() for record in caplog.records)
    for text in (caplog.text, str(caught.value), repr(caught.value), caught.value.detail, repr(transport.connection)):
        assert KEY not in text


@pytest.mark.parametrize("body", [PAGE, b"<HTML>", b"\n\t<!DocType HTML>"])
def test_web_pages(body):
    assert is_web_page(body)


@pytest.mark.parametrize("body", [b"", b"<?xml version='1.0'?><observations/>", b"Ticker,Name\n<html>", b"<htmlx/>"])
def test_not_web_pages(body):
    assert not is_web_page(body)


def test_a_proxy_of_the_environment_is_not_used_on_loopback(vendor, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    vendor.on("/x", OK)
    assert ask(Transport(connect("fred", vendor.url))).body == OK


@pytest.fixture
def door() -> Iterator[tuple[int, list[str]]]:
    """A port that counts who knocks and says nothing."""
    knocks: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def listen() -> None:
            with suppress(OSError):
                while True:
                    guest, address = server.accept()
                    knocks.append(address[0])
                    guest.close()

        threading.Thread(target=listen, daemon=True).start()
        yield server.getsockname()[1], knocks
        server.shutdown(socket.SHUT_RDWR)


def heard(knocks: list[str]) -> int:
    """How often somebody knocked; the one who counts may be a moment late."""
    until = time.monotonic() + 10
    while not knocks and time.monotonic() < until:
        time.sleep(0.01)
    time.sleep(0.2)
    return len(knocks)


def test_a_vendor_that_cannot_be_reached_is_tried_once_in_a_run_and_not_asked():
    run = Run()
    for _ in range(2):
        line = Transport(connect("fred", "http://127.0.0.1:9", run=run))
        for _ in range(7):
            with pytest.raises(VendorError) as refused:
                line.begin()
            assert refused.value.outcome == "skipped"
            assert refused.value.detail == "not asked: no connection to 127.0.0.1:9: Connection refused"
            line.settle(refused.value.outcome, refused.value.detail)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://127.0.0.1:port", r"no connection to 127\.0\.0\.1: Port could not be cast"),
        (f"http://{'x' * 70}.invalid", r"no connection to x+\.invalid:80: .*(label|name)"),
    ],
)
def test_an_address_that_cannot_be_is_not_asked(url, said):
    with pytest.raises(VendorError, match=f"not asked: {said}"):
        Transport(connect("ssga", url, run=Run())).begin()


def test_a_name_that_nobody_knows_is_not_asked():
    with pytest.raises(VendorError, match=r"not asked: no connection to name\.invalid:80: "):
        Transport(connect("ssga", "http://name.invalid", run=Run())).begin()


def test_a_vendor_that_can_be_reached_is_asked(vendor, door):
    vendor.on("/x", OK)
    run = Run()
    line = Transport(connect("fred", vendor.url, run=run))
    line.begin()
    assert ask(line).status == 200
    port, knocks = door
    for _ in range(3):
        Transport(connect("ssga", f"http://127.0.0.1:{port}", run=run)).begin()
    assert heard(knocks) == 1


def test_a_proxy_of_the_environment_is_what_must_be_reached(door, monkeypatch):
    port, knocks = door
    monkeypatch.setenv("https_proxy", f"http://someone:secret@127.0.0.1:{port}")
    Transport(Connection("fred", run=Run())).begin()
    assert heard(knocks) == 1
    monkeypatch.setenv("https_proxy", "http://someone:secret@127.0.0.1:9")
    with pytest.raises(VendorError) as refused:
        Transport(Connection("fred", run=Run())).begin()
    assert "no connection to 127.0.0.1:9 (the proxy of the environment): " in refused.value.detail
    assert "secret" not in refused.value.detail
    # whom the environment exempts from the proxy is tried himself
    monkeypatch.setenv("no_proxy", "name.invalid")
    with pytest.raises(VendorError, match=r"no connection to name\.invalid:443: "):
        Transport(Connection("ssga", base_url="https://name.invalid", run=Run())).begin()


def test_nothing_is_asked_after_the_time_of_a_run(vendor):
    vendor.on("/x", OK)
    line = Transport(connect("fred", vendor.url, run=Run(0)))
    with pytest.raises(VendorError) as refused:
        line.begin()
    assert refused.value.outcome == "postponed"
    assert refused.value.detail == "not asked: this run has asked for 0 s, the rest waits for the next run"
    assert vendor.asked == []


def test_a_question_is_not_repeated_after_the_time_of_a_run(vendor):
    vendor.on("/x", Say(PAGE, 503))
    assert failure(Transport(connect("fred", vendor.url, run=Run(0)))).detail == "HTTP 503 after 1 attempts"
    assert vendor.count("/x") == 1
