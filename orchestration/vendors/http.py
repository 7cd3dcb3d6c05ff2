"""What every vendor shares on the wire: pace, retries, named failures, a circuit breaker, no secrets in any text."""

from __future__ import annotations

import datetime as dt
import email.utils
import logging
import math
import queue
import re
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import quote, urlencode, urljoin, urlsplit, urlunsplit

import requests
import tenacity

Outcome = Literal[
    "ok",
    "empty",
    "unknown_symbol",
    "not_found",
    "rate_limited",
    "blocked",
    "malformed",
    "stale",
    "unreachable",
    "skipped",
    "postponed",
]
# the vendor was not asked: nothing is known of what it would have said
NOT_ASKED: frozenset[Outcome] = frozenset({"skipped", "postponed"})

BASE_URLS = {
    "yahoo": "https://query2.finance.yahoo.com",
    "fred": "https://api.stlouisfed.org",
    "blackrock": "https://www.blackrock.com",
    "ssga": "https://www.ssga.com",
    "proshares": "https://accounts.profunds.com",
    "direxion": "https://www.direxion.com",
    "sec": "https://www.sec.gov",
}
# FRED allows 120 requests a minute and key, the SEC 10 a second over all its hosts; the others publish no limit.
POLITE_RPS = {"yahoo": 2.0, "fred": 2.0, "blackrock": 0.5, "ssga": 0.5, "proshares": 0.5, "direxion": 0.5, "sec": 2.0}

TRIPPING: frozenset[Outcome] = frozenset({"rate_limited", "blocked", "unreachable"})
TRIP_AFTER = 5
# a connection takes a tenth of a second; who has none by then is not there
CONNECT_SECONDS = 10.0
# Unpacked. The largest answers are reports to the SEC, of some ten megabytes; as a tree, XML takes ten times its size.
LARGEST_BODY_BYTES = 100_000_000
CHUNK_BYTES = 65_536
REDIRECTS = frozenset({301, 302, 303, 307, 308})
# where a vendor sends us on and on, its own address answers after one or two
MOST_REDIRECTS = 5

_SECRET_PARAMETER = re.compile(r"\b(api_key|crumb)('?\s*[=:]\s*'?)[^&\s'\"]+", re.IGNORECASE)
_PAGE = re.compile(rb"<(!doctype|html)\b", re.IGNORECASE)
_RETRIED = (
    requests.exceptions.ConnectionError,
    requests.exceptions.Timeout,
    requests.exceptions.ChunkedEncodingError,
    requests.exceptions.ContentDecodingError,
)


class VendorError(Exception):
    """A vendor did not answer as it should.

    Attributes:
        outcome: How the request ends in the ledger.
        detail: Why, in one line; never holds a secret.
        http_status: Status of the last answer; None where there was none.
    """

    def __init__(self, outcome: Outcome, detail: str, http_status: int | None = None) -> None:
        super().__init__(f"{outcome}: {detail}")
        self.outcome: Outcome = outcome
        self.detail = detail
        self.http_status = http_status


@dataclass(frozen=True)
class Connection:
    """How to reach one vendor.

    Attributes:
        vendor: A key of BASE_URLS.
        base_url: Scheme and host that replace the vendor's own; paths and parameters stay.
        max_rps: Requests per second; None takes the polite default.
        timeout_seconds: Longest wait for a connection, and between two bytes of an answer.
        attempts: Tries per request, the first included.
        backoff_seconds: First pause before a retry; it doubles from there.
        retry_after_cap_seconds: A vendor that asks for a longer pause is not asked again in this call.
        secrets: Texts that must not appear in a URL, a detail, an exception or a log line.
        run: What this run may still ask; None asks on.
    """

    vendor: str
    base_url: str | None = None
    max_rps: float | None = None
    timeout_seconds: float = 30.0
    attempts: int = 4
    backoff_seconds: float = 1.0
    retry_after_cap_seconds: float = 60.0
    secrets: tuple[str, ...] = field(default=(), repr=False)
    run: Run | None = field(default=None, repr=False)

    @property
    def root(self) -> str:
        """Scheme and host in use."""
        return (self.base_url or BASE_URLS[self.vendor]).rstrip("/")

    @property
    def rps(self) -> float:
        """Requests per second in use."""
        return self.max_rps or POLITE_RPS[self.vendor]

    @property
    def is_local(self) -> bool:
        """Whether the vendor stands on this machine; then a proxy of the environment must not be used."""
        return urlsplit(self.root).hostname in ("127.0.0.1", "localhost", "::1")

    def rebase(self, url: str) -> str:
        """Replace scheme and host if a base URL is set; path and parameters stay as they are."""
        if self.base_url is None:
            return url
        base, parts = urlsplit(self.base_url), urlsplit(url)
        return urlunsplit((base.scheme, base.netloc, parts.path or "/", parts.query, ""))

    def stays(self, url: str) -> bool:
        """Whether an address is on the vendor's own scheme, host and port."""
        return _origin(url) == _origin(self.root)

    def redact(self, text: str) -> str:
        """Replace every secret in a text by ***."""
        for secret in filter(None, self.secrets):
            text = text.replace(secret, "***").replace(quote(secret, safe=""), "***")
        return redact_parameters(text)

    def target(self, url: str, params: Mapping[str, Any] | None = None) -> str:
        """Path and parameters of a request, secrets replaced by ***."""
        parts = urlsplit(url)
        query = "&".join(filter(None, (parts.query, urlencode(params or {}))))
        return self.redact(f"{parts.path or '/'}?{query}" if query else parts.path or "/")


