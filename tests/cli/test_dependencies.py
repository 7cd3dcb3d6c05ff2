"""make audit and make sbom: every package of the lock is asked about, and listed."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import distributions, version
from pathlib import Path
from typing import Any

import pytest

from orchestration.build.facts import project_version
from orchestration.cli.dependencies import LOCK, locked, main
from orchestration.settings import REPOSITORY

Answer = Callable[[list[dict[str, Any]]], tuple[int, bytes]]


@pytest.fixture
def osv() -> Iterator[Callable[[Answer], str]]:
    """A server that answers as OSV does, with what a test scripts."""
    servers = []

    def serve(answer: Answer) -> str:
        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *args: Any) -> None:
                pass

            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                status, body = answer(asked["queries"]) if self.path == "/v1/querybatch" else (404, b"")
                self.send_response(status)
                self.send_header("Location", "http://127.0.0.1:9/")
                self.end_headers()
                self.wfile.write(body)

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


def knows(weak: dict[str, list[str]]) -> Answer:
    def answer(queries: list[dict[str, Any]]) -> tuple[int, bytes]:
        results = [{"vulns": [{"id": name} for name in weak.get(q["package"]["name"], [])]} for q in queries]
        return 200, json.dumps({"results": [result if result["vulns"] else {} for result in results]}).encode()

    return answer


def test_the_lock_is_read_whole() -> None:
    packages, text = locked(), LOCK.read_text(encoding="utf-8")
    # some have a version for each of two ranges of Python
    assert [p.name for p in packages] == re.findall(r"^([a-z0-9._-]+)(?:\[.*?\])?==", text, re.MULTILINE)
    assert [digest for p in packages for digest in p.sha256] == re.findall(r"--hash=sha256:(\w+)", text)
    assert all(p.sha256 for p in packages)
    installed = {distribution.name.lower().replace("_", "-"): distribution.version for distribution in distributions()}
    known = {p.name for p in packages} & set(installed)
    assert known >= {"duckdb", "requests", "dagster", "dbt-core"}
    for name in known:
        assert installed[name] in {p.version for p in packages if p.name == name}
    (only_windows,) = [p.marker for p in packages if p.name == "pywin32"]
    assert "win32" in only_windows


def test_nothing_known_is_fine(osv, capsys: pytest.CaptureFixture[str]) -> None:
    asked: list[dict[str, Any]] = []

    def answer(queries: list[dict[str, Any]]) -> tuple[int, bytes]:
        asked.extend(queries)
        return knows({})(queries)

    assert main(["audit", "--url", osv(answer)]) == 0
    assert capsys.readouterr().out == f"audit: no weakness is known of the {len(asked)} packages of requirements.lock\n"
    assert {"package": {"name": "duckdb", "ecosystem": "PyPI"}, "version": version("duckdb")} in asked
    assert len(asked) == len(locked())


def test_a_known_weakness_fails_and_is_named(osv, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "--url", osv(knows({"requests": ["GHSA-2", "GHSA-1"], "duckdb": ["PYSEC-3"]}))]) == 1
    lines = capsys.readouterr().out.splitlines()
    both = "https://osv.dev/vulnerability/GHSA-1, https://osv.dev/vulnerability/GHSA-2"
    assert f"requests {version('requests')}: {both}" in lines
    assert f"duckdb {version('duckdb')}: https://osv.dev/vulnerability/PYSEC-3" in lines
    assert lines[-1] == f"audit: 2 of {len(locked())} packages have a known weakness: raise them, and run make lock"


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (None, "ConnectionError"),
        (lambda _: (503, b"later"), "HTTP 503"),
        (lambda _: (302, b""), "HTTP 302"),
        (lambda _: (200, b"<html>sign in</html>"), "an answer in another form"),
        (lambda _: (200, b'{"results": [{}]}'), "1 answers to "),
        (lambda _: (200, b'{"results": [3]}'), "an answer in another form"),
    ],
    ids=["offline", "error", "redirect", "web page", "too few", "other form"],
)
def test_nobody_there_is_told_and_is_no_failure(
    osv, capsys: pytest.CaptureFixture[str], answer: Answer | None, why: str
) -> None:
    url = osv(answer) if answer else "http://127.0.0.1:9"
    assert main(["audit", "--url", url]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith(f"audit: {url} could not be asked ({why}")


def test_a_lock_that_cannot_be_read_is_no_clean_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lock = tmp_path / "x.lock"
    lock.write_text("duckdb>=1\n")
    assert main(["audit", "--lock", str(lock)]) == 1
    assert "names no package and version: duckdb>=1" in capsys.readouterr().err
    assert main(["audit", "--lock", str(tmp_path / "none")]) == 1


def test_the_bill_of_materials_lists_every_package_with_its_hashes(tmp_path: Path) -> None:
    documents = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        assert main(["sbom", "--folder", str(tmp_path / name)]) == 0
        documents.append((tmp_path / name / f"smallcap-lake-{project_version()}.cdx.json").read_text())
    assert documents[0] == documents[1]
    bom = json.loads(documents[0])
    assert (bom["bomFormat"], bom["specVersion"]) == ("CycloneDX", "1.6")
    assert bom["metadata"]["component"]["version"] == project_version()
    purls = [component["purl"] for component in bom["components"]]
    assert len(purls) == len(set(purls)) == len(locked())
    assert f"pkg:pypi/duckdb@{version('duckdb')}" in purls
    assert all(component["hashes"] for component in bom["components"])


def test_git_leaves_the_bill_of_materials_out() -> None:
    assert "*.cdx.json" in (REPOSITORY / ".gitignore").read_text(encoding="utf-8").split()
