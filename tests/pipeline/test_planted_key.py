"""A key of FRED is found nowhere after a run: neither where all goes well, nor where FRED says it back in every way."""

from __future__ import annotations

import datetime as dt
import gzip
import re
import shutil
import sqlite3
from pathlib import Path

import dagster as dg
import duckdb
import pytest
from markdown_it import MarkdownIt

from orchestration.automation import console, terminal
from orchestration.calendars import NEW_YORK
from orchestration.cli.status import main as status
from orchestration.history import open_history
from orchestration.ingest.ledger import request_ledger
from orchestration.ingest.macro import macro
from orchestration.lake.store import Lake
from orchestration.sandbox.server import sandbox_server
from tests.conftest import PLANTED_KEY, REPOSITORY
from tests.ingest.altering import altering
from tests.searching import files_with

EVENING = "2025-07-31T20:00:00"


def test_the_search_finds_a_text_in_every_kind_of_file(tmp_path: Path) -> None:
    text = "a text"
    (tmp_path / "a.json").write_text(f'{{"x": "{text}"}}')
    (tmp_path / text).touch()
    (tmp_path / "a.gz").write_bytes(gzip.compress(text.encode()))
    with sqlite3.connect(tmp_path / "a.db") as con:
        con.execute("create table t (x text)")
        con.execute("insert into t values (?)", ["y" * 5_000 + text])
    with duckdb.connect(str(tmp_path / "a.duckdb")) as con:
        con.execute("create table t as select {'x': [$1]} as nested, 1 as n", [f"begins {text} ends"])
        con.execute(f"copy (select '{text}' as x from range(1000)) to '{tmp_path / 'a.parquet'}' (compression zstd)")
    (tmp_path / "b.json").write_text("nothing")
    assert set(files_with(tmp_path, text)) == {"a.json", text, "a.gz", "a.db", "a.duckdb", "a.parquet"}


def test_a_whole_run_leaves_the_key_nowhere(sandbox_release) -> None:
    with duckdb.connect(str(sandbox_release.data / "smallcap.duckdb"), read_only=True) as con:
        asked = con.execute("select count(*) from fct_request_ledger where url like '%api_key=***%'").fetchone()
    # each of these questions went over a socket with the key
    assert asked
    assert asked[0] > 20
    assert PLANTED_KEY not in sandbox_release.printed
    assert list(files_with(sandbox_release.root, PLANTED_KEY)) == []
    written = [REPOSITORY / "dbt_project" / folder for folder in ("target", "logs")]
    assert [list(files_with(folder, PLANTED_KEY)) for folder in written if folder.exists()] in ([], [[]], [[], []])


# how FRED says the key back, by series: each is another way into a message, a refused row or the evidence
SAID_BACK = {
    "DGS10": f'<error code="400" message="Bad Request. The value {PLANTED_KEY} for variable api_key is odd."/>',
    "DGS2": f"<!DOCTYPE html><html><title>{PLANTED_KEY}</title></html>",
    "DGS5": '{"error_message": "no such key: ' + PLANTED_KEY + '"}',
    "DGS30": f"<{PLANTED_KEY}/>",
    "DGS3MO": f'<observations count="{PLANTED_KEY}" offset="0" limit="9"/>',
    "DFEDTARU": '<observations count="1" offset="0" limit="9"><observation date="2025-07-29" '
    f'realtime_start="2025-07-30" realtime_end="9999-12-31" value="{PLANTED_KEY}"/></observations>',
    "DFEDTARL": f'<error code="400" message="![x](http://example.com/{PLANTED_KEY}) &lt;img src=x&gt; \x9b31m\u202e"/>',
}


def test_a_vendor_that_says_the_key_back_is_not_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    shutil.copy(REPOSITORY / "orchestration" / "dagster.yaml", home)
    for name, value in {
        "SMALLCAP_SOURCE": "sandbox",
        "SMALLCAP_START": "2025-07-01",
        "SMALLCAP_DATA_DIR": str(tmp_path / "data"),
        "SMALLCAP_MAX_RPS": "1000",
        "SMALLCAP_VENDORS": "fred",
        "SMALLCAP_TODAY": EVENING,
        "FRED_API_KEY": PLANTED_KEY,
    }.items():
        monkeypatch.setenv(name, value)
    rules = {
        rf"series/observations.*series_id={series}&": lambda _, said=said: said.encode("utf-8")
        for series, said in SAID_BACK.items()
    }
    moment = dt.datetime.fromisoformat(EVENING).replace(tzinfo=NEW_YORK)
    job = dg.define_asset_job("asked", selection=dg.AssetSelection.assets(macro, request_ledger))
    defs = dg.Definitions([macro, request_ledger], jobs=[job], loggers={"console": console, "terminal": terminal})
    with sandbox_server(moment) as url, altering(url, **rules) as altered, open_history(home) as instance:
        monkeypatch.setenv("SMALLCAP_FRED_URL", altered)
        done = defs.resolve_job_def("asked").execute_in_process(
            instance=instance,
            partition_key="2025-07-01",
            run_config={"loggers": {"console": {}, "terminal": {}}},
        )
    assert done.success
    asked = Lake(tmp_path / "data", "sandbox").query("select key, outcome, url, detail from request").to_pylist()
    said = {row["key"]: row for row in asked}
    assert {said[series]["outcome"] for series in SAID_BACK} == {"blocked", "malformed"}
    assert all("api_key=***" in row["url"] for row in asked)
    # what FRED said is there, without the key
    assert "The value *** for variable api_key is odd." in said["DGS10"]["detail"]
    assert list(files_with(tmp_path, PLANTED_KEY)) == []
    printed = "".join(capfd.readouterr())
    assert "DGS10: blocked" in printed
    assert PLANTED_KEY not in printed
    # nothing of the vendor's words is obeyed by a terminal, or is a picture on a page
    assert status([]) == 0
    printed += "".join(capfd.readouterr())
    assert "![x](http://example.com/***) <img src=x> \\x9b31m\\u202e" in printed
    assert not re.search("[\x07\x1b\x9b\u202e]", printed)
    checks = {check.check_name: check.description or "" for check in done.get_asset_check_evaluations()}
    page = MarkdownIt("commonmark", {"html": True}).render(checks["vendors_answer"])
    assert "fred: 7 of " in page
    assert "![x](http://example.com/***) &lt;img src=x&gt; \\x9b31m\\u202e" in page
    assert set(re.findall(r"<[^>]*>", page)) <= {"<p>", "</p>"}
    # the newest rows are shown as a table, whose cells are texts
    filled = done.asset_materializations_for_node("macro")[0].metadata
    assert isinstance(filled["preview"], dg.TableMetadataValue)
