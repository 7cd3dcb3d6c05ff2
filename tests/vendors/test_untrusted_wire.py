"""What a vendor, or who speaks in its name, can do on the wire: send us elsewhere, or send what fills the memory."""

from __future__ import annotations

import datetime as dt
import io
import resource
import zipfile
import zlib
from collections.abc import Callable

import pytest
from scripted_vendor import KEY, Say, Vendor, connect
from test_vendor_yahoo import CHART, FIRST, LAST, body, chart

from orchestration.vendors import spreadsheetml, xlsx
from orchestration.vendors.blackrock import BlackRock
from orchestration.vendors.fred import Fred
from orchestration.vendors.http import Connection, Transport, VendorError
from orchestration.vendors.sec import Sec
from orchestration.vendors.ssga import StateStreet
from orchestration.vendors.xml_document import parse_xml
from orchestration.vendors.yahoo import Yahoo
from orchestration.vendors.yahoo_session import YahooSession

D = dt.date
DAY = D(2026, 5, 4)
SERIES = b"""<?xml version="1.0"?><observations count="1" offset="0" limit="100000">
<observation realtime_start="2026-05-05" realtime_end="2026-05-05" date="2026-05-04" value="4.1"/></observations>"""

# addresses that are not the vendor's, although some look like it; {port} is the vendor's own
ELSEWHERE = [
    "http://169.254.169.254/latest/meta-data/",
    "http://127.0.0.1:9/",
    "http://localhost:{port}/",
    "https://127.0.0.1:{port}/",
    "//[::1]:{port}/",
    "http://127.0.0.1:{port}@169.254.169.254/",
    "http://127.0.0.1:{port}.example.com/",
    "file:///etc/passwd",
    "http://[",
]


def sent_on(vendor: Vendor, to: str, status: int = 302) -> Say:
    port = vendor.url.rpartition(":")[2]
    return Say(b"moved", status, {"Location": to.replace("{port}", port), "Set-Cookie": "a=b"})


def asked_of_yahoo(vendor: Vendor, tmp_path):
    return Yahoo(connect("yahoo", vendor.url), tmp_path).history("TEST", FIRST, LAST, LAST)


@pytest.mark.parametrize("to", ELSEWHERE)
@pytest.mark.parametrize("status", [301, 307])
def test_a_vendor_that_sends_us_elsewhere_is_not_followed(vendor, fred, to, status):
    vendor.on("/fred", sent_on(vendor, to, status))
    answer = fred.observations("DGS10", DAY, DAY)
    assert (answer.outcome, answer.http_status, len(vendor.asked)) == ("blocked", status, 1)
    assert answer.detail.startswith("sent on to ")
    assert f"which is not this vendor (HTTP {status})" in answer.detail


@pytest.mark.parametrize("to", ELSEWHERE)
def test_yahoo_is_not_followed_elsewhere_either(vendor, tmp_path, to):
    vendor.on("/v1/test/getcrumb", b"cRuMb.1")
    vendor.on(CHART, sent_on(vendor, to))
    answer = asked_of_yahoo(vendor, tmp_path)
    assert (answer.outcome, answer.http_status, vendor.count(CHART)) == ("blocked", 302, 1)
    assert "which is not this vendor" in answer.detail


def test_a_cookie_that_waits_elsewhere_is_done_without(vendor, tmp_path):
    vendor.on("/v1/test/getcrumb", sent_on(vendor, "http://127.0.0.1:9/"))
    vendor.on(CHART, body(chart()))
    vendor.on(".*", sent_on(vendor, "http://127.0.0.1:9/"))
    assert asked_of_yahoo(vendor, tmp_path).outcome == "ok"


def test_who_stands_elsewhere_learns_neither_key_nor_cookie(vendor, fred):
    """The other address answers, so that only the refusal keeps it from hearing anything."""
    with_other = "http://localhost:{port}/fred/series?x=1"
    vendor.on("/fred/series/observations", sent_on(vendor, with_other))
    vendor.on("/fred/series?", SERIES)
    answer = fred.observations("DGS10", DAY, DAY)
    assert answer.outcome == "blocked"
    assert [line.partition("?")[0] for line in vendor.asked] == ["/fred/series/observations"]
    assert KEY not in answer.detail + answer.url


def test_an_address_of_the_vendor_itself_is_followed_with_its_own_parameters(vendor, fred, tmp_path):
    vendor.on("/fred/series/observations", sent_on(vendor, "/fred/moved?v=2"))
    vendor.on("/fred/moved", SERIES)
    assert fred.observations("DGS10", DAY, DAY).outcome == "ok"
    assert vendor.asked[-1] == "/fred/moved?v=2"
    vendor.on("/v1/test/getcrumb", b"cRuMb.1")
    vendor.on(CHART, sent_on(vendor, "/elsewhere?v=2"))
    vendor.on("/elsewhere", body(chart()))
    assert asked_of_yahoo(vendor, tmp_path).outcome == "ok"
    assert vendor.asked[-1] == "/elsewhere?v=2"


