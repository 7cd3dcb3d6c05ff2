"""The open edition of a whole sandbox warehouse, by the models, licences and columns that the project really has."""

from __future__ import annotations

import json
import shutil

import duckdb
import pytest

from orchestration.publish.edition import IDENTIFIERS
from orchestration.publish.release import publish
from orchestration.publish.tables import published_tables
from orchestration.settings import load_settings

TODAY = "2026-11-20"
FORBIDS = ("BlackRock", "Yahoo", "ICE", "Moody", "Cboe", "personal use", "no redistribution")
FROM_FILINGS = ("fct_fund_filing", "fct_fund_monthly_flow")


@pytest.fixture(scope="module")
def data(sandbox_release, tmp_path_factory):
    """A copy of the build, published without what may not be passed on and without CUSIPs."""
    folder = tmp_path_factory.mktemp("open")
    shutil.copytree(sandbox_release.data / "build", folder / "build")
    settings = load_settings(
        data_dir=folder, today=TODAY, source="sandbox", export_restricted=False, export_cusip=False
    )
    assert publish(settings).status == "published"
    return folder


@pytest.fixture(scope="module")
def manifest(data):
    return json.loads((data / "exports" / "latest" / "manifest.json").read_text(encoding="utf-8"))


def test_no_licence_in_it_forbids_anything(manifest):
    assert all(table["may_redistribute"] for table in manifest["tables"].values())
    licences = {name: table["licence"] or "" for name, table in manifest["tables"].items()}
    assert {name: text for name, text in licences.items() if any(word in text for word in FORBIDS)} == {}


def test_tables_of_filings_and_series_of_agencies_are_in_it(data, manifest):
    for name in FROM_FILINGS:
        assert manifest["tables"][name]["rows"] > 0
        assert manifest["tables"][name]["licence"] == "SEC EDGAR: public domain"
        assert name not in manifest["left_out"]["tables"]
    files = data / "exports" / "latest"
    with duckdb.connect() as con:
        free = con.execute(f"select series_id from '{files}/dim_series.parquet' where may_redistribute").fetchall()
        held = con.execute(f"select distinct series_id from '{files}/fct_macro_observation.parquet'").fetchall()
    assert set(held) == set(free)
    assert {("DGS10",), ("CPIAUCSL",), ("UNRATE",)} <= set(held)


def test_what_rests_on_both_sources_is_in_it_only_as_the_filings_have_it(data, manifest):
    for name in (
        *("mart_source_agreement", "mart_fund_flow_agreement", "mart_sector_weight"),
        *("mart_reconstitution_forecast", "mart_reconstitution_forecast_score", "mart_reconstitution_effect"),
        *("mart_security_daily", "mart_breadth"),
    ):
        assert name not in manifest["tables"]
    project = json.loads((data / "build" / "dbt" / "manifest.json").read_text(encoding="utf-8"))
    named = {table.name: table.open_edition for table in published_tables(project)}
    for name in ("fct_holding", "dim_security", "fct_index_membership"):
        exported = manifest["tables"].get(name, {"rows": 0})
        assert (exported["rows"] > 0) == (named[name] is not None)
    for name, model in named.items():
        if model:
            assert manifest["tables"][name]["open_edition"] == model.name
            assert manifest["tables"][name]["licence"] == "SEC EDGAR: public domain"


def test_no_identifier_of_others_is_anywhere_in_it(data, manifest):
    """Neither as a value nor inside a text, of all that sponsors and reports brought."""
    found = {}
    with duckdb.connect(str(data / "build" / "warehouse.duckdb"), read_only=True) as con:
        every = " union ".join(
            f"select {kind} as id from {table} where {kind} is not null"
            for table, kinds in (("main.fct_holding", IDENTIFIERS), ("staging.stg_fund_filing_line", ("cusip", "isin")))
            for kind in kinds
        )
        con.execute(f"create temp table identifier as {every}")
        assert con.execute("select count(*) > 5000 from identifier").fetchone() == (True,)
        for name, table in manifest["tables"].items():
            paths = [str(data / "exports" / "latest" / file["path"]) for file in table["files"]]
            for column in (column for column in table["columns"] if column["type"] == "VARCHAR"):
                words = f"regexp_extract_all(\"{column['name']}\", '[0-9A-Z]{{7,12}}')"
                seen = con.execute(
                    f"select distinct word from (select unnest({words}) as word from read_parquet($1)) "
                    "where word in (from identifier)",
                    [paths],
                ).fetchall()
                if seen:
                    found[name, column["name"]] = seen[:3]
    assert found == {}


def test_the_served_database_has_all_of_it(data, sandbox_release):
    counted = "select count(*), count(cusip), count(isin), count(sedol) from fct_holding"
    answers = []
    for folder in (data, sandbox_release.data):
        with duckdb.connect(str(folder / "smallcap.duckdb"), read_only=True) as con:
            answers.append(con.execute(counted).fetchone())
    assert answers[0] == answers[1]
    assert min(answers[0]) > 0
