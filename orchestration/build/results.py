"""What the results of a build say about failures, in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

NODE_TYPES = frozenset({"model", "seed", "snapshot", "test"})
TEST_TYPES = frozenset({"test", "unit_test"})
PASSED = frozenset({"success", "pass", "warn"})


def failures(outcomes: Iterable[Mapping[str, Any]], manifest: Mapping[str, Any]) -> Iterable[str]:
    """One sentence for each node that failed, and one for all that were skipped."""
    skipped = []
    for result in outcomes:
        kind = result["unique_id"].partition(".")[0]
        if kind not in NODE_TYPES | TEST_TYPES or result["status"] in PASSED:
            continue
        if result["status"] == "skipped":
            skipped.append(short_name(result["unique_id"]))
        else:
            yield failure(result, manifest)
    if skipped:
        yield f"{len(skipped)} skipped because something before them failed: {', '.join(sorted(skipped))}"


def failure(result: Mapping[str, Any], manifest: Mapping[str, Any]) -> str:
    """What failed, where it is defined, and how many rows."""
    node = _node(manifest, result["unique_id"])
    kind = result["unique_id"].partition(".")[0].replace("_", " ")
    text = f"{kind} {short_name(result['unique_id'])} {result['status']}"
    if kind == "test" and result.get("failures") is not None:
        text += f": {result['failures']} rows"
    message = " ".join((result.get("message") or "").split())
    if message:
        text += f" ({message})"
    if result.get("relation_name") and (node.get("config") or {}).get("store_failures"):
        text += f"; the rows are in {result['relation_name']}"
    elif node.get("original_file_path"):
        text += f"; defined in {node['original_file_path']}"
    return text


def _node(manifest: Mapping[str, Any], unique_id: str) -> Mapping[str, Any]:
    return manifest["nodes"].get(unique_id) or (manifest.get("unit_tests") or {}).get(unique_id) or {}


def short_name(unique_id: str) -> str:
    """`test.smallcap.unique_x.1a2b3c` → `unique_x`; `unit_test.smallcap.model.name` → `model.name`."""
    parts = unique_id.split(".")[2:]
    return ".".join(parts) if unique_id.startswith("unit_test.") else parts[0]
