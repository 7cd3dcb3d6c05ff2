"""What was asked and how it ended, and the NYSE calendar the build reads."""

import datetime as dt

import dagster as dg
import pyarrow as pa

from orchestration.calendars import NEW_YORK, nyse
from orchestration.foreign_text import for_markdown
from orchestration.ingest.common import GROUP, OWNER, asset_metadata, reference_file
from orchestration.ingest.unanswered import unanswered
from orchestration.lake.contracts import MOMENT
from orchestration.lake.store import Lake, write_table_atomically
from orchestration.settings import load_settings

HORIZON = dt.timedelta(days=366)


@dg.asset(
    deps=[
        "prices",
        "macro",
        "events",
        "etf_shares",
        "constituents",
        "options",
        "fund_valuation",
        "filings",
        "member_bars",
    ],
    group_name=GROUP,
    owners=[OWNER],
    kinds={"python", "parquet"},
    tags={"layer": "raw", "vendor": "all", "subject": "operation"},
    metadata=asset_metadata("request", "quarantine"),
    check_specs=[
        dg.AssetCheckSpec(
            "vendors_answer", asset="request_ledger", description="The newest answer to every question was no failure"
        )
    ],
)
def request_ledger() -> dg.MaterializeResult:
    """One row for each question put to a vendor, with its named outcome, and the rows refused with rule and reason.

    Written by the ingest assets; summed up here.
    """
    settings = load_settings()
    lake = Lake(settings.data_dir, settings.source, accept_losses=settings.accept_losses)
    rows = lake.query(
        """
        with newest as (
            select * from request where fetched_at <= ?
            qualify row_number() over (
                partition by vendor, dataset, key order by fetched_at desc, ingest_seq desc, request_id desc
            ) = 1
        )
        select vendor, dataset, outcome, count(*) as keys, min(key) as example, max(fetched_at) as newest
        from newest group by all order by vendor, dataset, outcome
        """,
        [settings.now()],
    ).to_pylist()
    totals = lake.query(
        "select (select count(*) from request) as requests, (select count(*) from quarantine) as refused"
    ).to_pylist()[0]
    missing = unanswered(lambda sql, given: lake.query(sql, given).to_pylist(), settings.vendors, settings.now())
    records = [dg.TableRecord({**row, "newest": row["newest"].isoformat()}) for row in rows]
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": totals["requests"],
            "rows_refused": totals["refused"],
            **({"newest_outcomes": dg.MetadataValue.table(records)} if records else {}),
        },
        check_results=[
            dg.AssetCheckResult(
                check_name="vendors_answer",
                passed=not missing,
                severity=dg.AssetCheckSeverity.WARN,
                description=for_markdown("\n".join(missing) or "every vendor answers"),
            )
        ],
    )


@dg.asset(
    group_name=GROUP,
    owners=[OWNER],
    kinds={"python", "parquet"},
    tags={"layer": "reference", "vendor": "exchange_calendars", "subject": "events"},
    metadata={"dagster/column_schema": dg.TableSchema([dg.TableColumn("session_date", "date32")])},
)
def nyse_sessions() -> dg.MaterializeResult:
    """NYSE sessions from 1990 through twelve months after the clock.

    They come from the installed exchange_calendars: an ad-hoc closure is known after an upgrade of that library.
    """
    settings = load_settings()
    rows = session_table(settings.now())
    write_table_atomically(reference_file(settings.data_dir, "nyse_session"), rows)
    return dg.MaterializeResult(metadata={"dagster/row_count": rows.num_rows})


def session_table(now: dt.datetime) -> pa.Table:
    """One row for each NYSE session from 1990 through twelve months after the clock."""
    calendar = nyse()
    last = now.astimezone(NEW_YORK).date() + HORIZON
    spanned = calendar.schedule.loc["1989-12-01" : str(last + dt.timedelta(days=14))]
    sessions = [stamp.date() for stamp in spanned.index]
    opens, closes = (dict(zip(sessions, spanned[name].dt.to_pydatetime(), strict=True)) for name in ("open", "close"))
    early = {stamp.date() for stamp in calendar.early_closes}
    rows = [
        {
            "session_date": day,
            "open_at": opens[day],
            "close_at": closes[day].astimezone(NEW_YORK),
            "is_early_close": day in early,
            "previous_session": before,
            "next_session": after,
        }
        for before, day, after in zip(sessions, sessions[1:], sessions[2:], strict=False)
        if dt.date(1990, 1, 1) <= day <= last
    ]
    schema = pa.schema(
        [
            ("session_date", pa.date32()),
            ("open_at", MOMENT),
            ("close_at", MOMENT),
            ("is_early_close", pa.bool_()),
            ("previous_session", pa.date32()),
            ("next_session", pa.date32()),
        ]
    )
    return pa.Table.from_pylist(rows, schema=schema)
