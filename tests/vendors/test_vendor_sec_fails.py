"""The SEC's fails-to-deliver files over a real socket: what is taken, what is refused, and how it is named."""

from __future__ import annotations

import datetime as dt
import io
import zipfile

import pytest
from scripted_vendor import PAGE, Say, Vendor, connect

from orchestration.vendors.sec import Sec

D = dt.date
END = D(2026, 6, 30)
HEADER = "SETTLEMENT DATE|CUSIP|SYMBOL|QUANTITY (FAILS)|DESCRIPTION|PRICE"
LINES = (
    "20260617|000360206|AAON|1200|AAON INC|90.10",
    "20260629|000360206|AAON|7|AAON INC|.",
    "20260616|G0750C108|AXTA|10|AXALTA COATING|SYSTEMS LTD|30.00",
    "20260618|123456109|OLD|3|ALPHA INC|1.00",
    "20260622|123456109|NEW|3|ALPHA INC|1.00",
    "20260622|999999999||3|NO SYMBOL|1.00",
)


def zipped(*members: str) -> bytes:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, text in enumerate(members):
            archive.writestr(f"cnsfails202606b{number or ''}.txt", text.encode("iso-8859-1"))
    return body.getvalue()


def text(*lines: str, count: int | None = None, header: str = HEADER) -> str:
    counted = len(lines) if count is None else count
    tail = (f"Trailer record count {counted}", "Trailer total quantity of shares 1226")
    return "\r\n".join((header, *lines, *tail, ""))


def damaged() -> bytes:
    """A whole archive whose packed text is not what was packed."""
    body = bytearray(zipped(text(*LINES)))
    body[60:90] = b"?" * 30
    return bytes(body)


@pytest.fixture
def sec(vendor: Vendor) -> Sec:
    return Sec(connect("sec", vendor.url), "Jane Doe jane@example.com")


def test_a_file_becomes_a_row_for_each_cusip_and_symbol(vendor, sec):
    body = zipped(text(*LINES))
    vendor.on("cnsfails202606b.zip", body)
    answer = sec.fails(END)
    assert (answer.outcome, answer.rejected, answer.payload, answer.file_format) == ("ok", (), body, "zip")
    assert (answer.dataset, answer.key, answer.window_end) == ("fails", "2026-06-30", END)
    assert vendor.asked == ["/files/data/fails-deliver-data/cnsfails202606b.zip"]
    assert vendor.headers[0]["User-Agent"] == "Jane Doe jane@example.com"
    rows = answer.rows["settlement_fail"].drop(columns=["vendor", "period_end", "file_path"])
    assert [tuple(row) for row in rows.itertuples(index=False)] == [
        ("000360206", "AAON", "AAON INC", D(2026, 6, 17), D(2026, 6, 29)),
        ("123456109", "NEW", "ALPHA INC", D(2026, 6, 22), D(2026, 6, 22)),
        ("123456109", "OLD", "ALPHA INC", D(2026, 6, 18), D(2026, 6, 18)),
        ("G0750C108", "AXTA", "AXALTA COATING|SYSTEMS LTD", D(2026, 6, 16), D(2026, 6, 16)),
    ]
    assert set(answer.rows["settlement_fail"]["period_end"]) == {END}


def test_the_first_half_of_a_month_is_file_a(vendor, sec):
    vendor.on(
        "cnsfails202606a.zip", zipped(text("20260615|000360206|AAON|1|AAON INC|9", "20260601|000360206|AA|1|A|9"))
    )
    assert sec.fails(D(2026, 6, 15)).rows_accepted == 2


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("20260617|000360206|AAON|1200", "fewer than 6 columns"),
        ("20260617|000360206|AAON|1200|AAON INC", "fewer than 6 columns"),
        ("2026-06-17|000360206|AAON|1200|AAON INC|9", "does not match format"),
        ("20260615|000360206|AAON|1200|AAON INC|9", "settled on 2026-06-15, not between 2026-06-16 and 2026-06-30"),
        ("20260701|000360206|AAON|1200|AAON INC|9", "settled on 2026-07-01"),
        ("20260617|00036020|AAON|1200|AAON INC|9", "no CUSIP: '00036020'"),
        ("20260617|000360206|AA ON|1200|AAON INC|9", "no symbol: 'AA ON'"),
    ],
)
def test_a_line_that_cannot_be_read_is_kept_apart_with_its_reason(vendor, sec, line, why):
    vendor.on("cnsfails", zipped(text(*LINES, line)))
    answer = sec.fails(END)
    assert (answer.outcome, answer.rows_accepted) == ("ok", 4)
    (refused,) = answer.rejected
    assert (refused.table, refused.row_date, refused.rule) == ("settlement_fail", END, "unreadable_line")
    assert why in refused.detail
    assert refused.row == {"line_no": 8, "line": line}


@pytest.mark.parametrize(
    ("said", "outcome", "why"),
    [
        (zipped(text(*LINES, count=7)), "malformed", "6 lines and a count of 7 in the last line: the file is cut"),
        (zipped("\r\n".join((HEADER, *LINES))), "malformed", "6 lines and no count in the last line: the file is cut"),
        (
            zipped(text(*LINES, header="DATE|CUSIP|SYMBOL")),
            "malformed",
            "columns 'DATE|CUSIP|SYMBOL', expected 'SETTLE",
        ),
        (zipped(text("nothing")), "malformed", "none of 1 lines can be read"),
        (zipped(""), "malformed", "columns ''"),
        (zipped(text(*LINES), text(*LINES)), "malformed", "not a ZIP archive of one text"),
        (zipped(text(*LINES))[:-40], "malformed", "not a ZIP archive of one text"),
        (damaged(), "malformed", "not a ZIP archive of one text"),
        (b"SETTLEMENT DATE|CUSIP", "malformed", "not a ZIP archive of one text"),
        (PAGE, "blocked", "a web page instead of data"),
        (
            Say(b"<html><title>SEC.gov | Request Rate Threshold Exceeded</title>", status=403),
            "blocked",
            "Rate Threshold",
        ),
        (Say(PAGE, status=404), "not_found", "HTTP 404"),
    ],
)
def test_what_is_no_such_file_is_refused_by_name(vendor, sec, said, outcome, why):
    vendor.on("cnsfails", said)
    answer = sec.fails(END)
    assert (answer.outcome, answer.rows) == (outcome, {})
    assert why in answer.detail
