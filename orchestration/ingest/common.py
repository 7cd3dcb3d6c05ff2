"""What the ingest assets share: partitions, config, one open session on the lake, results and checks."""

import datetime as dt
import time
import warnings
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, lru_cache, wraps
from pathlib import Path
from types import FunctionType
from typing import Any

import dagster as dg
import pandas as pd
from filelock import FileLock, Timeout

from orchestration.calendars import NEW_YORK, last_closed_session
from orchestration.disk import disk_full, is_disk_full
from orchestration.foreign_text import for_markdown
from orchestration.ingest.batch import Batch
from orchestration.ingest.plots import A_YEAR, line_plot, rows_by_month
from orchestration.lake.contracts import TABLES
from orchestration.lake.store import Lake, LakeError
from orchestration.settings import (
    REPOSITORY,
    Settings,
    SettingsError,
    check_folder,
    load_settings,
    partition_settings,
)
from orchestration.vendors.http import Connection, Run

# month partitions in one run need a backfill policy, which Dagster 1.13 still calls beta
warnings.filterwarnings("ignore", message="Parameter .backfill_policy", category=dg.BetaWarning)

SEEDS = REPOSITORY / "dbt_project" / "seeds"
OWNER = "team:smallcap-lake"
GROUP = "ingest"
NETWORK_RETRIES = dg.RetryPolicy(max_retries=2, delay=20, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS)


# a first run of ten years of daily holdings takes half of it
RUN_LOCK_SECONDS = 3600.0
# the sandbox is on this machine
SANDBOX_RPS = 10_000.0


class IngestConfig(dg.Config):
    """What a person may narrow or force in the launchpad."""

    refresh: bool = False
    """Ask for everything in the range again, also what was answered before."""
    first_date: str | None = None
    """Narrow the range: first date, such as 2026-07-01."""
    last_date: str | None = None
    """Narrow the range: last date."""


def month_partitions() -> dg.MonthlyPartitionsDefinition:
    """Calendar months from SMALLCAP_START through the month of the clock."""
    start, today = partition_settings()
    following = (today.replace(day=28) + dt.timedelta(days=4)).replace(day=1)
    return dg.MonthlyPartitionsDefinition(
        start_date=start.replace(day=1).isoformat(),
        # without an end the newest partition is the last finished month; a frozen clock also needs its own end
        end_date=following.isoformat() if today != dt.datetime.now(NEW_YORK).date() else None,
        end_offset=0 if today != dt.datetime.now(NEW_YORK).date() else 1,
        timezone="America/New_York",
    )


MONTHS = month_partitions()


@dataclass(frozen=True)
class Session:
    """One run's view: settings, lake, clock, and the dates it may ask for (both ends included)."""

    settings: Settings
    lake: Lake
    now: dt.datetime
    first: dt.date
    last: dt.date
    refresh: bool
    run: Run = field(default_factory=Run)
    started: float = field(default_factory=time.monotonic)
    told: set[str] = field(default_factory=set)

    @property
    def today(self) -> dt.date:
        """New York date of the clock."""
        return self.now.astimezone(NEW_YORK).date()

    @property
    def known_on(self) -> dt.date | None:
        """Date as of which a vendor that keeps its history is asked, where the clock stands still."""
        return self.today if self.settings.frozen else None

    @property
    def last_closed(self) -> dt.date:
        """Newest session whose bar is final."""
        return last_closed_session(self.now)

    def connection(self, vendor: str) -> Connection:
        """How to reach a vendor under these settings."""
        url, rps = self.settings.url(vendor), self.settings.max_rps
        if url is None and self.settings.source == "sandbox":
            from orchestration.ingest.embedded import sandbox_url  # generating a market costs seconds

            url, rps = sandbox_url(self.now), rps or SANDBOX_RPS
        return Connection(vendor, base_url=url, max_rps=rps, run=self.run)

    def progress(
        self, context: dg.AssetExecutionContext, vendor: str, number: int, total: int, what: str, batch: Batch
    ) -> None:
        """Say how far a vendor's questions are: rows so far and the time that is left at this pace.

        Where the vendor is asked no more, that is said once.
        """
        if vendor in batch.not_asked:
            if vendor not in self.told:
                context.log.warning(f"{vendor} {number}/{total} {batch.not_asked[vendor]}")
                self.told.add(vendor)
            return
        spent = time.monotonic() - self.started
        left = spent / number * (total - number)
        context.log.info(f"{vendor} {number}/{total} {what}, {batch.accepted:,} rows, about {left:.0f} s left")

    def asks(self, vendor: str) -> bool:
        """Whether this vendor may be asked: it is among SMALLCAP_VENDORS, and the clock is not behind the lake."""
        return vendor in self.settings.vendors and not self.is_behind

    def expected(self, vendor: str, behind: dict[str, str]) -> dict[str, str]:
        """What is behind, where its vendor is among SMALLCAP_VENDORS: nobody waits for what is not asked."""
        return behind if vendor in self.settings.vendors else {}

    @property
    def is_behind(self) -> bool:
        """Whether the lake was filled after this clock: a replay of the past reads what was known, and asks nothing."""
        newest = self.lake.query("select max(fetched_at) as newest from request").column("newest")[0].as_py()
        return newest is not None and newest > self.now


