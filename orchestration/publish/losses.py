"""What a release may not lose.

The raw zone only grows. So a table that holds clearly less than in the standing release, or ends earlier, says that
something is gone: a part of the raw zone, or a seed or a model that went wrong in a way no test knows.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import duckdb

from orchestration.publish.tables import SCHEMA, PublishRefused, Table

# What vendors tell only grows with the raw zone, but for a few rows that later knowledge corrects. Numbers are ours.
MAY_LOSE_PCT = 5
MAY_LOSE_ROWS = 100
# What is concluded may change much: the files of a fund that come day by day clear up what its reports left open.
MAY_LOSE_PCT_OF_CONCLUSIONS = 50
ACCEPT = "SMALLCAP_ACCEPT_LOSSES=true"


def check_losses(standing: Mapping[str, Any] | None, new: Mapping[str, Any], tables: Iterable[Table]) -> None:
    """Compare a release with the one that stands.

    Releases of another source, edition or first session, and of an earlier clock, are expected to hold less.

    Args:
        standing: Manifest of the release that `latest` points at; None where there is none.
        new: Manifest of the one to be published.
        tables: Its tables, some of which may shrink, and some of which may not lose more than a little.

    Raises:
        PublishRefused: A table lost rows or ends earlier; the message names each with its numbers.
    """
    if standing is None or not _is_later(standing, new):
        return
    before, now = standing["tables"], new["tables"]
    found = list(raw_losses(standing.get("raw", {}), new["raw"]))
    found += [
        problem
        for table in tables
        if table.name in before and table.name in now and not table.may_shrink
        for problem in _losses(table, before[table.name], now[table.name])
    ]
    if found:
        raise PublishRefused(
            f"Not published, {standing['release_id']} stays in place, for the new release would hold less:\n  - "
            + "\n  - ".join(found)
            + "\nSee that no file of raw/ below the data directory is gone, and restore what is. If the loss is meant, "
            f"as after a change of code or seeds, publish it once with {ACCEPT}."
        )


def check_anything(con: duckdb.DuckDBPyConnection, catalog: str, tables: Sequence[Table]) -> None:
    """See that some vendor has told something.

    Args:
        con: Open on the build database.
        catalog: Its name there.
        tables: The published tables.

    Raises:
        PublishRefused: No table of facts has a row; the message says how the questions to each vendor ended.
    """
    names = {table.name for table in tables}
    facts = [f"{catalog}.{SCHEMA}.{table.name}" for table in tables if table.told_by_vendors]
    if not facts or any(con.execute(f"select 1 from {fact} limit 1").fetchone() for fact in facts):
        return
    said = ""
    if "fct_request_ledger" in names:
        rows = con.execute(
            f"select vendor, outcome, count(*), any_value(detail) from {catalog}.{SCHEMA}.fct_request_ledger "
            "group by vendor, outcome order by vendor, outcome"
        ).fetchall()
        said = "".join(f"\n  - {vendor}: {count} x {outcome} ({detail})" for vendor, outcome, count, detail in rows)
    raise PublishRefused(
        f"Not published: no vendor has told anything yet, so there is nothing to publish.{said}\n"
        "See that this machine reaches the vendors and that SMALLCAP_START is not too late, then run again: make run."
    )


def raw_losses(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """Raw tables with fewer rows than a release was built from, by their accounts: parts of an older copy."""
    for name, account in before.items():
        rows = now.get(name, {}).get("rows", 0)
        if rows < account["rows"]:
            yield f"raw/{name} has {rows:,} rows, {account['rows'] - rows:,} fewer than the {account['rows']:,} it had"


def _is_later(standing: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether all that the standing release holds should be in the new one, too."""
    same = all(standing.get(key) == new.get(key) for key in ("source", "edition", "start"))
    return same and dt.datetime.fromisoformat(standing["built_at"]) <= dt.datetime.fromisoformat(new["built_at"])


def _losses(table: Table, before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    lost = before["rows"] - now["rows"]
    may_lose_pct = MAY_LOSE_PCT if table.told_by_vendors else MAY_LOSE_PCT_OF_CONCLUSIONS
    if lost > 0 and (now["rows"] == 0 or (lost > MAY_LOSE_ROWS and 100 * lost > may_lose_pct * before["rows"])):
        yield f"{table.name} has {now['rows']:,} rows, {lost:,} fewer than the {before['rows']:,} it had"
    ends, ended = now["as_of_date"], before["as_of_date"]
    if table.told_by_vendors and ends and ended and ends < ended:
        yield f"{table.name} ends on {ends}, and reached {ended}"
    for key in table.headlines.keys if table.headlines else ():
        ends, ended = (held.get("headlines", {}).get(key) for held in (now, before))
        if ended and (ends or "") < ended:
            yield f"{table.name} ends on {ends or 'no day'} for {key}, and reached {ended}"
