"""The three steps of a build, run as `python -m orchestration.build.steps TARGET` in a process of their own.

dbt builds files and identities, a Python step decides which of them are one security, dbt builds everything else. One
process runs all three, so that dbt is imported and the project parsed once. dbt's artifacts of both parts end in TARGET
as those of one build.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.cli.main import dbtRunner
from dbt.contracts.graph.manifest import Manifest
from dbt_common.events.base_types import EventMsg
from google.protobuf.json_format import MessageToDict

from orchestration.build.resolve import write_decisions
from orchestration.lake.store import write_atomically
from orchestration.settings import REPOSITORY

PROJECT_DIR = REPOSITORY / "dbt_project"
PARTS = ("files_and_identities", "everything_else")
RESULTS = "run_results.json"


def main(target: Path) -> int:
    """Run the steps on the data directory that SMALLCAP_DATA_DIR names; 0 where all of them passed."""
    options = ["--profiles-dir", str(PROJECT_DIR), "--project-dir", str(PROJECT_DIR)]
    options += ["--target-path", str(target), "--log-path", str(target / "logs")]
    began = time.perf_counter()
    parsed = dbtRunner().invoke(["--quiet", "parse", *options])
    if not parsed.success or not isinstance(parsed.result, Manifest):
        return 1
    print(f"project read in {time.perf_counter() - began:.1f} s", flush=True)
    dbt = dbtRunner(manifest=parsed.result, callbacks=[_say])
    results: list[dict[str, Any]] = []
    try:
        for part in PARTS:
            # unit tests look at the code and at rows of their own, never at data: they belong to the test suite
            arguments = ["--quiet", "build", *options, "--selector", part, "--exclude-resource-type", "unit_test"]
            passed = dbt.invoke(arguments).success
            results.append(json.loads((target / RESULTS).read_text(encoding="utf-8")))
            if not passed:
                return 1
            # dbt keeps the database open as long as its process lives, and nobody else could read it
            DuckDBConnectionManager.close_all_connections()
            if part == PARTS[0]:
                _decide(Path(os.environ["SMALLCAP_DATA_DIR"]))
    finally:
        if results:
            write_atomically(target / RESULTS, json.dumps(_as_one(results)).encode())
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
    sys.exit(main(Path(sys.argv[1])))
