"""make diff: what changed between two releases."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestration.cli.diff import Restated, UnknownReleaseError, diff, main, render
from orchestration.publish.release import publish
from tests.publish.tiny_project import Builds, settings


@pytest.fixture
def two_releases(builds: Builds, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SMALLCAP_DATA_DIR", str(data_dir))
    builds.put("good", data_dir)
    publish(settings(data_dir))
    builds.put("corrected", data_dir)
    # the newer release is one file a year: how a table is split is no difference
    publish(settings(data_dir), big_table_rows=50)
    return data_dir


def test_a_restated_value_is_found_with_its_key(two_releases: Path) -> None:
    prices = {table.name: table for table in diff(two_releases, "r1", "r2").tables}["fct_price_daily"]
    assert (prices.added, prices.removed, prices.changed) == (1, 0, 1)
    assert prices.restated_columns == {"close": 1}
    (value,) = prices.sample
    assert isinstance(value, Restated)
    assert (value.key[0], str(value.key[1]), value.column, value.old, value.new) == (
        "IWM",
        "2025-01-15",
        "close",
        146.0,
        148.5,
    )


def test_only_tables_that_differ_are_listed(two_releases: Path) -> None:
    found = diff(two_releases, "r1", "latest")
    assert {t.name for t in found.tables} == {
        *("fct_price_daily", "fct_volume", "mart_return", "dim_release", "fct_coverage")
    }
    assert (found.tables_added, found.tables_removed) == ((), ())
    assert diff(two_releases, "latest", "r2").tables == ()
    assert "no difference" in render(diff(two_releases, "r2", "r2"))


def test_changes_of_tables_and_schemas_are_listed(two_releases: Path) -> None:
    path = two_releases / "exports" / "r1" / "manifest.json"
    old = json.loads(path.read_text())
    old["tables"]["mart_gone"] = old["tables"].pop("fct_coverage")
    old["tables"]["fct_price_daily"]["columns"].pop()
    old["tables"]["fct_volume"]["columns"][1]["type"] = "DOUBLE"
    old["tables"]["mart_return"]["primary_key"] = ["symbol"]
    path.write_text(json.dumps(old))
    found = diff(two_releases, "r1", "r2")
    text = render(found)
    assert (found.tables_added, found.tables_removed) == (("fct_coverage",), ("mart_gone",))
    assert "column available_at added (TIMESTAMP WITH TIME ZONE)" in text
    assert "column volume_total: DOUBLE → BIGINT" in text
    assert "mart_return: rows not compared" in text


def test_it_prints_old_and_new(two_releases: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["r1", "latest"]) == 0
    assert "(IWM, 2025-01-15) close: 146.0 → 148.5" in capsys.readouterr().out


def test_an_unknown_release_lists_those_there_are(two_releases: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["r1", "r7"]) == 1
    assert capsys.readouterr().err == f"No release 'r7' in {two_releases / 'exports'}. There are: r2, r1\n"


def test_nothing_published_says_what_to_do(data_dir: Path) -> None:
    with pytest.raises(UnknownReleaseError, match="make run"):
        diff(data_dir, "latest", "latest")
