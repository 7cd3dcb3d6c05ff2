"""The one job over the whole graph, and its schedule after the close in New York."""

import datetime as dt
import os

import dagster as dg

from orchestration.calendars import NEW_YORK, is_session
from orchestration.ingest.scope import months_to_ask
from orchestration.settings import load_settings

daily_job = dg.define_asset_job(
    "smallcap_daily",
    selection=dg.AssetSelection.all(),
    description="Vendors, raw lake, dbt build, release: the whole graph in one run.",
    executor_def=dg.in_process_executor,
    tags={"dagster/max_retries": "0"},
)


def range_tags(first: dt.date, last: dt.date) -> dict[str, str]:
    """Run tags that ask the partitioned assets for the months of a range in one run."""
    return {
        "dagster/asset_partition_range_start": first.replace(day=1).isoformat(),
        "dagster/asset_partition_range_end": last.replace(day=1).isoformat(),
    }


@dg.schedule(
    job=daily_job,
    cron_schedule="30 17 * * 1-5",
    execution_timezone="America/New_York",
    default_status=(
        dg.DefaultScheduleStatus.RUNNING
        if os.environ.get("SMALLCAP_SCHEDULE", "on") == "on"
        else dg.DefaultScheduleStatus.STOPPED
    ),
    description="Every NYSE session at 17:30 New York, after the close has settled; closed days are skipped.",
)
def after_close(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """One run over the months that miss something, or the reason why there is none."""
    day = context.scheduled_execution_time.astimezone(NEW_YORK).date()
    if not is_session(day):
        return dg.SkipReason(f"{day} is no NYSE session")
    first, last = months_to_ask(load_settings())
    return dg.RunRequest(run_key=day.isoformat(), tags=range_tags(first, last))
