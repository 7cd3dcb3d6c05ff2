"""The one job over the whole graph, how its steps are run, and its schedule after the close in New York."""

import datetime as dt
import logging
import os
import sys
from collections.abc import Iterator

import dagster as dg
from dagster._core.definitions.repository_definition.valid_definitions import SINGLETON_REPOSITORY_NAME
from dagster._core.execution.context.system import PlanOrchestrationContext
from dagster._core.execution.plan.plan import ExecutionPlan
from dagster._core.execution.retries import RetryMode
from dagster._core.executor.in_process import InProcessExecutor
from dagster._core.remote_origin import ManagedGrpcPythonEnvCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._utils.log import create_console_logger

from orchestration.calendars import NEW_YORK, is_session
from orchestration.foreign_text import for_terminal
from orchestration.ingest.common import one_run_at_a_time, ready, usable_directory
from orchestration.ingest.scope import months_to_ask
from orchestration.settings import load_settings


class ReadyFirst(InProcessExecutor):
    """Dagster's own executor, which runs no step where the settings or the data directory cannot be used.

    Each of the first steps would say the same, and those that ask vendors would be tried again. Of two runs on one data
    directory, whoever started them, one waits for the other.
    """

    def execute(
        self, plan_context: PlanOrchestrationContext, execution_plan: ExecutionPlan
    ) -> Iterator[dg.DagsterEvent]:
        """Run the steps, or raise what is wrong as the reason why the run failed."""
        data_dir = usable_directory()
        with one_run_at_a_time(data_dir, plan_context.log.info):
            ready()
            yield from super().execute(plan_context, execution_plan)


@dg.executor(name="in_process")
def one_process(_: dg.InitExecutorContext) -> ReadyFirst:
    """All steps in one process. One each costs seconds of imports; the parallelism that pays is inside the assets."""
    return ReadyFirst(RetryMode.ENABLED)


@dg.logger
def terminal(_: dg.InitLoggerContext) -> logging.Logger:
    """What assets say, for a terminal: why a step failed is said at the end, and not with Dagster's stack of causes."""
    lines = create_console_logger("smallcap", logging.INFO)
    lines.addFilter(lambda record: record.levelno < logging.ERROR)
    lines.addFilter(_obeyed_by_no_terminal)
    return lines


@dg.logger
def console(_: dg.InitLoggerContext) -> logging.Logger:
    """What a run that the UI started says, for the terminal of `make ui` and for the logs of its steps."""
    lines = create_console_logger("dagster", logging.INFO)
    lines.addFilter(_obeyed_by_no_terminal)
    return lines


def _obeyed_by_no_terminal(record: logging.LogRecord) -> bool:
    record.msg, record.args = for_terminal(record.getMessage()), ()
    return True


daily_job = dg.define_asset_job(
    "smallcap_daily",
    selection=dg.AssetSelection.all(),
    description="Vendors, raw lake, dbt build, release: the whole graph in one run.",
    executor_def=one_process,
    tags={"dagster/max_retries": "0"},
)


def range_tags(first: dt.date, last: dt.date) -> dict[str, str]:
    """Run tags that ask the partitioned assets for the months of a range in one run."""
    return {
        "dagster/asset_partition_range_start": first.replace(day=1).isoformat(),
        "dagster/asset_partition_range_end": last.replace(day=1).isoformat(),
    }


def job_origin() -> RemoteJobOrigin:
    """The job as the UI knows it: `make ui` loads the module orchestration.definitions.

    The UI lists a run under its job and in the timeline where the run has this origin. A run that the UI starts has it,
    and one that is executed in a terminal has to be given it.
    """
    module = LoadableTargetOrigin(executable_path=sys.executable, module_name="orchestration.definitions")
    # Dagster declares these two as attributes, which the type checker does not take for overrides
    location = ManagedGrpcPythonEnvCodeLocationOrigin(module)  # ty: ignore[abstract-class-instantiation]
    return RemoteRepositoryOrigin(location, SINGLETON_REPOSITORY_NAME).get_job_origin(daily_job.name)


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