def ready() -> tuple[Settings, Lake]:
    """The settings and the lake, where a run can begin.

    Raises:
        SettingsError: A setting is missing or wrong, or the data directory cannot be written to.
        LakeError: The data directory holds another source, or files that cannot be its own.
    """
    usable_directory()
    settings = load_settings()
    return settings, Lake(settings.data_dir, settings.source, accept_losses=settings.accept_losses)


def usable_directory() -> Path:
    """The data directory, which this user can write to.

    Raises:
        SettingsError: As `ready`.
    """
    data_dir = load_settings().data_dir
    check_folder("SMALLCAP_DATA_DIR", data_dir)
    return data_dir


@contextmanager
def one_run_at_a_time(data_dir: Path, say: Callable[[str], None]) -> Generator[None]:
    """Wait until no other run writes to a data directory, and keep others out; a run that is killed lets go by itself.

    Args:
        data_dir: The data directory, which can be written to.
        say: Told once where this run has to wait.

    Raises:
        LakeError: Another run went on for longer than `RUN_LOCK_SECONDS`.
    """
    folder = data_dir / "build"
    folder.mkdir(parents=True, exist_ok=True)
    # the same object in all of a process: a command and the executor that it calls are one run
    lock = FileLock(folder / ".run.lock", is_singleton=True)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        say(f"another run is writing to {data_dir}: this one waits for it to end")
        try:
            lock.acquire(timeout=RUN_LOCK_SECONDS)
        except Timeout:
            raise LakeError(
                f"Another run has been writing to {data_dir} for {RUN_LOCK_SECONDS / 60:.0f} minutes, so this one "
                "asked, built and published nothing. Let the other one end, or end it, and run again."
            ) from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def plain_words() -> Generator[None]:
    """Say what another try would not change once and in words.

    Raises:
        Failure: A setting or the data directory cannot be used, or the disk is full.
    """
    try:
        yield
    except (SettingsError, LakeError) as error:
        raise dg.Failure(str(error), allow_retries=False) from None
    except Exception as error:
        data_dir = load_settings().data_dir
        if is_disk_full(error, data_dir):
            raise dg.Failure(disk_full(data_dir), allow_retries=False) from None
        raise


def open_session(context: dg.AssetExecutionContext, config: IngestConfig) -> Session:
    """Read the settings, open the lake, and cut the asked range to the partitions and the config.

    Raises:
        SettingsError: As `ready`.
        LakeError: As `ready`.
    """
    settings, lake = ready()
    now = settings.now()
    first, last = settings.start, now.astimezone(NEW_YORK).date()
    if context.has_partition_key or context.has_partition_key_range:
        window = context.partition_time_window
        first = max(first, window.start.date())
        last = min(last, window.end.date() - dt.timedelta(days=1))
    if config.first_date:
        first = max(first, dt.date.fromisoformat(config.first_date))
    if config.last_date:
        last = min(last, dt.date.fromisoformat(config.last_date))
    run = this_run(context.run.run_id, settings.run_deadline)
    return Session(settings, lake, now, first, last, config.refresh, run)


