"""The scripted vendor over a real socket, and clients for it and for the replay."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from scripted_vendor import KEY, Vendor, connect

from orchestration.vendors.blackrock import BlackRock
from orchestration.vendors.fred import Fred
from orchestration.vendors.yahoo import Yahoo


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    """The scripted vendor."""
    script = Vendor()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: Any) -> None:
            pass

        def do_GET(self) -> None:
            say = script.answer(unquote(self.path), dict(self.headers))
            if say.drop:
                # linger 0 resets the connection, as a dying proxy does
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.close_connection = True
                self.connection.close()
                return
            self.send_response(say.status)
            self.send_header("Content-Length", str(len(say.body)))
            for name, value in say.headers.items():
                self.send_header(name, value)
            if say.cut is not None:
                self.send_header("Connection", "close")
                self.close_connection = True
            self.end_headers()
            self.wfile.write(say.body if say.cut is None else say.body[: say.cut])

        def handle(self) -> None:
            try:
                super().handle()
            except (OSError, ValueError):
                self.close_connection = True

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    script.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield script
    server.shutdown()
    server.server_close()


@pytest.fixture
def yahoo(vendor: Vendor, tmp_path: Path) -> Yahoo:
    vendor.on("/v1/test/getcrumb", b"cRuMb.1")
    return Yahoo(connect("yahoo", vendor.url), tmp_path)


@pytest.fixture
def fred(vendor: Vendor) -> Fred:
    return Fred(connect("fred", vendor.url), KEY)


@pytest.fixture
def blackrock(vendor: Vendor) -> BlackRock:
    return BlackRock(connect("blackrock", vendor.url))


@pytest.fixture
def real_yahoo(replay: Any, tmp_path: Path) -> Iterator[Yahoo]:
    yield Yahoo(connect("yahoo", replay.url), tmp_path)
    replay.clear()
    replay.today()


@pytest.fixture
def real_fred(replay: Any) -> Iterator[Fred]:
    yield Fred(connect("fred", replay.url), KEY)
    replay.clear()
    replay.today()


@pytest.fixture
def real_blackrock(replay: Any) -> Iterator[BlackRock]:
    yield BlackRock(connect("blackrock", replay.url))
    replay.clear()
    replay.today()
