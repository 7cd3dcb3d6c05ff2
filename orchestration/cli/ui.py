"""`make ui`: the Dagster UI and its daemon. They begin together and end together."""

from __future__ import annotations

import argparse
import errno
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence

from orchestration.foreign_text import say
from orchestration.settings import REPOSITORY

# how long Dagster may take to end its own processes, and what is left of them after that
PATIENCE_SECONDS = 5.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve the UI until it is interrupted.

    Returns:
        0 where somebody ended it, or 1 with one line on standard error.
    """
    parser = argparse.ArgumentParser(prog="ui", description="Serve the Dagster UI, with daemon and schedule.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", default="3000", help="port to listen on (default: %(default)s)")
    options = parser.parse_args(arguments)
    if not options.port.isascii() or not options.port.isdigit() or not 0 < int(options.port) < 65536:
        return _fail(f"PORT is {options.port!r}; set it to a number from 1 to 65535, such as make ui PORT=3001")
    problem = _cannot_listen(options.host, int(options.port))
    return _fail(problem) if problem else _serve(options.host, options.port)


def _cannot_listen(host: str, port: int) -> str:
    """Why nothing can listen there, with what to do; an empty text where it can."""
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        with socket.create_server(address[:2], family=family):
            return ""
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return f"Port {port} of {host} is taken by another program. Take another port: make ui PORT={port + 1}"
        return (
            f"The UI cannot listen on port {port} of {host}: {error.strerror}. Take others: make ui HOST=... PORT=..."
        )


def _serve(host: str, port: str) -> int:
    """Run Dagster in a session of its own, so that all its processes can be ended together."""
    asked_to_end = False
    hidden = "ignore:Function `dev_command` is superseded"
    command = [sys.executable, "-W", hidden, "-m", "dagster", "dev", "--module-name", "orchestration.definitions"]
    # a child must not inherit that interrupts are ignored, which is so of whatever a shell starts in the background
    signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(  # noqa: S603 - the interpreter of this environment
        [*command, "--host", host, "--port", port], cwd=REPOSITORY, start_new_session=True
    )

    def end(*_: object) -> None:
        nonlocal asked_to_end
        asked_to_end = True
        process.send_signal(signal.SIGINT)

    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, end)
    try:
        process.wait()
    finally:
        _end_session(process.pid)
    if asked_to_end:
        return 0
    return _fail("Dagster's webserver or its daemon ended by itself, so both are ended. Begin again: make ui")


def _end_session(leader: int) -> None:
    """End what is left of the processes that were started."""
    for name in (signal.SIGTERM, signal.SIGKILL):
        until = time.monotonic() + PATIENCE_SECONDS
        try:
            os.killpg(leader, name)
            while time.monotonic() < until:
                time.sleep(0.1)
                os.killpg(leader, 0)
        except (ProcessLookupError, PermissionError):
            return


def _fail(message: str) -> int:
    say(message, error=True)
    return 1


if __name__ == "__main__":
    sys.exit(main())
