"""The release as a Dagster asset, downstream of every published table."""

import dagster as dg

from orchestration.build.assets import warehouse
from orchestration.ingest.common import OWNER
from orchestration.publish.release import publish
from orchestration.publish.tables import is_published
from orchestration.settings import load_settings


@dg.asset(
    # all else in the warehouse is there for these, and for what the open edition reads instead of them
    deps=[key for key in warehouse.keys if is_published(key.path[-1]) or key.path[-1].startswith("int_filed_")],
    group_name="publish",
    owners=[OWNER],
    kinds={"python", "duckdb", "parquet"},
    tags={"layer": "publish"},
    metadata={"dagster/column_schema": dg.TableSchema([dg.TableColumn("table", "every published table")])},
)
def release() -> dg.MaterializeResult:
    """The audited release: Parquet with its manifest, the served database, and `latest`, which moves last.

    Refused where the newest build failed a test, whatever run this asset is started from.
    """
    done = publish(load_settings())
    tables = [dg.TableRecord({"table": name, "rows": rows}) for name, rows in sorted(done.tables.items())]
    return dg.MaterializeResult(
        metadata={
            "status": done.status,
            "release": done.release_id,
            "dagster/row_count": sum(done.tables.values()),
            "tables": dg.MetadataValue.table(tables),
            "parquet": dg.MetadataValue.path(done.release_path),
            "served_database": dg.MetadataValue.path(done.served_path),
            "warnings": dg.MetadataValue.json(list(done.warnings)),
        }
    )