class Run:
    """What one run may still ask of all vendors: not after its time is over, and not of one that cannot be reached.

    Attributes:
        until: Reading of time.monotonic() after which nobody is asked any more.
    """

    def __init__(self, seconds: float = math.inf) -> None:
        self.until = time.monotonic() + seconds
        self._seconds = seconds
        self._unreached: dict[str, str] = {}

    @property
    def is_over(self) -> bool:
        """Whether the time for asking is used up."""
        return time.monotonic() >= self.until

    def check(self, connection: Connection) -> None:
        """See that a vendor may be asked; a connection to it is tried once in a run.

        Raises:
            VendorError: `postponed` where the time is over, `skipped` where no connection can be made.
        """
        if self.is_over:
            raise VendorError(
                "postponed", f"not asked: this run has asked for {self._seconds:.0f} s, the rest waits for the next run"
            )
        if connection.root not in self._unreached:
            self._unreached[connection.root] = unreached(connection)
        if self._unreached[connection.root]:
            raise VendorError("skipped", f"not asked: {self._unreached[connection.root]}")


def unreached(connection: Connection) -> str:
    """Why no connection to a vendor can be made, or to the proxy that the environment names; empty where one can."""
    url, by = connection.root, ""
    if not connection.is_local:
        proxy = requests.utils.select_proxy(url, requests.utils.get_environ_proxies(url))
        if proxy:
            url, by = requests.utils.prepend_scheme_if_needed(proxy, "http"), " (the proxy of the environment)"
    parts = urlsplit(url)
    try:
        port = parts.port or {"https": 443, "socks5": 1080, "socks5h": 1080}.get(parts.scheme, 80)
    except ValueError as error:
        return f"no connection to {parts.hostname}{by}: {error}"
    there = f"{parts.hostname}:{port}{by}"
    ended: queue.SimpleQueue[str] = queue.SimpleQueue()

    def connect() -> None:
        try:
            socket.create_connection((parts.hostname, port), CONNECT_SECONDS).close()
            ended.put("")
        except (OSError, UnicodeError) as error:
            ended.put(f"no connection to {there}: {getattr(error, 'strerror', None) or error}")

    # the search for a name knows no time limit of its own
    threading.Thread(target=connect, daemon=True).start()
    try:
        return ended.get(timeout=CONNECT_SECONDS)
    except queue.Empty:
        return f"no connection to {there} within {CONNECT_SECONDS:.0f} s"


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def next_address(url: str, status: int, headers: Mapping[str, str], stays: Callable[[str], bool]) -> str | None:
    """Where a vendor sends us on to; None where it answers.

    Args:
        url: What was asked.
        status: HTTP status of the answer.
        headers: Its headers, names in lower case.
        stays: Whether an address may be asked in the vendor's place.

    Raises:
        VendorError: `blocked`, where it is not an address of this vendor: whoever is there must learn no key and no
            cookie, and must not be asked in its name. The detail names scheme and host, never the rest.
    """
    onward = headers.get("location")
    if status not in REDIRECTS or not onward:
        return None
    try:
        address = urljoin(url, onward)
        if stays(address):
            return address
        parts = urlsplit(address)
        where = f"{parts.scheme}://{parts.hostname}"
    except ValueError:
        where = "an address that cannot be read"
    raise VendorError("blocked", f"sent on to {where[:80]}, which is not this vendor (HTTP {status})", status)


