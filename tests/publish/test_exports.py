"""Parquet files of a release: readable everywhere, typed as the manifest says, the same on every export."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow.parquet as pq
import pytest

from orchestration.publish.files import duckdb_connection
from orchestration.publish.release import publish
from orchestration.publish.tables import PublishRefused, published_tables, stable_type
from tests.publish.tiny_project import MODELS, Builds, settings


def release(builds: Builds, data_dir: Path, **options: Any) -> tuple[Path, dict[str, Any]]:
    builds.put("good", data_dir)
    folder = publish(settings(data_dir), **options).release_path
    return folder, json.loads((folder / "manifest.json").read_text(encoding="utf-8"))


def test_every_published_model_is_there_and_no_other(builds: Builds, data_dir: Path) -> None:
    _, manifest = release(builds, data_dir)
    assert set(manifest["tables"]) == set(MODELS)


def test_files_are_what_the_manifest_says(builds: Builds, data_dir: Path) -> None:
    folder, manifest = release(builds, data_dir, big_table_rows=100)
    listed = {file["path"] for table in manifest["tables"].values() for file in table["files"]}
    assert listed == {p.relative_to(folder).as_posix() for p in folder.rglob("*.parquet")}
    for table in manifest["tables"].values():
        for file in table["files"]:
            content = (folder / file["path"]).read_bytes()
            assert (len(content), hashlib.sha256(content).hexdigest()) == (file["bytes"], file["sha256"])
            schema = pq.read_schema(folder / file["path"])
            assert [(f.name, str(f.type)) for f in schema] == [(c["name"], c["arrow_type"]) for c in table["columns"]]


def test_metadata_of_the_models_is_in_the_manifest(builds: Builds, data_dir: Path) -> None:
    _, manifest = release(builds, data_dir)
    table = manifest["tables"]["fct_price_daily"]
    assert table["description"] == "What fct_price_daily holds."
    assert table["grain"] == "one row per symbol, session_date"
    assert table["primary_key"] == ["symbol", "session_date"]
    assert (table["content_date_column"], table["as_of_date"]) == ("session_date", "2025-02-28")
    assert table["licence"] == "Yahoo: personal use; open"
    assert table["may_redistribute"] is False
    assert table["columns"][2] == {
        "name": "close",
        "type": "DOUBLE",
        "arrow_type": "double",
        "unit": "USD per share",
        "description": "The close's value.",
    }
    assert manifest["is_synthetic"] is True
    assert manifest["version"] == manifest["versions"]["project"] == "1.2.3"
    assert manifest["first_membership_dates"] == {"R2000": "2024-12-31"}
    assert set(manifest["versions"]) == {"project", "python", "duckdb", "dbt", "dagster", "yfinance", "fredapi"}


def test_big_tables_are_one_file_a_year_and_keep_their_date(builds: Builds, data_dir: Path) -> None:
    folder, manifest = release(builds, data_dir, big_table_rows=100)
    paths = [file["path"] for file in manifest["tables"]["fct_price_daily"]["files"]]
    assert paths == [f"fct_price_daily/year={year}/fct_price_daily.parquet" for year in (2024, 2025)]
    years = {p: set(pd.to_datetime(pq.read_table(folder / p)["session_date"].to_pandas()).dt.year) for p in paths}
    assert list(years.values()) == [{2024}, {2025}]


def test_sums_of_integers_stay_integers(builds: Builds, data_dir: Path) -> None:
    folder, manifest = release(builds, data_dir)
    assert {c["name"]: c["arrow_type"] for c in manifest["tables"]["fct_volume"]["columns"]} == {
        "symbol": "string",
        "volume_total": "int64",
        "close_max": "decimal128(18, 4)",
    }
    assert stable_type("HUGEINT[]") == "BIGINT[]"
    assert stable_type("ENUM('a', 'b')") == "VARCHAR"
    assert pq.read_table(folder / "fct_volume.parquet")["volume_total"].to_pylist() == [65000] * 3


def test_pandas_polars_arrow_and_duckdb_read_the_same_sorted_rows(builds: Builds, data_dir: Path) -> None:
    folder, manifest = release(builds, data_dir)
    path = folder / "fct_price_daily.parquet"
    rows = manifest["tables"]["fct_price_daily"]["rows"]
    keys = pq.read_table(path).select(["symbol", "session_date"]).to_pylist()
    assert keys == sorted(keys, key=lambda k: (k["symbol"], k["session_date"]))
    assert len(pd.read_parquet(path)) == pl.read_parquet(path).height == len(keys) == rows
    with duckdb_connection(data_dir, read_only=False) as con:
        types = con.execute(f"select column_name, column_type from (describe from '{path}')").fetchall()
        moment = con.execute(f"select max(available_at)::varchar from '{path}'").fetchone()
    assert types == [(c["name"], c["type"]) for c in manifest["tables"]["fct_price_daily"]["columns"]]
    assert moment == ("2025-02-28 16:15:00-05",)
    assert str(pl.read_parquet_schema(path)["available_at"]) == "Datetime(time_unit='us', time_zone='UTC')"


@pytest.mark.parametrize("big_table_rows", [10, 1_000_000])
def test_two_exports_of_one_build_are_byte_for_byte_the_same(
    builds: Builds, data_dir: Path, big_table_rows: int
) -> None:
    first, _ = release(builds, data_dir, big_table_rows=big_table_rows)
    second, _ = release(builds, data_dir, big_table_rows=big_table_rows, force=True)
    assert first != second
    same = [p.relative_to(first) for p in first.rglob("*.parquet") if p.stem != "dim_release"]
    assert same
    for path in same:
        assert (first / path).read_bytes() == (second / path).read_bytes()


def test_many_row_groups_are_written_in_one_order(tmp_path: Path) -> None:
    from orchestration.publish.exports import export_tables
    from orchestration.publish.tables import Column, Table

    database = tmp_path / "warehouse.duckdb"
    with duckdb.connect(str(database)) as con:
        con.execute(
            "create table fct_x as select hash(i) as k, random() as x from range(700000) t(i) order by random()"
        )
    table = Table("fct_x", "", "", ("k",), (Column("k", "UBIGINT", ""), Column("x", "DOUBLE", "")))
    hashes = set()
    for n in range(3):
        day = pd.Timestamp("2025-01-01").date()
        exported = export_tables(tmp_path, database, [table], tmp_path / str(n), clock_day=day)
        hashes.add(exported.tables["fct_x"].sha256)
    assert len(hashes) == 1
    assert pq.ParquetFile(tmp_path / "0" / "fct_x.parquet").num_row_groups == 6


def test_restricted_rows_are_left_out_of_the_exports_only(builds: Builds, data_dir: Path) -> None:
    builds.put("good", data_dir)
    published = publish(settings(data_dir, export_restricted=False))
    manifest = json.loads((published.release_path / "manifest.json").read_text())
    prices = pq.read_table(published.release_path / "fct_price_daily.parquet")
    assert set(prices["symbol"].to_pylist()) == {"SPY"}
    assert "fct_index_membership" not in manifest["tables"]
    assert manifest["tables"]["fct_price_daily"]["may_redistribute"] is True
    left_out = manifest["left_out"]
    assert left_out["keys"]["symbol"] == ["IWM", "^RUT"]
    assert left_out["tables"]["fct_price_daily"]["rows"] == 130
    assert left_out["tables"]["fct_index_membership"]["is_whole_table"] is True
    assert "IWM" not in (published.release_path / "brief.html").read_text()
    with duckdb_connection(data_dir, published.served_path, read_only=True) as con:
        assert con.execute("select count(distinct symbol) from fct_price_daily").fetchone() == (3,)
        assert con.execute("select count(*) from fct_index_membership").fetchone() == (1,)


def test_a_change_in_what_is_left_out_is_published_too(builds: Builds, data_dir: Path) -> None:
    withheld = settings(data_dir, export_restricted=False)
    builds.put("good", data_dir)
    publish(withheld)
    assert publish(withheld).status == "unchanged"
    builds.put("corrected", data_dir)
    assert publish(withheld).status == "published"


def test_a_published_model_without_a_key_is_refused() -> None:
    node = {"resource_type": "model", "schema": "main", "name": "mart_x", "columns": {}, "config": {"meta": {}}}
    with pytest.raises(PublishRefused, match=r"mart_x without a primary key.*meta\.primary_key"):
        published_tables({"nodes": {"model.x.mart_x": node}})


def test_the_brief_stands_alone_and_escapes(builds: Builds, data_dir: Path) -> None:
    folder, _ = release(builds, data_dir)
    page = (folder / "brief.html").read_text(encoding="utf-8")
    assert "SYNTHETIC" in page
    assert "fct_price_daily" in page
    assert "<th>1d</th>" in page
    assert not any(sign in page for sign in ("http://", "https://", "<script", "src="))
    assert "column&#x27;s" not in page
