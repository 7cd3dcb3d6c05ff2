"""make query: read-only SQL, errors in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestration.cli.query import main
from orchestration.publish.release import publish
from tests.publish.tiny_project import Builds, settings


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
