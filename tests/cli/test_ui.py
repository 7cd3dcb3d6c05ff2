"""make ui: the webserver and the daemon begin together and end together."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from orchestration.cli.ui import main
from orchestration.settings import REPOSITORY

PATIENCE = 120
# 127.0.0.1 in /proc/net/tcp, on a machine that stores the lowest byte first
LOOPBACK = "0100007F"


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@pytest.fixture
def start(tmp_path: Path, port: int) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    """Starts the UI as `make ui` does and waits until its page answers."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("SMALLCAP_", "DAGSTER_", "FRED_"))}
    own = {"SMALLCAP_DATA_DIR": str(tmp_path), "DAGSTER_HOME": str(tmp_path), "SMALLCAP_SCHEDULE": "off"}
    started: list[subprocess.Popen[str]] = []

    def run() -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "orchestration.cli.ui", "--port", str(port)],
            cwd=REPOSITORY,
            env=kept | own,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until and process.poll() is None:
            with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/server_info") as page:
                assert page.status == 200
                return process
            time.sleep(0.2)
        pytest.fail("no page")

    yield run
    for process in started:
        process.kill()
        process.communicate()


def processes(port: int) -> dict[int, str]:
    """Command lines of the processes that the UI on a port consists of, by process id."""
    found = {}
    for folder in Path("/proc").iterdir():
        with suppress(OSError):
            if folder.name.isdigit():
                words = (folder / "cmdline").read_bytes().decode().split("\0")
                found[int(folder.name)] = " ".join(words), os.getsid(int(folder.name))
    leaders = {pid for pid, (said, _) in found.items() if "dagster dev" in said and str(port) in said}
    return {pid: said for pid, (said, leader) in found.items() if leader in leaders}


def listens_on(pids: set[int]) -> set[str]:
    """Addresses of this machine on which processes listen for TCP, as Linux writes them."""
    inodes = set()
    for pid in pids:
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):
                inodes.add(str(descriptor.readlink()).removeprefix("socket:[").rstrip("]"))
    lines = [
        line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]
    ]
    # state 0A is listening
    return {line[1].partition(":")[0] for line in lines if line[3] == "0A" and line[9] in inodes}


def test_a_port_that_is_taken_is_named_and_nothing_is_started(port: int, capfd: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", port)):
        assert main(["--port", str(port)]) == 1
    said = f"Port {port} of 127.0.0.1 is taken by another program. Take another port: make ui PORT={port + 1}\n"
    assert capfd.readouterr() == ("", said)


@pytest.mark.parametrize("given", ["0", "65536", "ui", "", "-1"])
def test_a_port_that_cannot_be_is_refused(given: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([f"--port={given}"]) == 1
    assert capsys.readouterr().err.startswith(f"PORT is {given!r}; set it to a number from 1 to 65535")


def test_an_address_of_another_machine_is_refused(port: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--host", "192.0.2.1", "--port", str(port)]) == 1
    assert f"cannot listen on port {port} of 192.0.2.1: " in capsys.readouterr().err


def test_an_interrupt_ends_all_of_it(start, port: int) -> None:
    process = start()
    parts = processes(port)
    assert any("dagster_webserver" in said for said in parts.values())
    assert any("dagster._daemon" in said for said in parts.values())
    # nobody but this machine reaches any part of it
    assert listens_on(set(parts)) == {LOOPBACK}
    with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.2", port), timeout=5):
        pass
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE) == 0
    assert not processes(port)
    assert not any(Path(f"/proc/{pid}/exe").exists() for pid in parts)


@pytest.mark.parametrize("part", ["dagster_webserver", "dagster._daemon"])
def test_where_one_part_ends_the_other_ends_too(start, port: int, part: str) -> None:
    process = start()
    parts = processes(port)
    (doomed,) = (pid for pid, said in parts.items() if part in said)
    os.kill(doomed, signal.SIGKILL)
    assert process.wait(PATIENCE) == 1
    assert not any(Path(f"/proc/{pid}/exe").exists() for pid in parts)
    assert process.stderr
    assert process.stderr.read().splitlines()[-1].endswith("so both are ended. Begin again: make ui")
