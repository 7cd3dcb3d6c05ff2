"""The sandbox market on loopback: every vendor on one address, told apart by path."""

from __future__ import annotations

import datetime as dt
import logging
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from orchestration.sandbox import (
    wire_blackrock,
    wire_fred,
    wire_options,
    wire_sec,
    wire_sec_fails,
    wire_sponsors,
    wire_yahoo,
)
from orchestration.sandbox.http import Request, Response, page
from orchestration.sandbox.streams import DEFAULT_SEED
from orchestration.sandbox.timeline import Clock

Wire = Callable[[Request, Clock, int], Response | None]
WIRES: tuple[Wire, ...] = (
    wire_blackrock.answer, wire_yahoo.answer, wire_fred.answer, wire_sponsors.answer, wire_options.answer,
    wire_sec.answer, wire_sec_fails.answer,
)  # fmt: skip
LOG = logging.getLogger(__name__)


def answer(target: str, clock: Clock, seed: int = DEFAULT_SEED) -> Response:
    """Answer one request.

    Args:
        target: Path and parameters.
        clock: The pretended moment; nothing later is shown.
        seed: Of the market.
    """
    parts = urlsplit(target)
    query: dict[str, str] = {}
    for name, value in parse_qsl(parts.query):
        query.setdefault(name, value)
    request = Request(unquote(parts.path), query)
    for wire in WIRES:
        response = wire(request, clock, seed)
        if response is not None:
            return response
    return page(404, "404 Not Found")


class _Handler(BaseHTTPRequestHandler):
    """One connection; clients keep it open for many requests."""

    protocol_version = "HTTP/1.1"
    server_version = "Sandbox"
    timeout = 600
    # answers leave in one piece, at once: otherwise delayed acknowledgements cost 40 ms each
    wbufsize = -1
    disable_nagle_algorithm = True
    clock: Clock
    seed: int

    def do_GET(self) -> None:
        try:
            response = answer(self.path, self.clock, self.seed)
        except Exception:  # a defect here must not look like a vendor's answer
            LOG.exception("the sandbox failed on %s", urlsplit(self.path).path)
            response = Response(599, b"the sandbox failed", "text/plain")
        self._send(response, with_body=True)

    def do_HEAD(self) -> None:
        self._send(answer(self.path, self.clock, self.seed), with_body=False)

    def _send(self, response: Response, with_body: bool) -> None:
        self.send_response(response.status)
        self.send_header("Content-Type", response.content_type)
        self.send_header("Content-Length", str(len(response.body)))
        self.send_header("X-Sandbox", "synthetic")
        for name, value in response.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if with_body:
            self.wfile.write(response.body)

    def handle(self) -> None:
        try:
            super().handle()
        except OSError:  # the client went away
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        LOG.debug(format, *args)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # a client that keeps its connection open must not hold up the end
    block_on_close = False
    request_queue_size = 64


def start(today: dt.date | dt.datetime, seed: int = DEFAULT_SEED, port: int = 0) -> ThreadingHTTPServer:
    """Bind the server; the caller serves and closes it."""
    handler = type("Handler", (_Handler,), {"clock": Clock.of(today), "seed": seed})
    return _Server(("127.0.0.1", port), handler)


@contextmanager
def sandbox_server(today: dt.date | dt.datetime, seed: int = DEFAULT_SEED) -> Generator[str]:
    """Serve the sandbox market from a thread of this process; yields the base URL that replaces every vendor's.

    Args:
        today: The pretended moment: a date stands for the end of that New York day.
        seed: Another seed is another market.
    """
    server = start(today, seed)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="sandbox", daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
