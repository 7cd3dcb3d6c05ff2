"""Dagster's history of runs in SQLite: connections that stay open, and old runs that are forgotten."""

from __future__ import annotations

import datetime as dt
import os
import sqlite3
from collections import OrderedDict
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.instance.config import dagster_instance_config
from dagster._core.instance.ref import InstanceRef
from dagster._core.remote_origin import RemoteJobOrigin
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable, SqlEventLogStorageTable
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SQLITE_BUSY_TIMEOUT_SECONDS, SqliteEventLogStorage
from dagster._serdes import ConfigurableClassData
from sqlalchemy import Connection, Engine, create_engine, event, func, select
from sqlalchemy.pool import QueuePool

# settings of dagster.yaml that say where the history is kept
STORAGE = {"storage", "run_storage", "event_log_storage", "schedule_storage"}
# the index of all runs, the run that is written, and one that somebody looks at
OPEN_DATABASES = 3


def open_history(home: Path, origin: RemoteJobOrigin | None = None) -> dg.DagsterInstance:
    """Dagster's history in the folder `home`; `EventLog` writes it unless dagster.yaml there names a storage.

    Args:
        home: DAGSTER_HOME.
        origin: Where the UI finds the job of the runs that are made here; none leaves them without a job in the UI.
    """
    settings, _ = dagster_instance_config(str(home))
    kept = {
        "module": EventLog.__module__,
        "class": EventLog.__name__,
        "config": {"base_dir": str(home / "history" / "runs")},
    }
    overrides = {} if STORAGE & set(settings) else {"event_log_storage": kept}
    instance = dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(home), overrides=overrides))
    if origin:
        # execute_in_process makes the run and takes no origin
        made = partial(instance.create_run_for_job, remote_job_origin=origin)
        instance.create_run_for_job = made  # ty: ignore[invalid-assignment]
    return instance


def forget_runs(instance: dg.DagsterInstance, before: dt.datetime) -> int:
    """Remove the runs made before a moment: their events, results of checks, logs and files.

    A run stays where it is the newest that filled some asset or some month of one: the pages of the assets show it.
    Dagster's own deletion leaves the file of a run, the results of its checks and its logs, and waits for the disk
    several times for each.

    Args:
        instance: The history. Only one in SQLite, which is the default, is touched.
        before: Older runs are removed.

    Returns:
        How many runs were removed.
    """
    log = instance.event_log_storage
    if not isinstance(log, SqliteEventLogStorage):
        return 0
    old = {run.run_id for run in instance.get_runs(dg.RunsFilter(created_before=before))}
    old -= _runs_on_pages(log) if old else set()
    for run_id in old:
        if isinstance(log, EventLog):
            log.close(run_id)
        for suffix in ("", "-wal", "-shm"):
            Path(f"{log.path_for_shard(run_id)}{suffix}").unlink(missing_ok=True)
        instance.compute_log_manager.delete_logs(prefix=[run_id])
    if old:
        with log.index_connection() as connection:
            for run_id in old:
                log.delete_events_for_run(connection, run_id)
                checked = AssetCheckExecutionsTable.c.run_id == run_id
                connection.execute(AssetCheckExecutionsTable.delete().where(checked))
    # last: a run that is still listed is found again where this is killed
    for run_id in old:
        instance.run_storage.delete_run(run_id)
    return len(old)


def _runs_on_pages(log: SqliteEventLogStorage) -> set[str]:
    """The runs of the newest materialization of each asset and month."""
    told = SqlEventLogStorageTable.c
    newest = (
        select(func.max(told.id))
        .where(told.dagster_event_type == dg.DagsterEventType.ASSET_MATERIALIZATION.value)
        .group_by(told.asset_key, told.partition)
    )
    with log.index_connection() as connection:
        return set(connection.execute(select(told.run_id).where(told.id.in_(newest))).scalars())


class EventLog(SqliteEventLogStorage):
    """Dagster's event log in SQLite, in the same files.

    Dagster opens and closes each database several times for each event. A run of this project stores 1,000 and more,
    and each closing makes SQLite copy its journal into the database and wait for the disk. Here the databases used last
    stay open. `docs/decisions/event-log.md` has the measurement.
    """

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        """Open the event log in the folder `base_dir`, made where it is missing."""
        self._engines: OrderedDict[str, Engine] = OrderedDict()
        super().__init__(base_dir, inst_data)

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> SqliteEventLogStorage:
        """The event log of one block of settings."""
        return cls(inst_data=inst_data, **config_value)

    @contextmanager
    def _connect(self, shard: str) -> Generator[Connection]:
        with self._db_lock:
            engine = self._engine(shard)
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            with engine.connect() as connection, connection.begin():
                yield connection
            # pages of the UI that follow a run watch this file, and SQLite has written to the journal beside it
            os.utime(self.path_for_shard(shard))

    def _engine(self, shard: str) -> Engine:
        engine = self._engines.pop(shard, None)
        if engine is None:
            engine = create_engine(
                self.conn_string_for_shard(shard),
                poolclass=QueuePool,
                connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
            )
            event.listen(engine, "connect", _wait_for_the_disk_seldom)
        self._engines[shard] = engine
        if len(self._engines) > OPEN_DATABASES:
            self._engines.popitem(last=False)[1].dispose()
        return engine

    def close(self, shard: str) -> None:
        """Close one database, whose file may go then."""
        with self._db_lock:
            self._initialized_dbs.discard(shard)
            if engine := self._engines.pop(shard, None):
                engine.dispose()

    def wipe(self) -> None:
        """Forget everything: the files of the runs go, so their connections must."""
        self._close()
        super().wipe()

    def dispose(self) -> None:
        """Close the databases."""
        self._close()
        super().dispose()

    def _close(self) -> None:
        with self._db_lock:
            while self._engines:
                self._engines.popitem()[1].dispose()


def _wait_for_the_disk_seldom(connection: sqlite3.Connection, _: object) -> None:
    """Wait where the journal is copied into the database and not after each event.

    A power failure may take the newest events with it and leaves the database whole.
    """
    connection.execute("pragma synchronous = normal")
