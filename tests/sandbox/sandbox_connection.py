"""How tests reach the sandbox, and when."""

from __future__ import annotations

import datetime as dt

from orchestration.vendors.http import Connection

TODAY = dt.date(2026, 11, 20)
KEY = "sandbox0sandbox0sandbox0sandbox0"


def connection(vendor: str, url: str) -> Connection:
    """A connection without the pauses that real vendors deserve."""
    return Connection(vendor, base_url=url, max_rps=10_000.0, backoff_seconds=0.01)
