"""The test `rules` notices each kind of broken rule, and the build says which, where, and how many rows break it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent, indent
from typing import Any

import pytest

from orchestration.build.broken import name_broken_rules
from orchestration.build.facts import write_facts
from orchestration.build.project import DBT_PROJECT, PROJECT_DIR
from orchestration.build.results import failures
from tests.conftest import REPOSITORY

PROJECT = {
    "dbt_project.yml": """
        name: tiny
        version: "1.0"
        config-version: 2
        profile: tiny
    """,
    "profiles.yml": """
        tiny:
          target: build
          outputs:
            build: {type: duckdb, path: warehouse.duckdb}
    """,
    "macros/highest.sql": "{% macro highest() %}cast(3 as integer){% endmacro %}",
}
TABLE = """
    {{{{ config(materialized='table') }}}}
    select * from (values
        ('IWM', date '2025-01-02', 1, 10, 'buy', 1, 1.5, 'x'),
        ('IWM', date '2025-01-02', 2, 10, 'sell', 2, null, 'x'),
        ('IWM', date '2025-01-03', 1, 11, null, 3, 2.5, 'x'),
        {rows}
    ) as t (fund, day, line_no, other, side, amount, price, remark)
"""
RULES = """
    - name: {name}
      data_tests:
        - rules:
            name: rules_of_{name}
            arguments:
              primary_key: [fund, day, line_no]
              numbered_by: line_no
              other_keys: [[other, amount], [other, line_no]]
              each_row:
                - side in ('buy', 'sell', 'don''t')
                - amount is not null
                - price >= -1
                - "amount between 0 and {{{{ highest() }}}}"
                - a price has a remark: price is null or price > -2 and remark is not null
        - rules:
            name: warnings_of_{name}
            arguments: {{each_row: [remark <> 'odd']}}
            config: {{severity: warn}}
