"""`make status`: what is built, what is missing, what failed, and what is published.

Failures and quarantined rows are read from the raw lake, so that they show while the build fails.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import math
import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import duckdb

from orchestration.build.record import BuildRecordError, load_record
from orchestration.foreign_text import say
from orchestration.ingest.unanswered import unanswered
from orchestration.lake.contracts import TABLES
from orchestration.publish.audit import audit
from orchestration.publish.files import duckdb_connection
from orchestration.publish.manifest import load_manifest
from orchestration.publish.release import latest_release, releases
from orchestration.publish.served import NAME, served_release
from orchestration.publish.tables import PublishRefused, literal
from orchestration.settings import Settings, SettingsError, load_settings_to_read

HOLDINGS_DATASETS = frozenset({"constituents", "holdings", "holding", "fct_holding"})
FINE = ("ok", "empty")
LEDGER = "request"
RAW_DATES = (
    *("session_date", "observation_date", "as_of_date", "ex_date", "release_date", "row_date"),
    *("report_date", "filed_date"),
)


@dataclass(frozen=True)
class Coverage:
    """Sessions of one dataset, summed over its keys."""

    dataset: str
    keys: int
    expected: int
    present: int
    missing: int
    first: str | None
    newest: str | None


@dataclass(frozen=True)
class RawTableState:
    """One raw table: how much it holds and up to when."""

    table: str
    rows: int
    newest: str | None
    last_fetched_at: str | None


@dataclass(frozen=True)
class Failure:
    """Keys of one dataset whose newest request failed in one way."""

    vendor: str
    dataset: str
    outcome: str
    keys: tuple[str, ...]
    since: str
    detail: str


@dataclass(frozen=True)
class Quarantined:
    """Rows refused at ingest under one rule."""

    vendor: str
    dataset: str
    rule: str
    rows: int
    last_detected_at: str


@dataclass(frozen=True)
class Release:
    """The release `latest` points at."""

    release_id: str
    as_of_session: str
    built_at: str
    tables: int
    rows: int
    warnings: tuple[str, ...]
    served_release: str | None
    kept: tuple[str, ...]


@dataclass(frozen=True)
class Backfill:
    """Holdings snapshots not fetched yet, and the day the daily budget reaches the last of them."""

    missing: int
    daily_budget: int | None
    done_by: str | None


@dataclass(frozen=True)
class Status:
    """Everything `make status` shows."""

    source: str
    is_synthetic: bool
    now: str
    is_clock_frozen: bool
    data_dir: str
    dagster_home: str | None
    is_built: bool
    build: str
    release: Release | None
    coverage: tuple[Coverage, ...]
    backfill: Backfill | None
    raw: tuple[RawTableState, ...]
    failures: tuple[Failure, ...]
    quarantined: tuple[Quarantined, ...]
    problems: tuple[str, ...]
    unanswered: tuple[str, ...]


def status(settings: Settings) -> Status:
    """Look at a data directory; works at any stage, an empty one included."""
    data_dir = settings.data_dir
    problems: list[str] = []
    with duckdb_connection(data_dir, read_only=False) as con:
        raw = tuple(_raw_tables(con, data_dir, problems))
        failures = tuple(_failures(con, data_dir, problems))
        quarantined = tuple(_quarantined(con, data_dir, problems))
        missing = _unanswered(con, settings, problems)
    coverage = tuple(_coverage(data_dir, problems))
    marker = data_dir / "raw" / "source.json"
    source = json.loads(marker.read_text(encoding="utf-8"))["source"] if marker.exists() else settings.source
    if source != settings.source:
        problems.append(f"{data_dir} holds {source} data and SMALLCAP_SOURCE is {settings.source}: the two never mix")
    is_built, build = _build(settings)
    return Status(
        source=source,
        is_synthetic=source == "sandbox",
        now=settings.now().isoformat(timespec="seconds"),
        is_clock_frozen=settings.frozen,
        data_dir=str(data_dir),
        dagster_home=os.environ.get("DAGSTER_HOME"),
        is_built=is_built,
        build=build,
        release=_release(data_dir),
        coverage=coverage,
        backfill=_backfill(coverage, settings),
        raw=raw,
        failures=failures,
        quarantined=quarantined,
        problems=tuple(problems),
        unanswered=missing,
    )


def _build(settings: Settings) -> tuple[bool, str]:
    try:
        record = load_record(settings.data_dir)
        if record is None:
            return False, "nothing built yet: run make run"
        found = audit(settings.data_dir, settings.source)
    except (BuildRecordError, PublishRefused) as error:
        return True, str(error)
    warned = f", {len(found.warnings)} warnings" if found.warnings else ""
    return True, f"passed {found.tests} tests{warned}, finished {record.finished_at}, session {record.as_of_session}"


def _release(data_dir: Path) -> Release | None:
    exports = data_dir / "exports"
    name = latest_release(exports)
    manifest = load_manifest(exports / name) if name else None
    if manifest is None:
        return None
    return Release(
        release_id=manifest["release_id"],
        as_of_session=manifest["as_of_session"],
        built_at=manifest["built_at"],
        tables=len(manifest["tables"]),
        rows=sum(table["rows"] for table in manifest["tables"].values()),
        warnings=tuple(manifest["warnings"]),
        served_release=served_release(data_dir),
        kept=tuple(releases(exports)),
    )


def _coverage(data_dir: Path, problems: list[str]) -> Iterator[Coverage]:
    path = data_dir / NAME
    if not path.exists():
        return
    try:
        with duckdb_connection(data_dir, path, read_only=True) as con:
            if not con.execute("select 1 from duckdb_tables() where table_name = 'fct_coverage'").fetchone():
                return
            rows = con.execute("""
                select
                    dataset,
                    count(distinct key),
                    count(*) filter (state <> 'not_expected'),
                    count(*) filter (state = 'present'),
                    count(*) filter (state = 'missing'),
                    min(session_date) filter (state = 'present')::varchar,
                    max(session_date) filter (state = 'present')::varchar
                from fct_coverage group by dataset order by dataset
            """).fetchall()
    except duckdb.Error as error:
        problems.append(f"{path} cannot be read: {_line(error)}")
        return
    yield from (Coverage(*row) for row in rows)


def _backfill(coverage: Sequence[Coverage], settings: Settings) -> Backfill | None:
    missing = sum(c.missing for c in coverage if c.dataset in HOLDINGS_DATASETS)
    if not missing:
        return None
    if settings.source == "sandbox":
        return Backfill(missing, None, None)
    budget = settings.holdings_daily_budget
    days = math.ceil(missing / budget) if budget else None
    done_by = (settings.now().date() + dt.timedelta(days=days)).isoformat() if days is not None else None
    return Backfill(missing, budget, done_by)


def _raw_tables(con: duckdb.DuckDBPyConnection, data_dir: Path, problems: list[str]) -> Iterator[RawTableState]:
    for name, table in TABLES.items():
        column = next((c for c in RAW_DATES if c in table.columns.names), None)
        newest = f"max({column})::varchar" if column else "null"
        for row in _raw(
            con, data_dir, name, f"select count(*), {newest}, max(fetched_at)::varchar from {{}}", problems
        ):
            yield RawTableState(name, *row)


def _failures(con: duckdb.DuckDBPyConnection, data_dir: Path, problems: list[str]) -> Iterator[Failure]:
    sql = f"""
        with ranked as (
            select
                vendor, dataset, key, outcome, fetched_at, coalesce(detail, '') as detail,
                max(fetched_at) filter (outcome in {FINE}) over same_key as last_fine,
                row_number() over (same_key order by fetched_at desc, ingest_seq desc) as recency
            from {{}}
            window same_key as (partition by vendor, dataset, key)
        ),
        failing as (
            select vendor, dataset, key
            from ranked where recency = 1 and outcome not in {FINE}
        ),
        keyed as (
            select
                r.vendor, r.dataset, r.key,
                arg_min(r.outcome, r.recency) as outcome,
                arg_min(r.detail, r.recency) as detail,
                min(r.fetched_at) as since
            from ranked as r
            semi join failing as f on r.vendor = f.vendor and r.dataset = f.dataset and r.key is not distinct from f.key
            where r.outcome not in {FINE} and (r.last_fine is null or r.fetched_at >= r.last_fine)
            group by r.vendor, r.dataset, r.key
        )
        select
            vendor, dataset, outcome, list(key order by key), min(since)::varchar, arg_min(detail, key)
        from keyed group by vendor, dataset, outcome order by vendor, dataset, outcome
    """
    for vendor, dataset, outcome, keys, since, detail in _raw(con, data_dir, LEDGER, sql, problems):
        yield Failure(vendor, dataset, outcome, tuple(keys), since, detail)


def _unanswered(con: duckdb.DuckDBPyConnection, settings: Settings, problems: list[str]) -> tuple[str, ...]:
    def query(sql: str, given: Sequence[object]) -> list[dict[str, Any]]:
        for table in (table for table in TABLES.values() if re.search(rf"\bfrom {table.name}\b", sql)):
            files = settings.data_dir / "raw" / table.name / "*.parquet"
            if any(files.parent.glob(files.name)):
                con.execute(f"create or replace temp view {table.name} as from read_parquet({literal(str(files))})")
            else:
                con.register(table.name, table.schema.empty_table())
        return con.execute(sql, given).to_arrow_table().to_pylist()

    try:
        return tuple(unanswered(query, settings.vendors, settings.now()))
    except duckdb.Error as error:
        problems.append(f"what vendors have not answered cannot be read: {_line(error)}")
        return ()


def _quarantined(con: duckdb.DuckDBPyConnection, data_dir: Path, problems: list[str]) -> Iterator[Quarantined]:
    sql = """
        select vendor, dataset, rule, count(*), max(fetched_at)::varchar
        from {} group by vendor, dataset, rule order by vendor, dataset, rule
    """
    for row in _raw(con, data_dir, "quarantine", sql, problems):
        yield Quarantined(*row)


def _raw(
    con: duckdb.DuckDBPyConnection, data_dir: Path, table: str, sql: str, problems: list[str]
) -> list[tuple[Any, ...]]:
    """Rows of a query on one raw table; none where it has no files yet."""
    folder = data_dir / "raw" / table
    if not any(folder.glob("*.parquet")):
        return []
    try:
        return con.execute(sql.format(f"read_parquet({literal(str(folder / '*.parquet'))})")).fetchall()
    except duckdb.Error as error:
        problems.append(f"{folder} cannot be read: {_line(error)}")
        return []


def _line(error: Exception) -> str:
    return " ".join(str(error).split())


def render(found: Status) -> str:
    """The status as text."""
    frozen = " (frozen by SMALLCAP_TODAY)" if found.is_clock_frozen else ""
    lines = [
        f"source        {found.source}{' – SYNTHETIC data, not market prices' if found.is_synthetic else ''}",  # noqa: RUF001
        f"clock         {found.now}{frozen}",
        f"data          {found.data_dir}",
        f"DAGSTER_HOME  {found.dagster_home or 'not set (make sets it)'}",
        f"build         {found.build}",
        *_release_lines(found.release),
        *(f"problem       {problem}" for problem in found.problems),
        *(f"not answered  {line}" for line in found.unanswered),
    ]
    lines += _section(
        "coverage (sessions, all keys together)",
        ("dataset", "keys", "expected", "present", "missing", "first", "newest"),
        [(c.dataset, c.keys, c.expected, c.present, c.missing, c.first, c.newest) for c in found.coverage],
    )
    lines += _backfill_lines(found.backfill)
    lines += _section(
        "raw lake",
        ("table", "rows", "newest", "last fetched"),
        [(r.table, r.rows, r.newest, r.last_fetched_at) for r in found.raw],
    )
    if found.raw:
        lines += ["", "last failures" if found.failures else "last failures: none"]
    lines += [
        f"  {f.vendor} {f.dataset}: {len(f.keys)} keys {f.outcome} since {f.since} ({_some(f.keys)})"
        + (f": {f.detail}" if f.detail else "")
        for f in found.failures
    ]
    lines += _section(
        "quarantined rows",
        ("vendor", "dataset", "rule", "rows", "last"),
        [(q.vendor, q.dataset, q.rule, q.rows, q.last_detected_at) for q in found.quarantined],
    )
    return "\n".join(lines)


def _release_lines(release: Release | None) -> list[str]:
    if release is None:
        return ["release       nothing published yet"]
    lines = [
        f"release       {release.release_id}: session {release.as_of_session}, built {release.built_at}, "
        f"{release.tables} tables, {release.rows:,} rows; kept: {', '.join(release.kept)}"
    ]
    if release.served_release != release.release_id:
        lines.append(f"problem       {NAME} holds {release.served_release or 'nothing'}; publish again: make run")
    return lines + [f"warning       {warning}" for warning in release.warnings]


def _backfill_lines(backfill: Backfill | None) -> list[str]:
    if backfill is None:
        return []
    if backfill.daily_budget is None:
        pace = "the next run asks for them"
    elif backfill.done_by is None:
        pace = "SMALLCAP_HOLDINGS_DAILY_BUDGET is 0, so none is asked for"
    else:
        pace = f"{backfill.daily_budget} a day, until {backfill.done_by}"
    return ["", f"holdings backfill: {backfill.missing} snapshots missing; {pace}"]


def _section(title: str, header: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    if not rows:
        return []
    cells = [tuple(header), *(tuple(_cell(value) for value in row) for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(header))]
    is_number = [isinstance(value, int) for value in rows[0]]
    out = ["", title]
    for row in cells:
        padded = (c.rjust(w) if n else c.ljust(w) for c, w, n in zip(row, widths, is_number, strict=True))
        out.append(f"  {'  '.join(padded)}".rstrip())
    return out


def _cell(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value if value is not None else "-")


def _some(keys: Sequence[str]) -> str:
    return ", ".join(map(str, keys[:3])) + (" …" if len(keys) > 3 else "")


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the status.

    Returns:
        0, or 1 where the settings cannot be read.
    """
    parser = argparse.ArgumentParser(prog="status", description="What is built, missing, failed and published.")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args(arguments)
    try:
        found = status(load_settings_to_read())
    except SettingsError as error:
        say(error, error=True)
        return 1
    with suppress(BrokenPipeError):
        say(json.dumps(asdict(found), indent=2) if options.json else render(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