@lru_cache(maxsize=1)
def this_run(run_id: str, seconds: float) -> Run:
    """What a run may still ask: all its steps together, as they run in one process."""
    return Run(seconds)


@cache
def seed(name: str) -> pd.DataFrame:
    """A reviewed seed table of the dbt project, all columns as text, blanks as None."""
    frame = pd.read_csv(SEEDS / f"{name}.csv", dtype=str, keep_default_na=False)
    return frame.astype(object).where(frame != "", None)


def reconstitution_fridays() -> list[dt.date]:
    """Effective dates of the reviewed reconstitution calendar."""
    return [dt.date.fromisoformat(text) for text in seed("reconstitution")["effective_date"]]


def pictures(session: Session, table: str, date: str, lines: dict[str, pd.Series], unit: str) -> dict[str, Any]:
    """The two plots of an asset page: the last year of what it stores, and how much it stores by month."""
    label = "SYNTHETIC, " if session.settings.source == "sandbox" else ""
    stored = rows_by_month(session.lake, table, date, session.now)
    return {
        "last_year": line_plot(lines, f"{label}last year", unit),
        "rows_by_month": line_plot(stored, f"{label}rows stored by month", "rows"),
        "preview": preview(session, table, date),
    }


def preview(session: Session, table: str, date: str) -> dg.MetadataValue:
    """The newest rows as they are stored: as a table, in whose cells nothing is taken for Markdown."""
    names = ", ".join(TABLES[table].columns.names[:10])
    rows = session.lake.query(
        f"select {names} from {table} where fetched_at <= ? order by {date} desc, ingest_seq desc limit 5",
        [session.now],
    ).to_pylist()
    if not rows:
        return dg.MetadataValue.text("nothing stored yet")
    return dg.MetadataValue.table([dg.TableRecord({name: _cell(value) for name, value in row.items()}) for row in rows])


def _cell(value: Any) -> str | float | bool | None:
    return value if value is None or isinstance(value, (str, int, float)) else str(value)


def check_specs(asset: str) -> list[dg.AssetCheckSpec]:
    """The checks every ingest asset carries; they warn, because one vendor down never stops the others."""
    return [
        dg.AssetCheckSpec("vendor_answers", asset=asset, description="Every question was answered (no named failure)"),
        dg.AssetCheckSpec("rows_against_source", asset=asset, description="No row of the answers was refused"),
        dg.AssetCheckSpec("coverage", asset=asset, description="The newest expected date is stored for every key"),
        dg.AssetCheckSpec("bounds", asset=asset, description="Stored values of the last year lie where they can"),
    ]


def result(
    session: Session,
    batch: Batch,
    tables: Sequence[str],
    behind: dict[str, str],
    outliers: str,
    extra: dict[str, Any] | None = None,
) -> dg.MaterializeResult:
    """Row counts, failures and checks of one ingest asset.

    Args:
        session: The run's session.
        batch: What was asked and stored.
        tables: The raw tables this asset fills.
        behind: Keys whose newest expected date is not stored, and what is.
        outliers: SQL on the raw tables that finds values out of bounds since a date: columns key and what.
        extra: More metadata.
    """
    names = ", ".join(f"(select count(*) from {t}) as {t}" for t in tables)
    stored = session.lake.query(f"select {names}").to_pylist()[0]
    failures = [
        {"key": a.key, "outcome": a.outcome, "http_status": a.http_status or 0, "detail": a.detail[:300]}
        for a in batch.failures
    ]
    metadata: dict[str, Any] = {
        "dagster/row_count": dg.MetadataValue.int(sum(stored.values())),
        "rows_added": dg.MetadataValue.int(sum(batch.rows_added.values())),
        "rows_revised": dg.MetadataValue.int(sum(batch.rows_revised.values())),
        "rows_accepted": dg.MetadataValue.int(batch.accepted),
        "rows_rejected": dg.MetadataValue.int(batch.rejected),
        "requests": dg.MetadataValue.int(sum(batch.outcomes.values())),
        "outcomes": dg.MetadataValue.json(dict(sorted(batch.outcomes.items()))),
        "clock": dg.MetadataValue.text(session.now.isoformat()),
        "source": dg.MetadataValue.text(session.settings.source),
        **(extra or {}),
    }
    if failures:
        metadata["failures"] = dg.MetadataValue.table([dg.TableRecord(f) for f in failures[:50]])
    rows = session.lake.query(outliers, [(session.now - A_YEAR).date()]).to_pylist()
    beyond = {row["key"]: row["what"] for row in rows}
    refused = f"{batch.accepted} rows accepted, {batch.rejected} refused and kept in quarantine"
    checks = {
        "vendor_answers": (len(failures), _grouped(batch) or "every question was answered"),
        "rows_against_source": (batch.rejected, refused),
        "coverage": (len(behind), _listed(behind, "lack their newest expected date")),
        "bounds": (len(beyond), _listed(beyond, "hold values out of bounds")),
    }
    return dg.MaterializeResult(
        metadata=metadata,
        check_results=[
            dg.AssetCheckResult(
                check_name=name,
                passed=found == 0,
                severity=dg.AssetCheckSeverity.WARN,
                description=for_markdown(description),
                metadata={"found": found},
            )
            for name, (found, description) in checks.items()
        ],
    )


