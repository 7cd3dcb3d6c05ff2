"""make query: read-only SQL, errors in one line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from orchestration.cli.query import main
from orchestration.publish.release import publish
from orchestration.settings import REPOSITORY
from tests.publish.tiny_project import Builds, settings


def make_query(*arguments: str, typed: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """The command as a shell starts it; what `setup` installs is there."""
    return subprocess.run(
        ["make", "--silent", "-o", "setup", "query", f"BIN={Path(sys.executable).parent}", *arguments],
        cwd=REPOSITORY,
        env=os.environ | environment,
        input=typed,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.fixture
def served(builds: Builds, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SMALLCAP_DATA_DIR", str(data_dir))
    builds.put("good", data_dir)
    return publish(settings(data_dir)).served_path


def test_it_prints_a_table(served: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["select symbol, max(close) as top from fct_price_daily group by all order by all"]) == 0
    out = capsys.readouterr().out
    assert "IWM" in out
    assert "190.0" in out


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("select nothing from fct_price_daily", 'column "nothing" not found'),
        ("selec 1", "syntax error"),
        ("from fct_prices", "fct_price_daily"),
        ("delete from fct_volume", "read-only"),
        ("create table x as select 1", "read-only"),
        ("select 'a'::int", "Could not convert"),
        (" ", "no SQL given"),
    ],
)
def test_an_error_is_one_line(served: Path, capsys: pytest.CaptureFixture[str], sql: str, says: str) -> None:
    assert main([sql]) == 1
    errors = capsys.readouterr().err
    assert says in errors
    assert errors.count("\n") == 1
    assert "LINE 1" not in errors


def test_nothing_published_says_what_to_do(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SMALLCAP_DATA_DIR", str(data_dir))
    assert main(["select 1"]) == 1
    assert "Run: make run" in capsys.readouterr().err
    assert list(data_dir.iterdir()) == []


def test_wrong_settings_are_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("SMALLCAP_SOURCE", "sandpit")
    assert main(["select 1"]) == 1
    assert "SMALLCAP_SOURCE" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ('select max("close") as "the ""top""" from fct_price_daily', 'the "top"'),
        (
            "select 'it costs $5 or $$5 or $(shell echo 6) or `7`' as said",
            "it costs $5 or $$5 or $(shell echo 6) or `7`",
        ),
        ("select $$it's$$ || $tag$ $ % # \\ ! $tag$ as said", "it's $ % # \\ !"),
        ("select '$(' as said", "$("),
        ("select 1 as one\n-- a comment\nunion all select 2", "2"),
    ],
)
@pytest.mark.parametrize("how", ["argument", "environment", "file", "standard input"])
def test_make_hands_sql_over_as_it_was_typed(served: Path, tmp_path: Path, how: str, sql: str, says: str) -> None:
    file = tmp_path / "asked here.sql"
    file.write_text(sql, encoding="utf-8")
    if how == "environment":
        done = make_query(SQL=sql)
    elif how == "standard input":
        done = make_query(typed=sql)
    else:
        done = make_query(f"SQL={sql}" if how == "argument" else f"SQL=@{file}")
    assert done.returncode == 0, done.stderr
    assert says in done.stdout


def test_a_file_that_is_not_there_is_named(served: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["@nowhere.sql"]) == 1
    errors = capsys.readouterr().err
    assert errors.startswith("nowhere.sql cannot be read: ")
    assert errors.count("\n") == 1


def test_no_key_is_asked_for(served: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("SMALLCAP_SOURCE", "live")
    for name in ("FRED_API_KEY", "SMALLCAP_SEC_USER_AGENT"):
        monkeypatch.delenv(name, raising=False)
    assert main(["select 1 as one"]) == 0
    assert "one" in capsys.readouterr().out
