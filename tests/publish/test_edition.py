"""Editions of the exports: with what may not be passed on and without, with CUSIPs and without."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest

from orchestration.cli.dictionary import current_tables
from orchestration.publish.edition import IDENTIFIERS, KIND_COLUMN, identifiers_of
from orchestration.publish.release import Published, publish
from orchestration.publish.tables import PublishRefused, published_tables
from tests.publish.test_what_changed import linked, put, served
from tests.publish.tiny_project import Builds, settings

SPONSORS = {"cusip": "99AAAA101", "isin": "US99AAAA1013", "sedol": "9AAAAA1"}
FILED = {"cusip": "99BBBB101", "isin": "US99BBBB1017"}
EDITIONS = [(restricted, cusip) for restricted in (True, False) for cusip in (True, False)]


def published(builds: Builds, data_dir: Path, restricted: bool, cusip: bool, name: str = "good") -> Published:
    put(builds, name, data_dir)
    return publish(settings(data_dir, export_restricted=restricted, export_cusip=cusip))


def manifest(done: Published) -> dict[str, Any]:
    return json.loads((done.release_path / "manifest.json").read_text(encoding="utf-8"))


def rows(done: Published, table: str) -> list[dict[str, Any]]:
    return pq.read_table(done.release_path / f"{table}.parquet").to_pylist()


def everything_in(release: Path) -> str:
    """Every value of every Parquet file, and every byte of every file, footers with their statistics included."""
    files = [path for path in release.rglob("*") if path.is_file()]
    texts = [path.read_bytes().decode("latin-1") for path in files]
    for path in files:
        if path.suffix == ".parquet":
            texts += [str(value) for column in pq.read_table(path).columns for value in column.to_pylist()]
    return "\n".join(texts)


def test_the_open_edition_holds_the_rows_of_the_model_it_names(builds: Builds, data_dir: Path) -> None:
    done = published(builds, data_dir, restricted=False, cusip=True)
    assert [row["name"] for row in rows(done, "dim_security")] == ["River Bank", "Stone Bank"]
    assert list(rows(done, "dim_security")[0]) == ["security_id", "name", "cusip", "isin", "sedol"]
    said = manifest(done)
    table = said["tables"]["dim_security"]
    assert (table["licence"], table["may_redistribute"]) == ("SEC EDGAR: public domain", True)
    assert (table["rows"], table["open_edition"]) == (2, "int_open_security")
    assert table["description"] == "What dim_security holds."
    lost = said["left_out"]["tables"]["dim_security"]
    assert (lost["rows"], lost["is_whole_table"], lost["open_edition"]) == (1, False, "int_open_security")


def test_the_whole_edition_holds_the_table_itself(builds: Builds, data_dir: Path) -> None:
    done = published(builds, data_dir, restricted=True, cusip=True)
    assert [row["name"] for row in rows(done, "dim_security")] == ["Old Mill Bank"]
    said = manifest(done)
    assert said["left_out"] is None
    assert said["edition"] == {"with_restricted": True, "with_identifiers": True}
    table = said["tables"]["dim_security"]
    assert (table["licence"], table["may_redistribute"]) == ("BlackRock: personal use; SEC EDGAR: public domain", False)
    assert table["open_edition"] is None


def test_nothing_of_a_restricted_source_is_in_any_file_of_the_open_edition(builds: Builds, data_dir: Path) -> None:
    whole = everything_in(published(builds, data_dir, restricted=True, cusip=True).release_path)
    assert all(value in whole for value in (*SPONSORS.values(), "Old Mill Bank"))
    done = published(builds, data_dir, restricted=False, cusip=True)
    found = everything_in(done.release_path)
    assert [value for value in (*SPONSORS.values(), "Old Mill Bank") if value in found] == []
    assert manifest(done)["first_membership_dates"] is None


def test_tables_that_rest_on_filings_alone_are_in_the_open_edition(builds: Builds, data_dir: Path) -> None:
    done = published(builds, data_dir, restricted=False, cusip=True)
    assert [row["fund"] for row in rows(done, "fct_fund_filing")] == ["IWM"]
    assert manifest(done)["tables"]["fct_fund_filing"]["licence"] == "SEC EDGAR: public domain"


def test_the_licence_of_a_table_is_that_of_the_rows_in_its_file(builds: Builds, data_dir: Path) -> None:
    done = published(builds, data_dir, restricted=False, cusip=True)
    assert manifest(done)["tables"]["fct_price_daily"]["licence"] == "open"
    assert manifest(done)["tables"]["fct_volume"]["licence"] == "open"
    done = published(builds, data_dir, restricted=True, cusip=True)
    assert manifest(done)["tables"]["fct_price_daily"]["licence"] == "Yahoo: personal use; open"
    assert manifest(done)["tables"]["fct_volume"]["licence"] == "all rows: personal use"


def test_the_brief_of_the_open_edition_shows_the_rows_that_are_exported(builds: Builds, data_dir: Path) -> None:
    page = (published(builds, data_dir, restricted=False, cusip=True).release_path / "brief.html").read_text()
    assert "<tr><td>SPY</td>" in page
    assert "<td>IWM</td>" not in page


@pytest.mark.parametrize("restricted", [True, False])
def test_identifiers_of_others_are_in_no_file_where_they_are_left_out(
    builds: Builds, data_dir: Path, restricted: bool
) -> None:
    there = SPONSORS if restricted else FILED
    shown = everything_in(published(builds, data_dir, restricted, cusip=True).release_path)
    assert [value for value in there.values() if value not in shown] == []
    done = published(builds, data_dir, restricted, cusip=False)
    found = everything_in(done.release_path)
    assert [value for value in (*SPONSORS.values(), *FILED.values()) if value in found] == []
    first = rows(done, "dim_security")[0]
    assert list(first) == ["security_id", "name", "cusip", "isin", "sedol"]
    assert (first["cusip"], first["isin"], first["sedol"]) == (None, None, None)
    assert first["name"] == ("Old Mill Bank" if restricted else "River Bank")
    assert str(pq.read_schema(done.release_path / "dim_security.parquet").field("cusip").type) == "string"


def test_rows_of_these_identifiers_are_left_out_and_the_others_stay(builds: Builds, data_dir: Path) -> None:
    done = published(builds, data_dir, restricted=True, cusip=True)
    assert len(rows(done, "dim_security_identifier")) == 4
    done = published(builds, data_dir, restricted=True, cusip=False)
    assert rows(done, "dim_security_identifier") == [{"security_id": "S1", "id_type": "ticker", "id_value": "OMB"}]


def test_the_manifest_says_which_identifiers_are_there_and_which_are_left_out(builds: Builds, data_dir: Path) -> None:
    said = manifest(published(builds, data_dir, restricted=True, cusip=True))
    for name in ("dim_security", "dim_security_identifier"):
        assert said["tables"][name]["third_party_identifiers"] == IDENTIFIERS
    assert said["tables"]["dim_instrument"]["third_party_identifiers"] == {}
    said = manifest(published(builds, data_dir, restricted=True, cusip=False))
    assert said["edition"] == {"with_restricted": True, "with_identifiers": False}
    assert said["left_out"]["keys"] == {}
    lost = {
        name: (table["rows"], table["is_whole_table"], table["identifiers"])
        for name, table in said["left_out"]["tables"].items()
    }
    assert lost == {
        "dim_security": (0, False, list(IDENTIFIERS)),
        "dim_security_identifier": (3, False, list(IDENTIFIERS)),
    }
    assert all(table["third_party_identifiers"] == {} for table in said["tables"].values())
    # what a vendor forbids is another question
    assert said["tables"]["dim_security"]["may_redistribute"] is False


@pytest.mark.parametrize("name", ["open edition nowhere", "open edition with other columns"])
def test_a_model_that_cannot_stand_for_its_table_is_refused_by_name(builds: Builds, data_dir: Path, name: str) -> None:
    with pytest.raises(PublishRefused) as refusal:
        published(builds, data_dir, restricted=False, cusip=True, name=name)
    said = {
        "open edition nowhere": "int_open_security, the open edition of dim_security, is not in schema intermediate",
        "open edition with other columns": "int_open_security has other columns than dim_security: name is missing, "
        "title is one too many",
    }
    assert f"\n  - {said[name]}\n" in str(refusal.value)
    assert list((data_dir / "exports").iterdir()) == []
    # it is not read where everything is exported
    assert published(builds, data_dir, restricted=True, cusip=True, name=name).status == "published"


def test_another_type_is_refused_too(builds: Builds, data_dir: Path) -> None:
    from orchestration.publish.edition import check_open_models
    from orchestration.publish.tables import with_stored_types

    record = builds.put("good", data_dir)
    project = json.loads((data_dir / "build" / "dbt" / "manifest.json").read_text(encoding="utf-8"))
    tables = {table.name: table for table in published_tables(project)}
    with duckdb.connect(str(record.database_path), read_only=True) as con:
        table = with_stored_types(con, tables["dim_security"], "warehouse")
        check_open_models(con, [table], "warehouse")
        columns = tuple(replace(c, data_type="DATE") if c.name == "cusip" else c for c in table.columns)
        with pytest.raises(PublishRefused, match="dim_security: cusip is VARCHAR instead of DATE"):
            check_open_models(con, [replace(table, columns=columns)], "warehouse")


def test_an_open_edition_that_is_no_model_is_refused(builds: Builds, data_dir: Path) -> None:
    builds.put("good", data_dir)
    project = json.loads((data_dir / "build" / "dbt" / "manifest.json").read_text(encoding="utf-8"))
    del project["nodes"]["model.tiny.int_open_security"]
    with pytest.raises(PublishRefused, match="dim_security names int_open_security as its open edition"):
        published_tables(project)


def test_no_file_of_another_edition_is_taken_over(builds: Builds, data_dir: Path) -> None:
    published(builds, data_dir, restricted=True, cusip=True)
    for restricted, cusip in EDITIONS[1:]:
        done = published(builds, data_dir, restricted, cusip)
        assert done.status == "published"
        assert linked(done.release_path) == set()
        assert published(builds, data_dir, restricted, cusip).status == "unchanged"
    # the same edition of a build that changed takes over what did not
    assert linked(published(builds, data_dir, *EDITIONS[-1], name="corrected").release_path) >= {"dim_security.parquet"}


def test_the_served_database_is_the_same_in_every_edition(builds: Builds, data_dir: Path) -> None:
    expected = served(published(builds, data_dir, restricted=True, cusip=True).served_path)
    assert expected["dim_security"] == [("S1", "Old Mill Bank", *SPONSORS.values())]
    assert len(expected["dim_security_identifier"]) == 4
    for restricted, cusip in EDITIONS[1:]:
        assert served(published(builds, data_dir, restricted, cusip).served_path) == expected


@pytest.mark.parametrize(("restricted", "cusip"), EDITIONS)
def test_what_changed_only_where_it_is_left_out_still_reaches_the_served_database(
    builds: Builds, data_dir: Path, restricted: bool, cusip: bool
) -> None:
    published(builds, data_dir, restricted, cusip)
    done = published(builds, data_dir, restricted, cusip, name="other sedol")
    assert done.status == "published"
    with duckdb.connect(str(done.served_path), read_only=True) as con:
        assert con.execute("select sedol from dim_security").fetchall() == [("9AAAAA2",)]


def test_every_published_column_of_such_an_identifier_is_known_by_its_name() -> None:
    """A column of another name would be exported with its values; a key without values would be none."""
    for table in current_tables():
        named = {name for name in table.column_names if any(kind in name for kind in IDENTIFIERS)}
        assert named <= IDENTIFIERS.keys(), table.name
        assert IDENTIFIERS.keys().isdisjoint(table.primary_key), table.name
    holding = {table.name for table in current_tables() if identifiers_of(table)}
    assert holding >= {"dim_security", "dim_security_identifier", "fct_holding"}
    assert KIND_COLUMN == "id_type"
