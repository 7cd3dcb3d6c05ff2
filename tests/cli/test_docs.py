"""`make docs`: one page that needs no server and no network, from a database that it does not change."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from orchestration.cli.docs import main
from tests.conftest import SandboxDirectory


def test_the_page_shows_models_columns_and_lineage(sandbox_release: SandboxDirectory) -> None:
    database = sandbox_release.data / "build" / "warehouse.duckdb"
    before = database.stat()
    done = sandbox_release.call("orchestration.cli.docs", "2026-11-20")
    assert done.returncode == 0, done.stdout + done.stderr
    page = sandbox_release.data / "docs" / "index.html"
    assert str(page) in done.stdout
    text = page.read_text(encoding="utf-8")
    # the project and the catalog are in the page: a column with the type the database says and its shared description
    assert re.search(r'"fct_price_daily".{0,2000}"session_date": ?{"type": ?"DATE"', text, re.DOTALL)
    assert "Whether available_at is modelled from calendar and release lag instead of observed." in text
    assert re.search(
        r'"parent_map": ?{.{0,200000}"model\.smallcap\.mart_return": ?\["model\.smallcap\.', text, re.DOTALL
    )
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=[\"']?(https?:)?//", text)
    after = database.stat()
    assert (after.st_size, after.st_mtime_ns) == (before.st_size, before.st_mtime_ns)


def test_without_a_built_database_it_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SMALLCAP_DATA_DIR", str(tmp_path))
    assert main([]) == 1
    said = capsys.readouterr().err
    assert str(tmp_path / "build" / "warehouse.duckdb") in said
    assert "make run" in said
    assert not (tmp_path / "docs").exists()