def test_a_vendor_that_sends_us_round_is_left(vendor, fred, tmp_path):
    vendor.on("/fred", sent_on(vendor, "/fred/again"))
    answer = fred.observations("DGS10", DAY, DAY)
    assert (answer.outcome, answer.detail) == ("blocked", "sent on more than 5 times (HTTP 302)")
    assert len(vendor.asked) == 6
    vendor.on("/v1/test/getcrumb", b"cRuMb.1")
    vendor.on(CHART, sent_on(vendor, CHART))
    assert asked_of_yahoo(vendor, tmp_path).detail == "sent on more than 5 times (HTTP 302)"


@pytest.mark.parametrize(
    ("url", "stays"),
    [
        ("https://api.stlouisfed.org/fred/series", True),
        ("https://api.stlouisfed.org:443/", True),
        ("http://api.stlouisfed.org/fred/series", False),
        ("https://api.stlouisfed.org:8443/", False),
        ("https://api.stlouisfed.org.example.com/", False),
        ("https://stlouisfed.org/", False),
        ("https://api.stlouisfed.org@example.com/", False),
    ],
)
def test_staying_means_scheme_host_and_port(url, stays):
    assert Connection("fred").stays(url) is stays


@pytest.mark.parametrize(
    ("url", "stays"),
    [
        ("https://query1.finance.yahoo.com/v1/test/getcrumb", True),
        ("https://consent.yahoo.com/v2/collectConsent", True),
        ("http://consent.yahoo.com/", False),
        ("https://consent.yahoo.com:8443/", False),
        ("https://yahoo.com.example.com/", False),
        ("https://notyahoo.com/", False),
        ("https://169.254.169.254/", False),
    ],
)
def test_yahoo_has_several_hosts_and_all_are_its_own(url, stays):
    with YahooSession(Transport(Connection("yahoo"))) as session:
        assert session._stays(url) is stays


