"""How dbt nodes appear in the Dagster graph: groups, owners, kinds, tags, columns."""

from collections.abc import Mapping
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DbtProject

from orchestration.ingest.common import OWNER


class Translator(DagsterDbtTranslator):
    """Groups, owners, kinds and tags of the dbt assets by the folder of their model."""

    def get_asset_spec(self, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None) -> dg.AssetSpec:
        """The asset of one dbt node."""
        spec = super().get_asset_spec(manifest, unique_id, project)
        node = manifest["nodes"].get(unique_id) or manifest["sources"][unique_id]
        if node["resource_type"] == "source":
            return spec
        folder = "seeds" if node["resource_type"] == "seed" else node["fqn"][1]
        group = node["fqn"][2] if folder == "marts" and len(node["fqn"]) > 3 else folder
        # what stands on nothing waits for the ingest as well, so that a backfill builds the warehouse once
        roots = [] if list(spec.deps) else [dg.AssetKey("request_ledger"), dg.AssetKey("nyse_sessions")]
        return spec.replace_attributes(group_name=group, owners=[OWNER]).merge_attributes(
            deps=roots, metadata=_seed_columns(node), tags={"layer": folder}, kinds={"dbt", "duckdb"}
        )


def _seed_columns(node: Mapping[str, Any]) -> dict[str, dg.TableSchema]:
    """Columns of a seed, which stand in its column_types; models declare theirs."""
    types = node["config"].get("column_types") or {}
    if not types:
        return {}
    known = {name: column.get("description") or None for name, column in node["columns"].items()}
    columns = [dg.TableColumn(name, kind, description=known.get(name)) for name, kind in types.items()]
    return {"dagster/column_schema": dg.TableSchema(columns)}