def too_many_redirects(status: int) -> VendorError:
    """What a vendor that sends us on without end did."""
    return VendorError("blocked", f"sent on more than {MOST_REDIRECTS} times (HTTP {status})", status)


def too_large(status: int | None) -> VendorError:
    """What a vendor did that sends more than any file has."""
    return VendorError("malformed", f"a body of more than {LARGEST_BODY_BYTES // 1_000_000} MB", status)


def redact_parameters(text: str) -> str:
    """Replace the values of api_key and crumb by ***, in a URL or in a printed dict."""
    return _SECRET_PARAMETER.sub(r"\1\2***", text)


class _RedactRecords(logging.Filter):
    """Takes secrets out of log lines of libraries that print whole URLs."""

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        clean = redact_parameters(message)
        if clean != message:
            record.msg, record.args = clean, ()
        return True


for _noisy in ("urllib3.connectionpool", "yfinance"):
    logging.getLogger(_noisy).addFilter(_RedactRecords())


@dataclass(frozen=True)
class Reply:
    """One complete HTTP answer; header names are lower case, target is path and parameters without secrets."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    target: str


@dataclass
class Trail:
    """What happened on the wire since the vendor object was last asked."""

    attempts: int = 0
    target: str = ""
    status: int | None = None
    body: bytes | None = None


@dataclass(frozen=True)
class _Try:
    reply: Reply | None
    error: str
    again: bool
    pause: float = 0.0


class Pace:
    """Keeps a minimum distance between two requests."""

    def __init__(self, per_second: float) -> None:
        self._spacing = 1.0 / per_second
        self._next = 0.0
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Sleep until the next request may start."""
        with self._lock:
            pause = self._next - time.monotonic()
            if pause > 0:
                time.sleep(pause)
            self._next = time.monotonic() + self._spacing


