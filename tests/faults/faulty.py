"""The sandbox's vendors on a socket, some of whose answers fail on their way in one of thirteen manners."""

from __future__ import annotations

import datetime as dt
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from orchestration.calendars import NEW_YORK
from orchestration.sandbox.http import Response, page
from orchestration.sandbox.server import answer
from orchestration.sandbox.timeline import Clock

# how long the clients of the tests wait, and how long the slow answer takes
PATIENCE, SLOW_SECONDS = 0.5, 1.0
# where the answers of a dataset, or of a sponsor, are found
PATHS = {
    "prices": r"^/v8/finance/chart/",
    "options": r"^/v7/finance/options/",
    "fund_valuation": r"^/v10/finance/quoteSummary/",
    "macro": r"^/fred/series/",
    "events": r"^/fred/release/",
    "blackrock": r"^/varnish-api/",
    "ssga": r"^/library-content/",
    "proshares": r"^/etfdata/",
    "direxion": r"^/holdings/",
    "filing_feed": r"^/cgi-bin/browse-edgar",
    "filing": r"^/Archives/edgar/data/",
    "fails": r"^/files/data/",
}


def cut_after_two_thirds(body: bytes) -> bytes:
    """What is left where a file ends early, at the end of a line where it has lines."""
    lines = body.splitlines(keepends=True)
    return b"".join(lines[: 2 * len(lines) // 3]) if len(lines) > 20 else body[: 2 * len(body) // 3]


def damaged(body: bytes) -> bytes:
    """A body of the same length of which nobody can make anything."""
    return b"%" + body[:0:-1]


def other(status: int, title: str) -> Callable[[Response], Response]:
    return lambda _: page(status, title)


def with_body(change: Callable[[bytes], bytes], kind: str = "") -> Callable[[Response], Response]:
    return lambda said: Response(said.status, change(said.body), kind or said.content_type, said.headers)


@dataclass(frozen=True)
class Fault:
    """What goes wrong on the way of an answer.

    Attributes:
        change: Another answer in its place.
        seconds: How long it takes.
        part: The part of the body that arrives.
        is_reset: Whether the connection is reset then, and not closed.
        is_refused: Whether nobody listens at all.
    """

    change: Callable[[Response], Response] = lambda said: said
    seconds: float = 0
    part: float = 1
    is_reset: bool = False
    is_refused: bool = False


FAULTS = {
    "connection refused": Fault(is_refused=True),
    "reset in mid-body": Fault(part=0.5, is_reset=True),
    "body ends early": Fault(part=0.5),
    "slower than the time-out": Fault(seconds=SLOW_SECONDS),
    "403 with a page": Fault(other(403, "Access Denied")),
    "404": Fault(other(404, "Not Found")),
    "429": Fault(lambda _: Response(429, b"Too Many Requests", "text/plain")),
    "500": Fault(other(500, "Internal Server Error")),
    "200 without a body": Fault(with_body(lambda _: b"")),
    "200 with a page": Fault(other(200, "Please wait")),
    "malformed": Fault(with_body(damaged)),
    "cut, length and all": Fault(with_body(cut_after_two_thirds)),
    "another content type": Fault(with_body(lambda body: body, "application/octet-stream")),
}
REFUSING = "http://127.0.0.1:9"


@cache
def said_on(clock: dt.datetime, target: str) -> Response:
    """What the sandbox answers; making a market costs more than asking it."""
    return answer(target, Clock.of(clock))


@contextmanager
def vendors(evening: str, fault: str = "", where: str = "^$") -> Iterator[str]:
    """Serve the sandbox's vendors as of an evening.

    Args:
        evening: New York time, ISO 8601.
        fault: A key of FAULTS.
        where: A pattern on the path of the answers that fail.
    """
    clock = dt.datetime.fromisoformat(evening).replace(tzinfo=NEW_YORK)
    wrong = FAULTS.get(fault, Fault())

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1
        disable_nagle_algorithm = True

        def log_message(self, *args: Any) -> None:
            pass

        def do_GET(self) -> None:
            said = said_on(clock, self.path)
            part = 1.0
            if re.search(where, self.path):
                said, part = wrong.change(said), wrong.part
                time.sleep(wrong.seconds)
            self.send_response(said.status)
            self.send_header("Content-Type", said.content_type)
            self.send_header("Content-Length", str(len(said.body)))
            for name, value in said.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(said.body[: int(part * len(said.body))])
            if part < 1:
                self.wfile.flush()
                self.close_connection = True
                if wrong.is_reset:
                    # linger 0 resets the connection, as a dying proxy does
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

        def handle(self) -> None:
            try:
                super().handle()
            except (OSError, ValueError):
                self.close_connection = True

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        # a client that keeps its connection open must not hold up the end
        block_on_close = False
        request_queue_size = 64

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
