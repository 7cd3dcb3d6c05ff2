"""A vendor whose answers are altered on their way: a server before the sandbox's."""

from __future__ import annotations

import re
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Alter = Callable[[bytes], bytes]


@contextmanager
def altering(url: str, **rules: Alter) -> Iterator[str]:
    """Serve what another server serves, altered where the path matches.

    Args:
        url: The server that is asked.
        rules: What is done to a body, by pattern on path?query.
    """

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *args: Any) -> None:
            pass

        def do_GET(self) -> None:
            agent = {"User-Agent": self.headers["User-Agent"]}
            request = urllib.request.Request(url + self.path, headers=agent)  # noqa: S310 - on this machine
            try:
                with urllib.request.urlopen(request, timeout=30) as reply:  # noqa: S310 - as above
                    status, kind, body = reply.status, reply.headers["Content-Type"], reply.read()
            except urllib.error.HTTPError as error:
                status, kind, body = error.code, error.headers["Content-Type"], error.read()
            for pattern, alter in rules.items():
                if re.search(pattern, self.path):
                    body = alter(body)
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