def bomb(megabytes: int) -> Say:
    """A gzip body that unpacks to so many megabytes of zeros."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    # after a full flush a block stands for itself, so that copies of it are a valid body
    block = packer.compress(bytes(1_000_000)) + packer.flush(zlib.Z_FULL_FLUSH)
    head = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"
    return Say(head + block * megabytes, headers={"Content-Encoding": "gzip"})


@pytest.mark.parametrize("who", ["fred", "yahoo"])
def test_a_small_body_that_unpacks_to_gigabytes_is_given_up_while_it_is_read(vendor, fred, tmp_path, who):
    say = bomb(3_000)
    assert len(say.body) < 5_000_000
    vendor.on("/v1/test/getcrumb", b"cRuMb.1")
    vendor.on(".*", say)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    answer = fred.observations("DGS10", DAY, DAY) if who == "fred" else asked_of_yahoo(vendor, tmp_path)
    assert (answer.outcome, answer.detail) == ("malformed", "a body of more than 100 MB")
    assert answer.payload is None
    # kilobytes
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000


@pytest.mark.parametrize("who", ["fred", "yahoo"])
def test_a_body_without_end_is_given_up(vendor, fred, tmp_path, who):
    vendor.on("/v1/test/getcrumb", b"cRuMb.1")
    vendor.on(".*", Say(bytes(101_000_000)))
    answer = fred.observations("DGS10", DAY, DAY) if who == "fred" else asked_of_yahoo(vendor, tmp_path)
    assert (answer.outcome, answer.detail) == ("malformed", "a body of more than 100 MB")


def archive(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method, compresslevel=1) as written:
        for name, content in members:
            written.writestr(name, content)
    return out.getvalue()


def lying(content: bytes) -> bytes:
    """An archive whose directory says that its member has a byte."""
    good = bytearray(archive(("a.txt", content)))
    place = good.rindex(b"PK\x01\x02") + 24
    good[place : place + 4] = (1).to_bytes(4, "little")
    return bytes(good)


ARCHIVES = {
    "unpacks to much": (archive(("a.xml", bytes(60_000_000))), "it would unpack to 60 MB"),
    "in many members": (archive(*((f"{n}.xml", bytes(6_000_000)) for n in range(10))), "it would unpack to 60 MB"),
    "packed another way": (archive(("a.xml", b"x"), method=zipfile.ZIP_BZIP2), "packed in a way that no vendor uses"),
    "packed as xz": (archive(("a.xml", b"x"), method=zipfile.ZIP_LZMA), "packed in a way that no vendor uses"),
    "is itself large": (archive(("a.xml", bytes(21_000_000)), method=zipfile.ZIP_STORED), "an archive of 21 MB"),
    "says too little": (lying(bytes(60_000_000)), "Bad CRC-32"),
}


@pytest.mark.parametrize("what", ARCHIVES)
def test_an_archive_is_refused_by_its_size_before_it_is_read(vendor, what):
    sent, said = ARCHIVES[what]
    vendor.on(".*", sent)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    workbook = StateStreet(connect("ssga", vendor.url)).fund_days("TST", DAY, DAY, DAY)
    fails = Sec(connect("sec", vendor.url), "Jane Doe jane@example.com").fails(D(2026, 5, 15))
    assert (workbook.outcome, fails.outcome) == ("malformed", "malformed")
    assert said in workbook.detail
    assert said in fails.detail
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000


LAUGHS = '<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><a>&b;</a>'
FAR = "".join(f'<row r="{n}"><c r="XFD{n}"><v>1</v></c></row>' for n in range(1, 400))
SHEET = f'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{FAR}</sheetData></worksheet>'


@pytest.mark.parametrize(
    ("sheet", "said"),
    [
        (LAUGHS.encode(), "a document type"),
        (LAUGHS.encode("utf-16"), "zero bytes, as in UTF-16"),
        (LAUGHS.encode("utf-16-be"), "zero bytes, as in UTF-16"),
        (b"<a>" + b"<b/>" * 1_000_001 + b"</a>", "1,000,003 tags"),
        (SHEET.encode(), "more than 1,048,576 rows or 5,000,000 cells"),
    ],
    ids=["entities", "hidden entities", "hidden another way", "tags", "far cells"],
)
def test_a_workbook_that_would_grow_is_refused(vendor, sheet, said):
    from orchestration.sandbox.xlsx import workbook

    with zipfile.ZipFile(io.BytesIO(workbook("Historical NAV", [["a"]]))) as good:
        members = [(name, good.read(name)) for name in good.namelist()]
    sent = archive(*((name, sheet if name.endswith("sheet1.xml") else content) for name, content in members))
    with pytest.raises(ValueError, match=said):
        xlsx.read_sheet(sent, "Historical NAV")


def test_a_picture_in_a_workbook_is_no_xml():
    from orchestration.sandbox.xlsx import workbook

    sent = io.BytesIO(workbook("S", [["a"]]))
    with zipfile.ZipFile(sent, "a") as book:
        book.writestr("xl/media/image1.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR<!DOCTYPE")
    assert xlsx.read_sheet(sent.getvalue(), "S") == [["a"]]


@pytest.mark.parametrize(
    "make",
    [
        lambda n: f'<Row ss:Index="{n * 90_000}"/>',
        lambda n: f'<Row><Cell ss:Index="{n * 90_000}"><Data>1</Data></Cell></Row>',
    ],
    ids=["rows", "cells"],
)
def test_blank_cells_of_a_workbook_in_xml_are_counted(make: Callable[[int], str]):
    rows = "".join(make(n) for n in range(1, 100))
    sent = (
        '<Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet" '
        'xmlns:ss="urn:schemas-microsoft-com:office:spreadsheet"><Worksheet ss:Name="S"><Table>'
        f"{rows}</Table></Worksheet></Workbook>"
    )
    with pytest.raises(ValueError, match="more than 5,000,000 cells"):
        spreadsheetml.read_sheet(sent.encode(), "S")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-16-be"])
def test_no_encoding_hides_a_document_type(encoding):
    with pytest.raises(ValueError, match=r"a document type|zero bytes"):
        parse_xml(LAUGHS.encode(encoding))


def test_xml_of_too_many_tags_is_refused_before_it_is_parsed():
    with pytest.raises(ValueError, match="10,000,001 tags"):
        parse_xml(b"<a>" * 10_000_001)


def test_the_refusals_hold_for_a_client_over_the_wire(vendor):
    vendor.on("fred", LAUGHS.encode("utf-16"))
    answer = Fred(connect("fred", vendor.url), KEY).observations("DGS10", DAY, DAY)
    assert (answer.outcome, "zero bytes" in answer.detail) == ("malformed", True)
    vendor.on(".*", sent_on(vendor, "http://127.0.0.1:9/"))
    assert BlackRock(connect("blackrock", vendor.url)).holdings("IWM", "239710", DAY).outcome == "blocked"
    with pytest.raises(VendorError, match="blocked: sent on to http://127"):
        Transport(connect("sec", vendor.url)).get("/x", {})


def test_a_key_that_comes_back_as_a_number_is_in_no_refused_row(vendor):
    key = "01234567890123456789012345678901"
    twice = SERIES.replace(b'"1" offset', b'"2" offset').replace(
        b"</observations>", SERIES.partition(b'100000">')[2].replace(b'"4.1"', f'"{key}"'.encode())
    )
    vendor.on("/fred", twice)
    answer = Fred(connect("fred", vendor.url), key).observations("DGS10", DAY, DAY)
    assert [row.row["value"] for row in answer.rejected] == ["***", "4.1"]
    assert key not in repr(answer.rejected) + answer.detail
