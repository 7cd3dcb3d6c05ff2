"""How dbt nodes appear in the Dagster graph: groups, owners, kinds, tags, columns."""

from collections.abc import Mapping
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DbtProject

from orchestration.ingest.common import OWNER

# the dbt groups of models/groups.yml, in the order of the flow: none reads a later one
SUBJECTS = ("events", "rates", "prices", "funds", "index", "signals", "outcomes", "operation")


class Translator(DagsterDbtTranslator):
    """Groups, owners, kinds and tags of the dbt assets: the subject from the dbt group, the layer from the folder."""

    def get_asset_spec(self, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None) -> dg.AssetSpec:
        """The asset of one dbt node."""
        spec = super().get_asset_spec(manifest, unique_id, project)
        node = manifest["nodes"].get(unique_id) or manifest["sources"][unique_id]
        if node["resource_type"] == "source":
            return spec
        spec = spec.replace_attributes(deps=self._deps(manifest, spec, node))
        layer, subject = _layer(node), _subject(manifest, unique_id)
        # what stands on nothing waits for the ingest as well, so that a backfill builds the warehouse once
        roots = [] if list(spec.deps) else [dg.AssetKey("request_ledger"), dg.AssetKey("nyse_sessions")]
        # a group of groups: the page of the whole graph opens with one box for each subject
        return spec.replace_attributes(group_name=f"{subject}/{layer}", owners=[OWNER]).merge_attributes(
            deps=roots, metadata=_seed_columns(node), tags={"layer": layer, "subject": subject}, kinds={"dbt", "duckdb"}
        )

    def _deps(self, manifest: Mapping[str, Any], spec: dg.AssetSpec, node: Mapping[str, Any]) -> list[dg.AssetDep]:
        """What the node reads; in place of a table that a step of the build writes, what that step reads."""
        deps = {dep.asset_key: dep for dep in spec.deps}
        for parent in node["depends_on"].get("nodes", []):
            source = manifest["sources"].get(parent)
            if source and _reads(source):
                del deps[self.get_asset_key(source)]
                models = (other for other in manifest["nodes"].values() if other["name"] in _reads(source))
                deps |= {key: dg.AssetDep(key) for key in map(self.get_asset_key, models)}
        return list(deps.values())


def _layer(node: Mapping[str, Any]) -> str:
    """seeds, staging, intermediate, core or marts; the steps of marts read core, and stand with the marts."""
    if node["resource_type"] == "seed":
        return "seeds"
    layer = node["fqn"][1]
    return "intermediate" if layer == "core" and "intermediate" in node["fqn"] else layer


def _subject(manifest: Mapping[str, Any], unique_id: str) -> str:
    """The dbt group of a model; of a seed or a staging model, which many read, that of its first reader in the flow."""
    node = manifest["nodes"][unique_id]
    group = node["config"].get("group")
    if group in SUBJECTS:
        return group
    through = (name for name, source in manifest["sources"].items() if node["name"] in _reads(source))
    children = (child for parent in (unique_id, *through) for child in manifest["child_map"][parent])
    readers = (manifest["nodes"].get(child, {}) for child in children)
    groups = {reader["config"].get("group") for reader in readers if reader.get("resource_type") == "model"}
    return next((subject for subject in SUBJECTS if subject in groups), "operation")


def _reads(source: Mapping[str, Any]) -> list[str]:
    """What the step reads that writes this table; nothing where it comes from outside the build."""
    return source["config"].get("meta", {}).get("reads", [])


def _seed_columns(node: Mapping[str, Any]) -> dict[str, dg.TableSchema]:
    """Columns of a seed, which stand in its column_types; models declare theirs."""
    types = node["config"].get("column_types") or {}
    if not types:
        return {}
    known = {name: column.get("description") or None for name, column in node["columns"].items()}
    columns = [dg.TableColumn(name, kind, description=known.get(name)) for name, kind in types.items()]
    return {"dagster/column_schema": dg.TableSchema(columns)}
