"""The graph as Dagster sees it: loadable, described, owned, and wired the way the house is."""

from __future__ import annotations

import json

import dagster as dg
import pytest

from orchestration.build.project import DBT_PROJECT
from orchestration.definitions import defs

SUBJECTS = ["events", "rates", "prices", "funds", "index", "signals", "outcomes", "operation"]
LAYERS = ["seeds", "staging", "intermediate", "core", "marts"]
INGEST = {
    "prices",
    "macro",
    "etf_shares",
    "constituents",
    "events",
    "options",
    "fund_valuation",
    "filings",
    "member_bars",
}


@pytest.fixture(scope="module")
def graph():
    return defs.resolve_asset_graph()


def keys(graph) -> list[dg.AssetKey]:
    return sorted(graph.materializable_asset_keys)


def test_every_asset_has_description_group_owner_kinds_tags_and_columns(graph):
    assert len(keys(graph)) > 40
    for key in keys(graph):
        node = graph.get(key)
        name = key.to_user_string()
        assert node.description, name
        assert node.group_name not in (None, "default"), name
        assert node.owners == ["team:smallcap-lake"], name
        assert node.kinds, name
        assert node.tags.get("layer"), name
        assert node.tags.get("subject") or name == "release", name
        assert "dagster/column_schema" in node.metadata, name


def test_the_whole_graph_opens_with_few_boxes(graph):
    assert {graph.get(key).group_name.partition("/")[0] for key in keys(graph)} == {"ingest", *SUBJECTS, "publish"}


def test_a_subject_can_be_seen_from_its_vendor_to_its_marts(graph):
    layers = {subject: set() for subject in SUBJECTS}
    for key in keys(graph):
        node = graph.get(key)
        if node.group_name != "publish":
            layers[node.tags["subject"]].add(node.tags["layer"])
        if node.tags["layer"] in LAYERS:
            assert node.group_name == f"{node.tags['subject']}/{node.tags['layer']}"
    assert {subject for subject, seen in layers.items() if seen & {"raw", "reference"}} == {*SUBJECTS} - {
        "signals",
        "outcomes",
    }
    assert {subject for subject, seen in layers.items() if "marts" in seen} == {*SUBJECTS} - {"operation"}
    selection = dg.AssetSelection.from_string("tag:subject=prices or key:release")
    shown = {key.path[-1] for key in selection.resolve(graph)}
    assert shown >= {"prices", "instrument", "stg_yahoo_bar", "fct_price_daily", "mart_return", "release"}
    assert not shown & {"macro", "dim_session", "int_presence", "mart_etf_flow"}


def test_no_group_reads_a_later_one(graph):
    """Otherwise boxes of the closed graph would point at each other."""

    def place(key: dg.AssetKey) -> tuple[int, int]:
        tags = graph.get(key).tags
        return SUBJECTS.index(tags["subject"]), LAYERS.index(tags["layer"])

    built = {key for key in keys(graph) if graph.get(key).tags["layer"] in LAYERS}
    steps = [(parent, key) for key in built for parent in graph.get(key).parent_keys & built]
    backward = [(parent.path[-1], key.path[-1]) for parent, key in steps if place(parent) > place(key)]
    assert len(steps) > 100
    assert backward == []


def test_the_release_reads_published_tables_and_those_of_the_open_edition(graph):
    read = {key.path[-1] for key in graph.get(dg.AssetKey("release")).parent_keys}
    private = {name for name in read if name.startswith("int_")}
    assert {name.partition("_")[0] for name in read - private} == {"dim", "fct", "mart", "data"}
    manifest = json.loads(DBT_PROJECT.manifest_path.read_text(encoding="utf-8"))
    assert private == {
        node["config"]["meta"]["open_edition"]
        for node in manifest["nodes"].values()
        if "open_edition" in node["config"].get("meta", {})
    }


def test_ingest_is_partitioned_by_month_and_a_range_is_one_run(graph):
    for name in INGEST:
        node = graph.get(dg.AssetKey(name))
        assert isinstance(node.partitions_def, dg.MonthlyPartitionsDefinition)
        assert node.backfill_policy == dg.BackfillPolicy.single_run()
    for key in keys(graph):
        if key.path[-1] not in INGEST:
            assert graph.get(key).partitions_def is None


def test_only_assets_that_ask_vendors_retry(graph):
    retried = {
        key.path[-1]
        for definition in defs.resolve_asset_graph().assets_defs
        for key in definition.keys
        if getattr(definition.op, "retry_policy", None)
    }
    assert retried == INGEST


def test_the_release_comes_after_everything(graph):
    upstream = graph.get(dg.AssetKey("release"))
    seen, todo = set(), [dg.AssetKey("release")]
    while todo:
        for parent in graph.get(todo.pop()).parent_keys:
            if parent not in seen:
                seen.add(parent)
                todo.append(parent)
    missing = set(keys(graph)) - seen - {upstream.key}
    assert missing == set()


def test_every_mart_stands_on_the_ingest_assets(graph):
    marts = [key for key in keys(graph) if key.path[-1].startswith("mart_")]
    assert len(marts) >= 6
    for mart in marts:
        seen, todo = set(), [mart]
        while todo:
            for parent in graph.get(todo.pop()).parent_keys:
                if parent not in seen:
                    seen.add(parent)
                    todo.append(parent)
        assert INGEST & {key.path[-1] for key in seen}, mart


def test_the_job_covers_the_whole_graph_and_the_schedule_is_on():
    job = defs.resolve_job_def("smallcap_daily")
    assert job.asset_layer.selected_asset_keys >= set(defs.resolve_asset_graph().materializable_asset_keys)
    schedule = defs.resolve_schedule_def("after_close")
    assert schedule.execution_timezone == "America/New_York"
    assert schedule.default_status == dg.DefaultScheduleStatus.RUNNING


def test_the_schedule_skips_days_on_which_the_exchange_is_closed(monkeypatch, tmp_path):
    import datetime as dt

    from orchestration.calendars import NEW_YORK

    monkeypatch.setenv("SMALLCAP_DATA_DIR", str(tmp_path))
    schedule = defs.resolve_schedule_def("after_close")

    def tick(day: dt.date):
        moment = dt.datetime.combine(day, dt.time(17, 30), tzinfo=NEW_YORK)
        return schedule.evaluate_tick(dg.build_schedule_context(scheduled_execution_time=moment))

    assert tick(dt.date(2026, 11, 26)).skip_message == "2026-11-26 is no NYSE session"
    (request,) = tick(dt.date(2026, 11, 25)).run_requests
    assert request.run_key == "2026-11-25"
    assert set(request.tags) >= {"dagster/asset_partition_range_start", "dagster/asset_partition_range_end"}


def test_every_ingest_asset_is_checked_for_coverage_refused_rows_and_failed_answers(graph):
    checks = {(key.asset_key.path[-1], key.name) for key in graph.asset_check_keys}
    for name in INGEST:
        for check in ("vendor_answers", "rows_against_source", "coverage", "bounds"):
            assert (name, check) in checks