class _Session(requests.Session):
    """A session that goes nowhere by itself: where a vendor sends it on to is looked at first."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """No address, whatever the answer says."""
        return None


class Transport:
    """One vendor's line during one run: paced, retried, and cut after repeated failure. For one caller at a time."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.trail = Trail()
        self._pace = Pace(connection.rps)
        self._session = _Session()
        self._session.trust_env = not connection.is_local
        self._failures = 0
        self._last_failure = ""

    def begin(self) -> None:
        """Start a new request of the ledger.

        Raises:
            VendorError: `skipped`, if the vendor failed TRIP_AFTER times in a row during this run or cannot be reached;
                `postponed`, if the time of the run for asking is over.
        """
        self.trail = Trail()
        if self.connection.run:
            self.connection.run.check(self.connection)
        if self._failures >= TRIP_AFTER:
            raise VendorError(
                "skipped",
                f"not asked: {self.connection.vendor} failed {self._failures} times in a row, "
                f"the last time {self._last_failure}",
            )

    def settle(self, outcome: Outcome, detail: str) -> None:
        """Tell the circuit breaker how a request of the ledger ended."""
        if outcome in TRIPPING:
            self._failures += 1
            self._last_failure = f"{outcome} ({detail})"
        elif outcome not in NOT_ASKED:
            self._failures = 0

    def pace(self) -> None:
        """Wait for this vendor's next free moment."""
        self._pace.wait()

    def get(self, path: str, params: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Reply:
        """GET a path of this vendor with retries.

        Raises:
            VendorError: rate_limited or unreachable, after the last attempt; blocked where the vendor sends us on to
                another host; malformed where the body is larger than any file has.
        """
        connection = self.connection
        target = connection.target(path, params)

        def once() -> Reply:
            url, parameters = connection.root + path, dict(params)
            for _ in range(MOST_REDIRECTS + 1):
                with self._session.get(
                    url,
                    params=parameters,
                    headers=dict(headers or {}),
                    timeout=connection.timeout_seconds,
                    stream=True,
                ) as response:
                    names = {name.lower(): value for name, value in response.headers.items()}
                    onward = next_address(response.url, response.status_code, names, connection.stays)
                    if onward is None:
                        return Reply(response.status_code, names, _body(response), target)
                    # the address of a redirect brings its own parameters
                    url, parameters = onward, {}
            raise too_many_redirects(response.status_code)

        return self.send(target, once, requests.exceptions.RequestException, _RETRIED)

    def send(
        self,
        target: str,
        once: Callable[[], Reply],
        errors: type[Exception],
        retried: tuple[type[Exception], ...],
    ) -> Reply:
        """Run one request until it is answered or the attempts are used up.

        Args:
            target: Path and parameters, secrets removed.
            once: Sends the request a single time.
            errors: What the client library raises when the network fails.
            retried: The part of `errors` that may pass: connection lost, timeout, body cut short.

        Returns:
            An answer that is neither 429 nor 5xx; the vendor module judges the rest.

        Raises:
            VendorError: rate_limited or unreachable.
        """
        connection = self.connection
        backoff = tenacity.wait_exponential(
            multiplier=connection.backoff_seconds, max=connection.retry_after_cap_seconds
        ) + tenacity.wait_random(0, connection.backoff_seconds)
        tries: list[_Try] = []

        def attempt() -> _Try:
            tries.append(self._try(target, once, errors, retried))
            return tries[-1]

        last: _Try = tenacity.Retrying(
            stop=lambda state: (
                state.attempt_number >= connection.attempts or (connection.run is not None and connection.run.is_over)
            ),
            wait=lambda state: max(backoff(state), tries[-1].pause),
            retry=tenacity.retry_if_result(lambda done: done.again),
            retry_error_callback=lambda _: tries[-1],
        )(attempt)
        times = f"after {len(tries)} attempts"
        if last.reply is None:
            raise VendorError("unreachable", f"no complete answer {times}: {last.error}")
        status = last.reply.status
        if status == 429:
            asked = f", asks to wait {last.pause:.0f} s" if last.pause else ""
            raise VendorError("rate_limited", f"HTTP 429 {times}{asked}", status)
        if status >= 500:
            raise VendorError("unreachable", f"HTTP {status} {times}", status)
        return last.reply

    def _try(
        self,
        target: str,
        once: Callable[[], Reply],
        errors: type[Exception],
        retried: tuple[type[Exception], ...],
    ) -> _Try:
        """Send once, and say whether another try may help."""
        cap = self.connection.retry_after_cap_seconds
        self.pace()
        self.trail.attempts += 1
        self.trail.target, self.trail.status, self.trail.body = target, None, None
        try:
            reply = once()
        except errors as error:
            # the library's text may hold the whole URL, key included
            text = self.connection.redact(f"{type(error).__name__}: {error}").splitlines()[0][:200]
            return _Try(None, text, isinstance(error, retried))
        self.trail.status, self.trail.body = reply.status, reply.body
        pause = _retry_after(reply.headers.get("retry-after"))
        return _Try(reply, "", (reply.status == 429 or reply.status >= 500) and pause <= cap, pause)


def _body(response: requests.Response) -> bytes:
    """The body, unpacked while it is read; a small one that unpacks to gigabytes is given up on the way."""
    parts, size = [], 0
    for part in response.iter_content(CHUNK_BYTES):
        size += len(part)
        if size > LARGEST_BODY_BYTES:
            raise too_large(response.status_code)
        parts.append(part)
    return b"".join(parts)


def check_wire(reply: Reply) -> None:
    """Refuse what no vendor means as data.

    Raises:
        VendorError: not_found (404), blocked (401, 403, a web page under any status) or malformed (200 without body).
    """
    if reply.status == 404:
        raise VendorError("not_found", "HTTP 404", 404)
    if reply.status in (401, 403):
        raise VendorError("blocked", f"HTTP {reply.status}", reply.status)
    if is_web_page(reply.body):
        raise VendorError("blocked", f"a web page instead of data (HTTP {reply.status})", reply.status)
    if reply.status == 200 and not reply.body.strip():
        raise VendorError("malformed", "HTTP 200 with an empty body", 200)


def is_web_page(body: bytes) -> bool:
    """Whether a body starts as HTML does, after byte order mark and white space."""
    return _PAGE.match(body[:2048].removeprefix(b"\xef\xbb\xbf").lstrip()) is not None


def _retry_after(value: str | None) -> float:
    """Seconds asked for by a Retry-After header: a number, or an HTTP date."""
    if not value:
        return 0.0
    if re.fullmatch(r"\s*\d+(\.\d+)?\s*", value):
        return float(value)
    try:
        moment = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return 0.0
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=dt.UTC)
    return max(0.0, (moment - dt.datetime.now(dt.UTC)).total_seconds())
