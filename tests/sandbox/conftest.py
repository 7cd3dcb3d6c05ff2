"""The sandbox market of one evening, and our own clients for it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sandbox_connection import KEY, TODAY, connection

from orchestration.sandbox.server import sandbox_server
from orchestration.sandbox.timeline import seed_table
from orchestration.vendors.blackrock import BlackRock
from orchestration.vendors.fred import Fred
from orchestration.vendors.yahoo import Yahoo


@pytest.fixture(scope="session")
def today() -> dt.date:
    return TODAY


@pytest.fixture(scope="session")
def url() -> Iterator[str]:
    with sandbox_server(TODAY) as base:
        yield base


@pytest.fixture
def yahoo(url: str, tmp_path: Path) -> Yahoo:
    return Yahoo(connection("yahoo", url), tmp_path)


@pytest.fixture
def fred(url: str) -> Fred:
    return Fred(connection("fred", url), KEY)


@pytest.fixture
def blackrock(url: str) -> BlackRock:
    return BlackRock(connection("blackrock", url))


@pytest.fixture(scope="session")
def instruments() -> list[dict[str, Any]]:
    return seed_table("instrument").to_dict("records")


@pytest.fixture(scope="session")
def portfolio(instruments: list[dict[str, Any]]) -> dict[str, str]:
    return {row["symbol"]: row["blackrock_portfolio_id"] for row in instruments}
