"""What Dagster sees."""

import datetime as dt

import dagster as dg

from orchestration.automation import after_close, console, daily_job, one_process, terminal
from orchestration.build.assets import warehouse
from orchestration.ingest.constituents import constituents
from orchestration.ingest.etf_shares import etf_shares
from orchestration.ingest.events import events
from orchestration.ingest.filings import filings
from orchestration.ingest.ledger import nyse_sessions, request_ledger
from orchestration.ingest.macro import macro
from orchestration.ingest.member_bars import member_bars
from orchestration.ingest.prices import prices
from orchestration.ingest.snapshots import fund_valuation, options
from orchestration.publish.asset import release

# runs come every session at 17:30: over a long weekend four days apart, never five
FRESH = dg.FreshnessPolicy.time_window(fail_window=dt.timedelta(days=5), warn_window=dt.timedelta(days=4, hours=6))

ASSETS = [
    prices,
    macro,
    etf_shares,
    constituents,
    events,
    options,
    fund_valuation,
    filings,
    member_bars,
    request_ledger,
    nyse_sessions,
    warehouse,
    release,
]

defs = dg.Definitions(
    assets=dg.map_asset_specs(lambda spec: dg.apply_freshness_policy(spec, FRESH), ASSETS),
    jobs=[daily_job],
    schedules=[after_close],
    loggers={"console": console, "terminal": terminal},
    executor=one_process,
)
