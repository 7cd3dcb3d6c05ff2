"""`make run` and `make live`: the whole job, the same the schedule starts, over the months that miss something."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import dagster as dg

from orchestration.disk import DISK_FULL, disk_full, is_disk_full, says_disk_full
from orchestration.foreign_text import from_markdown, say
from orchestration.lake.store import LakeError
from orchestration.settings import REPOSITORY, Settings, SettingsError, check_folder, load_settings

# the run's events are in the UI
QUIET = {"loggers": {"terminal": {}}}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the job; 0 where a release stands at the end."""
    parser = argparse.ArgumentParser(prog="run", description=__doc__)
    parser.add_argument("--force", action="store_true", help="build even where nothing changed")
    force = parser.parse_args(arguments).force
    # importing it reads the seeds and takes a second, which should not delay --help
    from orchestration.ingest.common import one_run_at_a_time, ready, usable_directory

    try:
        data_dir = usable_directory()
        with one_run_at_a_time(data_dir, say):
            settings, _ = ready()
            return _run(settings, _home(), force)
    except (SettingsError, LakeError) as error:
        return _fail(str(error))
    except Exception as error:
        # the lake is on a disk, and so is Dagster's history
        data_dir = load_settings().data_dir
        if not is_disk_full(error, data_dir):
            raise
        return _fail(disk_full(data_dir))


def _fail(message: str) -> int:
    say(message, error=True)
    return 1


def _home() -> Path:
    """Dagster keeps its history where the Makefile says, or in the repository."""
    home = Path(os.environ.setdefault("DAGSTER_HOME", str(REPOSITORY / ".dagster")))
    check_folder("DAGSTER_HOME", home)
    if not (home / "dagster.yaml").exists():
        shutil.copy(REPOSITORY / "orchestration" / "dagster.yaml", home)
    return home


def _run(settings: Settings, home: Path, force: bool) -> int:
    started = time.monotonic()
    # importing the code location parses the dbt project, which takes seconds
    from orchestration.automation import job_origin, range_tags
    from orchestration.definitions import defs
    from orchestration.history import open_history
    from orchestration.ingest.scope import months_to_ask

    first, last = months_to_ask(settings)
    clock = f"{settings.now():%Y-%m-%d %H:%M %Z}"
    say(f"smallcap-lake: source {settings.source}, clock {clock}, {first:%Y-%m} to {last:%Y-%m}")
    config = {**QUIET, "ops": {"warehouse": {"config": {"force": force}}}}
    with open_history(home, job_origin()) as instance:
        result = defs.resolve_job_def("smallcap_daily").execute_in_process(
            instance=instance, tags=range_tags(first, last), run_config=config, raise_on_error=False
        )
    less = ""
    for check in result.get_asset_check_evaluations():
        if check.check_name == "vendors_answer" and not check.passed:
            less = from_markdown(check.description or "")
        elif not check.passed:
            description = from_markdown(check.description or "failed")
            say(f"warning: {check.asset_key.to_user_string()}, {check.check_name}: {description}")
    if less:
        say(f"this run got less than everything:\n{less}")
    failures = (_explanation(event, settings.data_dir) for event in result.get_step_failure_events())
    for said in dict.fromkeys(failures):
        say(f"\n{said}", error=True)
    if not result.success:
        return 1
    for event in result.asset_materializations_for_node("release"):
        said = {name: value.value for name, value in event.metadata.items()}
        say(f"release {said['release']} ({said['status']}): {said['dagster/row_count']:,} rows")
        say(f"  SQL      {said['served_database']}")
        say(f"  Parquet  {settings.data_dir / 'exports' / 'latest'}")
    say(f"done in {time.monotonic() - started:.0f} s; more: make status")
    return 0


def _explanation(event: dg.DagsterEvent, data_dir: Path) -> str:
    """The innermost cause of a failed step, which says what to do."""
    error = event.step_failure_data.error
    while error and error.cause:
        error = error.cause
    if error and says_disk_full(error.message):
        return disk_full(data_dir)
    message = error.message if error else "no message"
    message = message.removeprefix("dagster._core.definitions.events.Failure: ").rstrip()
    # a full disk ends every step that writes, each with the same line
    return message if message.startswith(DISK_FULL) else f"{event.step_key} failed: {message}"


if __name__ == "__main__":
    sys.exit(main())
