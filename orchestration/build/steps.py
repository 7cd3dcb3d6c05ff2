"""The three steps of a build, run as `python -m orchestration.build.steps TARGET` in a process of their own.

dbt builds files and identities, a Python step decides which of them are one security, dbt builds everything else. One
process runs all three, so that dbt is imported and the project parsed once. dbt's artifacts of both parts end in TARGET
as those of one build.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.cli.main import dbtRunner
from dbt.contracts.graph.manifest import Manifest
from dbt_common.events.base_types import EventMsg
from google.protobuf.json_format import MessageToDict

from orchestration.build.broken import name_broken_rules
from orchestration.build.growth import Growth
from orchestration.build.resolve import write_decisions
from orchestration.lake.store import write_atomically
from orchestration.settings import REPOSITORY

# what the decisions on securities read, with all it stands on; tests run with the part that holds all their models
FILES_AND_IDENTITIES = (
    "+int_security_identity",
    "+int_identity_run",
    "+int_holding_scale",
    "+int_filing_line_match",
    "+int_reported_ticker",
    "resource_type:seed",
)
RESULTS = "run_results.json"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the steps on the data directory that SMALLCAP_DATA_DIR names; 0 where all of them passed."""
    parser = argparse.ArgumentParser(prog="orchestration.build.steps", description=__doc__)
    parser.add_argument("target", type=Path, help="folder for dbt's artifacts and logs")
    parser.add_argument("--project", type=Path, default=REPOSITORY / "dbt_project", help="the dbt project")
    parser.add_argument("--select", nargs="+", default=["fqn:*"], help="what of the second part to build")
    parser.add_argument("--exclude", nargs="+", default=[], help="what of both parts to leave out")
    parser.add_argument("--full-refresh", action="store_true", help="compute all rows, keep none of the last build")
    asked = parser.parse_args(arguments)
    target: Path = asked.target
    options = ["--profiles-dir", str(asked.project), "--project-dir", str(asked.project)]
    options += ["--target-path", str(target), "--log-path", str(target / "logs")]
    # at debug the log of a build is five megabytes, and writing it a tenth of the time of the build
    options += ["--log-level-file", "info"]
    began = time.perf_counter()
    parsed = dbtRunner().invoke(["--quiet", "parse", *options])
    if not parsed.success or not isinstance(parsed.result, Manifest):
        return 1
    print(f"project read in {time.perf_counter() - began:.1f} s", flush=True)
    dbt = dbtRunner(manifest=parsed.result, callbacks=[_say])
    # unit tests look at the code and at rows of their own, never at data: they belong to the test suite
    options += ["--indirect-selection", "cautious", "--exclude-resource-type", "unit_test"]
    data_dir = Path(os.environ["SMALLCAP_DATA_DIR"])
    growth = Growth(data_dir, asked.project, [*asked.select, *asked.exclude])
    grows = growth.is_possible() and not asked.full_refresh
    print("rows of the last build are kept" if grows else "all rows are computed", flush=True)
    options += [] if grows else ["--full-refresh"]
    growth.begin()
    first, second = FILES_AND_IDENTITIES, tuple(asked.select)
    results: list[dict[str, Any]] = []
    try:
        for selected, left_out in ((first, asked.exclude), (second, [*FILES_AND_IDENTITIES, *asked.exclude])):
            selection = ["--select", *selected, *(["--exclude", *left_out] if left_out else [])]
            passed = dbt.invoke(["--quiet", "build", *options, *selection]).success
            results.append(json.loads((target / RESULTS).read_text(encoding="utf-8")))
            # dbt keeps the database open as long as its process lives, and nobody else could read it
            DuckDBConnectionManager.close_all_connections()
            if not passed:
                return 1
            if selected is first:
                _decide(data_dir)
        growth.end()
    finally:
        if results:
            whole = _as_one(results)
            database = data_dir / "build" / "warehouse.duckdb"
            name_broken_rules(whole["results"], target / "manifest.json", database)
            write_atomically(target / RESULTS, json.dumps(whole).encode())
    return 0


def _decide(data_dir: Path) -> None:
    began = time.perf_counter()
    write_decisions(data_dir / "build" / "warehouse.duckdb", data_dir / "build" / "securities")
    print(f"securities decided in {time.perf_counter() - began:.1f} s", flush=True)


def _as_one(results: list[dict[str, Any]]) -> dict[str, Any]:
    """The results of both parts under the invocation of the last one that ran."""
    return {**results[-1], "results": [result for part in results for result in part["results"]]}


def _say(event: EventMsg) -> None:
    """One line for each node that ended."""
    if event.info.name in {"LogModelResult", "LogSeedResult", "LogTestResult"}:
        said = MessageToDict(event.data, preserving_proto_field_name=True)
        node = said["node_info"]
        took = said.get("execution_time", 0)
        print(f"{said['status'].lower()}: {node['resource_type']} {node['node_name']} in {took:.2f} s", flush=True)


if __name__ == "__main__":
    sys.exit(main())