"""
NONE_BROKEN = "('SPY', date '2025-01-03', 1, 12, null, 0, -1.0, 'x')"
MANY_BROKEN = "('SPY', date '2025-01-03', 1, 12, 'hold', null, -3.0, 'x')"
ONE_ODD = "('SPY', date '2025-01-03', 1, 12, 'buy', 1, 1.0, 'odd')"
BROKEN = {
    "a number of a line twice": (
        "('IWM', date '2025-01-02', 2, 12, 'buy', 1, 1.0, 'x')",
        "key fund, day, line_no: 1 rows, for example fund IWM, day 2025-01-02, occurrences 3",
    ),
    "a line without a number": (
        "('IWM', date '2025-01-03', null, 12, 'buy', 1, 1.0, 'x')",
        "key fund, day, line_no: 1 rows, for example fund IWM, day 2025-01-03, occurrences 2; "
        "key other, line_no: 1 rows, for example other 12, line_no null, occurrences 1",
    ),
    "a part of the key missing": (
        "(null, date '2025-01-03', 1, 12, 'buy', 1, 1.0, 'x')",
        "key fund, day, line_no: 1 rows, for example fund null, day 2025-01-03, occurrences 1",
    ),
    "another key twice": (
        "('SPY', date '2025-01-03', 1, 10, 'buy', 2, 1.0, 'x')",
        "key other, amount: 1 rows, for example other 10, amount 2, occurrences 2; "
        "key other, line_no: 1 rows, for example other 10, line_no 1, occurrences 2",
    ),
    "a part of another key missing": (
        "('SPY', date '2025-01-03', 1, null, 'buy', 2, 1.0, 'x')",
        "key other, amount: 1 rows, for example other null, amount 2, occurrences 1; "
        "key other, line_no: 1 rows, for example other null, line_no 1, occurrences 1",
    ),
    "a value that is not accepted": (
        "('SPY', date '2025-01-03', 1, 12, 'hold', 2, 1.0, 'x')",
        "side in ('buy', 'sell', 'don''t'): 1 rows, for example fund SPY, day 2025-01-03, line_no 1, side hold",
    ),
    "a value below its range": (
        "('SPY', date '2025-01-03', 1, 12, 'buy', 2, -1.5, 'x')",
        "price >= -1: 1 rows, for example fund SPY, day 2025-01-03, line_no 1, price -1.5",
    ),
    "two values outside a range": (
        "('SPY', date '2025-01-03', 1, 12, 'buy', 4, 1.0, 'x'), ('SPY', date '2025-01-06', 1, 13, 'buy', -1, 1.0, 'x')",
        "amount between 0 and cast(3 as integer): 2 rows, for example fund SPY, day 2025-01-03, line_no 1, amount 4",
    ),
    "an expression with a name": (
        "('SPY', date '2025-01-03', 1, 12, 'buy', 1, 1.0, null)",
        "a price has a remark: 1 rows, for example fund SPY, day 2025-01-03, line_no 1, price 1.0, remark null",
    ),
}
TABLES = {"good": NONE_BROKEN, "bad": MANY_BROKEN, "odd": ONE_ODD} | {
    name.replace(" ", "_"): rows for name, (rows, _) in BROKEN.items()
}


@dataclass(frozen=True)
class Build:
    """A build of one table for each way to break the rules, with the messages that a build of ours leaves."""

    manifest: dict[str, Any]
    results: dict[str, dict[str, Any]]


def write_files(project: Path, files: dict[str, str]) -> None:
    """Lay a project out, with the generic tests of ours."""
    shutil.copytree(PROJECT_DIR / "tests" / "generic", project / "tests" / "generic")
    for name, text in files.items():
        path = project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), encoding="utf-8")


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    project = tmp_path_factory.mktemp("rules")
    tests = "".join(RULES.format(name=name) for name in TABLES)
    files = PROJECT | {f"models/{name}.sql": TABLE.format(rows=rows) for name, rows in TABLES.items()}
    write_files(project, files)
    (project / "models" / "models.yml").write_text("models:\n" + indent(dedent(tests), "  "), encoding="utf-8")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "dbt.cli.main", "--no-send-anonymous-usage-stats", "build"),
            *("--profiles-dir", "."),
        ],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )
    target = project / "target"
    assert (target / "run_results.json").exists(), done.stdout
    results = json.loads((target / "run_results.json").read_text(encoding="utf-8"))["results"]
    name_broken_rules(results, target / "manifest.json", project / "warehouse.duckdb")
    manifest = json.loads((target / "manifest.json").read_text(encoding="utf-8"))
    return Build(manifest, {result["unique_id"].split(".")[2]: result for result in results})


def test_rows_that_break_no_rule_pass(build):
    for name in ("rules_of_good", "warnings_of_good", "rules_of_odd"):
        found = build.results[name]
        assert (found["status"], found["failures"], found["message"]) == ("pass", 0, None)


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_rule_is_named_with_its_rows(build, name):
    found = build.results["rules_of_" + name.replace(" ", "_")]
    assert found["status"] == "fail"
    assert found["message"] == BROKEN[name][1]


def test_the_sentence_of_a_failure_holds_all_that_is_broken_in_a_table(build):
    where = "fund SPY, day 2025-01-03, line_no 1"
    assert list(failures([build.results["rules_of_bad"]], build.manifest)) == [
        "test rules_of_bad fail: 5 rows ("
        "key other, amount: 1 rows, for example other 12, amount null, occurrences 1; "
        f"side in ('buy', 'sell', 'don''t'): 1 rows, for example {where}, side hold; "
        f"amount is not null: 1 rows, for example {where}, amount null; "
        f"price >= -1: 1 rows, for example {where}, price -3.0; "
        f"a price has a remark: 1 rows, for example {where}, price -3.0, remark x"
        "); defined in models/models.yml"
    ]


def test_a_warning_stays_one(build):
    found = build.results["warnings_of_odd"]
    assert found["status"] == "warn"
    assert found["message"] == "remark <> 'odd': 1 rows, for example remark odd"


def test_the_rules_of_a_table_are_what_dagster_shows_beside_the_result(build):
    (test,) = (node for node in build.manifest["nodes"].values() if node["name"] == "rules_of_good")
    described = test["meta"]["description"]
    assert described.startswith("key fund, day, line_no; key other, amount; key other, line_no; side in ('buy',")
    assert described.endswith("a price has a remark")


def test_a_build_leaves_the_broken_rules_in_its_results(tmp_path):
    project, data_dir = tmp_path / "project", tmp_path / "data"
    files = PROJECT | {
        "profiles.yml": PROJECT["profiles.yml"].replace("warehouse", f"{data_dir}/build/warehouse"),
        "seeds/position.csv": "position_id,stop_pct\nsafe,-5\nodd,5\n",
        "seeds/position.yml": """
            seeds:
              - name: position
                data_tests:
                  - rules:
                      name: rules_of_position
                      arguments: {primary_key: [position_id], each_row: [stop_pct < 0]}
        """,
    }
    write_files(project, files)
    write_facts(data_dir, {"source": "sandbox", "start_date": "2026-01-02", "version": "0"})
    done = subprocess.run(
        [sys.executable, "-m", "orchestration.build.steps", str(tmp_path / "target"), "--project", str(project)],
        cwd=REPOSITORY,
        env={**os.environ, "SMALLCAP_DATA_DIR": str(data_dir)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    results = json.loads((tmp_path / "target" / "run_results.json").read_text(encoding="utf-8"))["results"]
    found = {result["unique_id"].split(".")[2]: (result["status"], result["message"]) for result in results}
    assert found["rules_of_position"] == ("fail", "stop_pct < 0: 1 rows, for example position_id odd, stop_pct 5")


def test_every_published_table_has_its_key_among_its_rules() -> None:
    nodes = json.loads(DBT_PROJECT.manifest_path.read_text(encoding="utf-8"))["nodes"]
    tests = [node for node in nodes.values() if (node.get("test_metadata") or {}).get("name") == "rules"]
    failing = {test["name"]: test for test in tests if test["config"]["severity"].lower() == "error"}
    assert set(failing) == {f"rules_of_{nodes[test['attached_node']]['name']}" for test in failing.values()}
    keys = {test["attached_node"]: test["test_metadata"]["kwargs"].get("primary_key") for test in failing.values()}
    models = {name: node for name, node in nodes.items() if node["resource_type"] == "model"}
    assert {name for name, node in models.items() if node["access"] == "public"} <= set(keys)
    for name in models.keys() & keys.keys():
        assert keys[name] == models[name]["config"]["meta"]["primary_key"], name
