"""One stage of a run in a process of its own: `python -m tests.chaos.drivers ask`, so that a kill costs seconds.

The assets and functions are those of the job; only the stages around them are left out.
"""

from __future__ import annotations

import sys


def ask() -> bool:
    """Ask all vendors, as the assets of the job do."""
    import dagster as dg

    from orchestration.automation import range_tags
    from orchestration.ingest.constituents import constituents
    from orchestration.ingest.etf_shares import etf_shares
    from orchestration.ingest.events import events
    from orchestration.ingest.filings import filings
    from orchestration.ingest.ledger import nyse_sessions
    from orchestration.ingest.macro import macro
    from orchestration.ingest.prices import prices
    from orchestration.ingest.scope import months_to_ask
    from orchestration.ingest.snapshots import fund_valuation, options
    from orchestration.settings import load_settings

    assets = [prices, macro, etf_shares, constituents, events, options, fund_valuation, filings, nyse_sessions]
    tags = range_tags(*months_to_ask(load_settings()))
    with dg.DagsterInstance.ephemeral() as instance:
        return dg.materialize(assets, instance=instance, tags=tags, raise_on_error=False).success


def build() -> bool:
    """Build the warehouse."""
    import dagster as dg

    from orchestration.build.assets import warehouse

    with dg.DagsterInstance.ephemeral() as instance:
        return dg.materialize([warehouse], instance=instance, raise_on_error=False).success


def publish() -> bool:
    """Publish the build; `--force` publishes what stands once more."""
    from orchestration.publish.release import publish as publish_release
    from orchestration.settings import load_settings

    publish_release(load_settings(), force="--force" in sys.argv)
    return True


if __name__ == "__main__":
    sys.exit(0 if {"ask": ask, "build": build, "publish": publish}[sys.argv[1]]() else 1)
