"""Fixtures for tests that replay real vendor data."""

from __future__ import annotations

import datetime as dt
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

SHARED = Path(__file__).resolve().parent.parent.parent / "shared"


class ReplayServer:
    """All vendors on one local address, answering from real observations as of a pretended date."""

    def __init__(self, server: Any, url: str) -> None:
        self.url = url
        self._replay = server.replay

    def today(self, day: str | None = None) -> None:
        """Move the pretended date; None moves it to the last day held."""
        self._replay.today = dt.date.fromisoformat(day) if day else self._replay.store.last_date()

    def option(self, name: str, value: bool) -> None:
        """Set a switch of the replay: bofa_window, synthetic_sponsors."""
        setattr(self._replay.options, name, value)

    def faults(self, rules: list[dict[str, Any]]) -> None:
        """Add fault rules, see the replay's README."""
        self._replay.faults.add(rules)

    def clear(self) -> None:
        """Forget faults and requests; the pretended date stays."""
        self._replay.faults.clear()
        with self._replay.lock:
            self._replay.log.clear()

    def requests(self) -> dict[str, int]:
        """How often each path was asked."""
        counts: dict[str, int] = {}
        with self._replay.lock:
            for entry in self._replay.log:
                counts[entry["path"]] = counts.get(entry["path"], 0) + 1
        return counts


@pytest.fixture(scope="session")
def replay() -> Iterator[ReplayServer]:
    """The replay of real vendor data, started in this process; tests using it carry the mark `realdata`."""
    folder, data = SHARED / "vendor_replay", SHARED / "realdata"
    if not (folder / "serve.py").is_file() or not data.is_dir():
        if os.environ.get("CI"):
            pytest.fail("required in CI: ../shared/vendor_replay and ../shared/realdata")
        pytest.skip("no real data: ../shared/vendor_replay and ../shared/realdata are absent")
    sys.path.insert(0, str(folder))
    try:
        import serve  # ty: ignore[unresolved-import]
    finally:
        sys.path.remove(str(folder))
    server, url = serve.start(data)
    yield ReplayServer(server, url)
    server.shutdown()
    server.server_close()
