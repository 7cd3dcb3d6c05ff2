"""A vendor that says exactly what a test scripts."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from orchestration.vendors.http import Connection

KEY = "0123456789abcdef0123456789abcdef"
PAGE = b"\xef\xbb\xbf\n <!DOCTYPE html>\n<html><head><title>Please wait</title></head></html>"


@dataclass
class Say:
    """One scripted answer."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    drop: bool = False
    cut: int | None = None


class Vendor:
    """Answers by pattern on path?query: scripted answers in order, the last one for ever."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[str] = []
        self.headers: list[dict[str, str]] = []
        self._script: list[tuple[re.Pattern[str], list[Say]]] = []

    def on(self, pattern: str, *answers: Say | bytes) -> None:
        self._script.append((re.compile(pattern), [Say(a) if isinstance(a, bytes) else a for a in answers]))

    def forget(self) -> None:
        """Answer nothing any more, and forget what was asked."""
        self.asked, self.headers, self._script = [], [], []

    def count(self, pattern: str) -> int:
        return sum(bool(re.search(pattern, line)) for line in self.asked)

    def answer(self, line: str, headers: dict[str, str]) -> Say:
        self.asked.append(line)
        self.headers.append(headers)
        for pattern, answers in self._script:
            if pattern.search(line):
                return answers.pop(0) if len(answers) > 1 else answers[0]
        return Say(b"<html>Not Found</html>", 404, {"Content-Type": "text/html"})


def connect(name: str, url: str, **changes: Any) -> Connection:
    """A connection without the pauses that real vendors deserve."""
    return Connection(
        name, **({"base_url": url, "max_rps": 1000.0, "backoff_seconds": 0.01, "timeout_seconds": 5.0} | changes)
    )
