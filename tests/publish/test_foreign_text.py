"""What vendors wrote is data: in SQL, in files, on terminals, in the brief. It is published as it was said."""

from __future__ import annotations

import datetime as dt
import unicodedata
from html.parser import HTMLParser
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from orchestration.cli.diff import main as diff
from orchestration.cli.doctor import main as doctor
from orchestration.cli.query import main as query
from orchestration.foreign_text import for_markdown, for_terminal, from_markdown
from orchestration.lake.store import Lake, LakeError
from orchestration.publish.brief import write_brief
from orchestration.publish.release import publish
from tests.lake.test_account import filled
from tests.publish.tiny_project import HOSTILE, TERMINAL, Builds, settings

COMMANDS = set("\x1b\x07\x9b\r\x08\u202e\u2066\u200b\x7f")


@pytest.fixture
def published(builds: Builds, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, str]:
    """A data directory with two releases: in the second an identifier is hostile."""
    monkeypatch.setenv("SMALLCAP_DATA_DIR", str(data_dir))
    monkeypatch.setenv("SMALLCAP_SOURCE", "sandbox")
    builds.put("good", data_dir)
    first = publish(settings(data_dir)).release_id
    builds.put("hostile", data_dir)
    assert publish(settings(data_dir)).status == "published"
    return data_dir, first


def test_it_is_published_as_it_was_said(published: tuple[Path, str]) -> None:
    data, _ = published
    with duckdb.connect(str(data / "smallcap.duckdb"), read_only=True) as con:
        assert con.execute("select sedol from dim_security").fetchall() == [(HOSTILE,)]
        assert con.execute("select count(*) from dim_security where sedol = $1", [HOSTILE]).fetchone() == (1,)
    assert pq.read_table(data / "exports" / "latest" / "dim_security.parquet")["sedol"].to_pylist() == [HOSTILE]


def test_no_command_lets_a_terminal_obey_it(published: tuple[Path, str], capsys: pytest.CaptureFixture[str]) -> None:
    _, first = published
    assert diff([first]) == 0
    assert query(["select sedol from dim_security"]) == 0
    shown = capsys.readouterr()
    assert "sedol: 9AAAAA1 → =cmd|' /C calc'!A0" in shown.out
    assert "\\u202eltr" in shown.out
    assert not COMMANDS & set(shown.out + shown.err)
    # an error repeats what was asked
    assert query([f'select * from "x{TERMINAL}"']) == 1
    assert not COMMANDS & set(capsys.readouterr().err)


def test_a_file_of_such_a_name_is_named_and_not_obeyed(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SMALLCAP_DATA_DIR", str(data_dir))
    filled(data_dir)
    (data_dir / "raw" / "yahoo_bar" / f"part-{TERMINAL}.parquet").touch()
    assert doctor([]) == 1
    said = capsys.readouterr().out
    assert "part-\\x1b[31m\\x1b]0;title\\x07\\x9b2J" in said
    assert not COMMANDS & set(said)


@pytest.mark.parametrize("name", ["..", "../x", "/etc", "a/b", "", ".hidden", "x\0", "IWM\n", HOSTILE])
def test_no_vendor_names_a_folder(data_dir: Path, name: str) -> None:
    lake = Lake(data_dir, "live")
    before = sorted(data_dir.parent.rglob("*"))
    for suffix, folder in (("csv", name), (name, "IWM")):
        with pytest.raises(LakeError, match="is no name of a folder or file"):
            lake.archive(b"x", suffix, "direxion", folder)
    assert sorted(data_dir.parent.rglob("*")) == before
    assert lake.archive(b"x", "csv", "yahoo", "^RUT") == "files/yahoo/^RUT/2d711642b726b044.csv.gz"


class Page(HTMLParser):
    """The tags of a page, and the texts between them."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.texts: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_the_brief_shows_it_and_holds_no_tag_of_it(tmp_path: Path) -> None:
    # HTML takes a carriage return for a line end
    hostile = HOSTILE.replace("\r", "")
    day = dt.date(2026, 11, 20)
    with duckdb.connect() as con:
        con.execute(
            "create table mart_signal (signal_id text, triggered_since date, value double, threshold double, "
            "unit text, definition text, is_triggered boolean, session_date date)"
        )
        con.execute("insert into mart_signal values ($1, $2, 1, 2, $1, $1, true, $2)", [hostile, day])
        con.execute(
            "create table mart_catalyst (event_date date, sessions_ahead int, label text, status text, "
            "event_type text, event_id text)"
        )
        con.execute("insert into mart_catalyst values ($2, 1, $1, $1, $1, $1)", [hostile, day])
        con.execute(
            "create table mart_etf_flow (symbol text, flow_date date, flow_5d_usd double, "
            "flow_65d_usd double, flow_65d_pct_aum double)"
        )
        con.execute("insert into mart_etf_flow values ($1, $2, 1, 1, 1)", [hostile, day])
        table = {"rows": 1, "as_of_date": hostile, "description": hostile}
        manifest = {
            **dict.fromkeys(("source", "as_of_session", "release_id", "built_at"), hostile),
            "is_synthetic": True,
            "warnings": [hostile],
            "tables": {"mart_signal": table, "mart_catalyst": table, "mart_etf_flow": table},
        }
        write_brief(tmp_path, manifest, con)
    page = Page((tmp_path / "brief.html").read_text(encoding="utf-8"))
    assert page.tags <= {"html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "table", "tr", "th", "td"}
    assert page.attributes <= {"lang", "charset", "class"}
    # as text it is whole, wherever a vendor's words can come
    # four lines of what the release is, two words of a signal, two of an event, a fund, a warning, two of each table
    assert page.texts.count(hostile) == 4 + 2 + 2 + 1 + 1 + 6


@given(st.text() | st.text(st.sampled_from([*COMMANDS, *"[]()<>`!\\*_|#=+-@ab\n\t"])))
def test_no_text_whatever_is_a_command(text: str) -> None:
    shown = for_terminal(text)
    # neither control characters nor halves of surrogate pairs
    assert all(unicodedata.category(char) not in ("Cc", "Cs") or char in "\n\t" for char in shown)
    assert not COMMANDS & set(shown)
    assert shown == text or len(shown) > len(text)
    assert for_terminal(shown) == shown
    shown.encode()
    assert from_markdown(for_markdown(text)) == shown


@given(st.text(st.sampled_from("[]()<>`!\\/abc:. \n\t&;#=\"'"), max_size=40) | st.just(HOSTILE))
def test_no_text_makes_a_link_a_picture_or_a_tag(text: str) -> None:
    inline = MarkdownIt("commonmark", {"html": True}).parseInline(f"said: {for_markdown(text)}")
    kinds = {child.type for token in inline for child in token.children or ()}
    assert kinds <= {"text", "text_special", "softbreak", "hardbreak"}
