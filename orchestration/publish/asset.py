"""The release as a Dagster asset, downstream of every published table."""

import dagster as dg

from orchestration.build.assets import warehouse
from orchestration.build.project import DBT_PROJECT
from orchestration.build.record import read_json
from orchestration.housekeeping import clear_away
from orchestration.ingest.common import OWNER, plain_words
from orchestration.publish.release import publish
from orchestration.publish.tables import published_tables
from orchestration.settings import load_settings

TABLES = published_tables(read_json(DBT_PROJECT.manifest_path))
READ = {table.name for table in TABLES} | {table.open_edition.name for table in TABLES if table.open_edition}


@dg.asset(
    # all else in the warehouse is there for these
    deps=[key for key in warehouse.keys if key.path[-1] in READ],
    group_name="publish",
    owners=[OWNER],
    kinds={"python", "duckdb", "parquet"},
    tags={"layer": "publish"},
    metadata={"dagster/column_schema": dg.TableSchema([dg.TableColumn("table", "every published table")])},
)
def release(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """The audited release: Parquet with its manifest, the served database, and `latest`, which moves last.

    Refused where the newest build failed a test, whatever run this asset is started from.
    """
    with plain_words():
        settings = load_settings()
        done = publish(settings)
    is_done, said = clear_away(context.instance, settings.data_dir)
    if said:
        (context.log.info if is_done else context.log.warning)(said)
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
