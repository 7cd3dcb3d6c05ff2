"""The data dictionary: from the dbt metadata only, and never behind it."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestration.cli.dictionary import PATH, current_tables, main, render
from orchestration.publish.tables import Column, Table


@pytest.fixture(scope="module")
def tables() -> tuple[Table, ...]:
    return current_tables()


def test_the_committed_dictionary_is_the_generated_one(tables: tuple[Table, ...]) -> None:
    assert PATH.read_text(encoding="utf-8") == render(tables), "the dbt YAML changed: run make dictionary"


def test_every_table_and_column_is_described(tables: tuple[Table, ...]) -> None:
    assert [t.name for t in tables if not (t.description and t.grain and t.columns)] == []
    columns = [(t.name, c) for t in tables for c in t.columns]
    assert [(table, c.name) for table, c in columns if not (c.description and c.data_type)] == []


def test_a_table_shows_keys_units_and_text_as_written() -> None:
    columns = (
        Column("day", "date", "New York day."),
        Column("flow_usd", "double", "(a * b) of <index> | fund.", "USD"),
    )
    text = render([Table("mart_x", "About x.", "one row per day", ("day",), columns)])
    assert "| [mart_x](#mart_x) | one row per day |" in text
    assert "Grain: one row per day. Primary key: `day`." in text
    assert "| **day** | date |  | New York day. |" in text
    assert r"| flow_usd | double | USD | (a \* b) of \<index> \| fund. |" in text


def test_the_command_writes_the_file(
    tmp_path: Path, tables: tuple[Table, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "docs" / "dictionary.md"
    assert main([str(target)]) == 0
    assert target.read_text(encoding="utf-8") == render(tables)
    assert str(target) in capsys.readouterr().out
