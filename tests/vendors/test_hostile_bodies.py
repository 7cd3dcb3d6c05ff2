"""Whatever a vendor sends ends in a named outcome, or row by row in quarantine, and what is accepted can be stored.

Real bodies are damaged on the wire: a value becomes one that no parser expects, a part is gone, bytes are others.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import re
from collections.abc import Callable
from typing import Any, get_args

import pytest
import test_vendor_blackrock as of_blackrock
import test_vendor_direxion as of_direxion
import test_vendor_fred as of_fred
import test_vendor_proshares as of_proshares
import test_vendor_sec as of_sec
import test_vendor_sec_fails as of_fails
import test_vendor_ssga as of_ssga
import test_vendor_yahoo as of_yahoo
import test_vendor_yahoo_funds as of_funds
import test_vendor_yahoo_options as of_options
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scripted_vendor import KEY, Vendor, connect

from orchestration.lake.contracts import TABLES
from orchestration.lake.store import arrow
from orchestration.vendors.answer import Answer, Outcome
from orchestration.vendors.blackrock import BlackRock
from orchestration.vendors.direxion import Direxion
from orchestration.vendors.fred import Fred
from orchestration.vendors.proshares import ProShares
from orchestration.vendors.sec import Sec
from orchestration.vendors.ssga import StateStreet
from orchestration.vendors.yahoo import Yahoo

EXAMPLES = os.environ.get("HOSTILE_EXAMPLES")
DEEP = "[" * 100_000 + "]" * 100_000
# as they stand in JSON; what is no JSON number there is one to Python
JSON_VALUES = (
    *("null", "true", '""', '"x"', "[]", "{}", "0", "-1", "-0.0", "1e18", "1e30", "-1e30", "1e400", "NaN", "Infinity"),
    *(str(2**31), str(2**63), str(-(2**63) - 1), "9" * 400, '"' + "9" * 5000 + '"', '"\\u0000"', '"\\ud800"', "[null]"),
    *('"2026-02-30"', '"0000-00-00"', '"99999-01-01"', '{"raw": 1e30}', DEEP),
)
TEXT_VALUES = (
    *("", "x", "-", "--", "0", "-1", "1e18", "1e30", "-1e30", "1e400", "nan", "inf", "9" * 400, "9" * 5000),
    *(str(2**31), str(2**63), "2026-02-30", "02/30/2026", "00/00/0000", "30-Feb-2026", "Feb 30, 2026", "99999-01-01"),
    *("\x00", "\ufeff", '"', "'", "<", "&", "&#0;", "]]>", "|", ",", "\n", "=1+1", "\u202e", "🜚"),
)
LEAF = re.compile(r'(?<=[:\[,])\s*(?:"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)(?=\s*[,\]}])')
TOKEN = re.compile(r"[^\s,|<>\"'=:;/]+")

Ask = Callable[[Vendor, Any], Answer]
CASES: dict[str, tuple[bytes, str, Ask]] = {
    "yahoo chart": (
        of_yahoo.body(of_yahoo.chart()),
        of_yahoo.CHART,
        lambda vendor, folder: of_yahoo.history(Yahoo(connect("yahoo", vendor.url), folder)),
    ),
    "yahoo options": (
        of_options.chain(expiries=(of_options.NEAR,)),
        of_options.PATH,
        lambda vendor, folder: of_options.ask(Yahoo(connect("yahoo", vendor.url), folder)),
    ),
    "yahoo fund ratios": (
        of_funds.summary(),
        of_funds.PATH,
        lambda vendor, folder: of_funds.ask(Yahoo(connect("yahoo", vendor.url), folder)),
    ),
    "fred observations": (
        of_fred.observations(("2020-02-01", "2020-01-02", "1.5"), ("2020-02-01", "2020-01-03", ".")),
        of_fred.OBSERVATIONS,
        lambda vendor, _: Fred(connect("fred", vendor.url), KEY).observations("DGS10", of_fred.FIRST, of_fred.LAST),
    ),
    "fred vintages": (
        of_fred.observations(("2020-02-01", "2020-01-02", "1.5"), ("2020-02-01", "2020-01-03", ".")),
        of_fred.OBSERVATIONS,
        lambda vendor, _: Fred(connect("fred", vendor.url), KEY).vintages("DGS10", of_fred.FIRST, of_fred.LAST),
    ),
    "fred release dates": (
        of_fred.release_page([dt.date(2020, 2, 13), dt.date(2020, 3, 11)], 2),
        "/fred/release/dates",
        lambda vendor, _: Fred(connect("fred", vendor.url), KEY).release_dates("10", of_fred.FIRST, of_fred.LAST),
    ),
}
CASES |= {
    "blackrock holdings": (
        of_blackrock.json_file(),
        of_blackrock.JSON,
        lambda vendor, _: BlackRock(connect("blackrock", vendor.url)).holdings("TST", 1, of_blackrock.DAY),
    ),
    "blackrock holdings as csv": (
        of_blackrock.csv_file(),
        of_blackrock.CSV,
        lambda vendor, _: BlackRock(connect("blackrock", vendor.url)).holdings("TST", 1, of_blackrock.DAY),
    ),
    "blackrock fund days": (
        of_blackrock.book(of_blackrock.GOOD),
        of_blackrock.BOOK,
        lambda vendor, _: of_blackrock.days(BlackRock(connect("blackrock", vendor.url))),
    ),
    "state street fund days": (
        of_ssga.book(of_ssga.GOOD),
        of_ssga.FILE,
        lambda vendor, _: of_ssga.days(StateStreet(connect("ssga", vendor.url))),
    ),
    "proshares fund days": (
        of_proshares.file(of_proshares.GOOD),
        of_proshares.FILE,
        lambda vendor, _: of_proshares.days(ProShares(connect("proshares", vendor.url))),
    ),
    "direxion fund day": (
        of_direxion.file(*of_direxion.LINES),
        of_direxion.FILE,
        lambda vendor, _: of_direxion.days(Direxion(connect("direxion", vendor.url))),
    ),
    "list of reports": (
        of_sec.feed_of(("0000000001-26-000002", "NPORT-P", "2026-07-13", "2026-07-13T09:31:27-04:00")),
        "browse-edgar",
        lambda vendor, _: Sec(connect("sec", vendor.url), of_sec.WHO).feed(
            "IWM", "S000004344", of_sec.FIRST, of_sec.TODAY
        ),
    ),
    "report": (
        of_sec.WHOLE,
        of_sec.PATH,
        lambda vendor, _: of_sec.filing(Sec(connect("sec", vendor.url), of_sec.WHO)),
    ),
    "fails to deliver": (
        of_fails.zipped(of_fails.text(*of_fails.LINES)),
        "cnsfails",
        lambda vendor, _: Sec(connect("sec", vendor.url), of_sec.WHO).fails(of_fails.END),
    ),
}


@st.composite
def damaged(draw: st.DrawFn, body: bytes) -> bytes:
    """A body of which a few values, a part or some bytes are others."""
    how = draw(st.sampled_from(["values", "values", "values", "cut", "bytes", "twice"]))
    if how == "cut":
        return body[: draw(st.integers(0, len(body)))]
    if how == "twice":
        return body + body
    if how == "bytes":
        places = draw(st.lists(st.integers(0, len(body) - 1), min_size=1, max_size=5))
        changed = bytearray(body)
        for place in places:
            changed[place] = draw(st.integers(0, 255))
        return bytes(changed)
    text = body.decode("utf-8", errors="surrogateescape")
    pattern, values = (LEAF, JSON_VALUES) if text.startswith(("{", "[")) else (TOKEN, TEXT_VALUES)
    for _ in range(draw(st.integers(1, 3))):
        found = [match.span() for match in pattern.finditer(text)]
        if found:
            start, end = draw(st.sampled_from(found))
            text = text[:start] + draw(st.sampled_from(values)) + text[end:]
    return text.encode("utf-8", errors="surrogateescape")


@pytest.mark.parametrize("case", CASES)
@settings(
    max_examples=int(EXAMPLES or 40),
    # the suite tries the same ones each time
    derandomize=not EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_no_body_does_more_than_end_in_a_named_outcome(case, data, vendor, tmp_path) -> None:
    body, path, ask = CASES[case]
    vendor.forget()
    vendor.on("/v1/test/getcrumb", b"cRuMb.1")
    vendor.on(path, data.draw(damaged(body)))
    answer = ask(vendor, tmp_path)
    assert answer.outcome in get_args(Outcome)
    assert answer.detail or answer.outcome == "ok"
    for name, rows in answer.rows.items():
        assert arrow(TABLES[name], rows).num_rows == len(rows)
    for row in answer.rejected:
        assert row.rule
        assert row.detail
        # as the quarantine writes it
        json.dumps(row.row)


@pytest.mark.parametrize("case", CASES)
def test_the_bodies_are_good_as_long_as_nobody_damages_them(case, vendor, tmp_path) -> None:
    body, path, ask = CASES[case]
    vendor.on("/v1/test/getcrumb", b"cRuMb.1")
    vendor.on(path, body)
    answer = ask(vendor, tmp_path)
    assert (answer.outcome, answer.rejected) == ("ok", ()), answer.detail