def _grouped(batch: Batch) -> str:
    groups: dict[tuple[str, str], list[str]] = {}
    for answer in batch.failures:
        groups.setdefault((answer.vendor, answer.outcome), []).append(answer.key)
    return "; ".join(
        f"{vendor}: {outcome} for {', '.join(sorted(set(keys))[:12])}{' …' if len(set(keys)) > 12 else ''}"
        for (vendor, outcome), keys in sorted(groups.items())
    )


def _listed(keys: dict[str, str], what_they_do: str) -> str:
    if not keys:
        return f"no keys {what_they_do}"
    shown = "; ".join(f"{key}: {what}" for key, what in sorted(keys.items())[:12])
    return f"{len(keys)} keys {what_they_do}: {shown}{' …' if len(keys) > 12 else ''}"


def column_schema(*tables: str) -> dg.TableSchema:
    """The column schema of the raw tables an asset fills, for its page."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(f"{name}.{field.name}" if len(tables) > 1 else field.name, str(field.type))
            for name in tables
            for field in TABLES[name].schema
        ]
    )


def ingest_asset(
    vendor: str, *tables: str, subject: str, deps: Sequence[str] = ()
) -> Callable[[FunctionType], dg.AssetsDefinition]:
    """An asset that asks a vendor for months and fills raw tables: any range of months is one run.

    Args:
        vendor: Who is asked.
        tables: The raw tables it fills.
        subject: The group of dbt models that its data are for.
        deps: Assets whose data it reads.
    """

    def define(ask: FunctionType) -> dg.AssetsDefinition:
        @wraps(ask)
        def told(context: dg.AssetExecutionContext, config: IngestConfig) -> dg.MaterializeResult:
            with plain_words():
                return ask(context, config)

        return dg.asset(
            partitions_def=MONTHS,
            backfill_policy=dg.BackfillPolicy.single_run(),
            deps=deps,
            group_name=GROUP,
            owners=[OWNER],
            kinds={"python", "parquet"},
            tags={"layer": "raw", "vendor": vendor, "subject": subject},
            retry_policy=NETWORK_RETRIES,
            check_specs=check_specs(ask.__name__),
            metadata=asset_metadata(*tables),
        )(told)

    return define


def asset_metadata(*tables: str) -> dict[str, object]:
    """Static metadata of an ingest asset."""
    return {"dagster/column_schema": column_schema(*tables), "raw_tables": ", ".join(tables)}


def newest_by_key(lake: Lake, table: str, key: str, date: str, value: str, now: dt.datetime) -> dict[str, dt.date]:
    """Newest stored date with a value, by key, as known at the clock."""
    rows = lake.query(
        f"select {key} as key, max({date}) as newest from {table} "
        f"where {value} is not null and fetched_at <= ? group by all",
        [now],
    )
    return {row["key"]: row["newest"] for row in rows.to_pylist()}


def reference_file(data_dir: Path, name: str) -> Path:
    """Where a computed reference table of the build lives."""
    return data_dir / "build" / "reference" / f"{name}.parquet"
