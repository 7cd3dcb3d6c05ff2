"""The sandbox market that this process serves to itself: one server, moved along with the clock."""

from __future__ import annotations

import atexit
import datetime as dt
from contextlib import ExitStack

from orchestration.calendars import NEW_YORK
from orchestration.sandbox.server import sandbox_server

_running: dict[dt.date, tuple[str, ExitStack]] = {}


def sandbox_url(now: dt.datetime) -> str:
    """Base URL of a sandbox that shows the market as of a clock; it ends with the process."""
    today = now.astimezone(NEW_YORK).date()
    if today not in _running:
        for _, stack in _running.values():
            stack.close()
        _running.clear()
        stack = ExitStack()
        _running[today] = stack.enter_context(sandbox_server(now)), stack
        # the interpreter stops daemon threads before it frees modules: a server closed by then never answers
        atexit.register(stack.close)
    return _running[today][0]
