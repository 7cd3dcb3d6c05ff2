"""The session yfinance asks Yahoo with: sent where we want, paced, retried, and every data answer judged by us."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import yfinance as yf
from curl_cffi import CurlECode, CurlOpt, requests
from curl_cffi.requests.exceptions import ConnectionError as CurlConnectionError
from curl_cffi.requests.exceptions import IncompleteRead, RequestException, Timeout
from yfinance.data import YfData
from yfinance.exceptions import YFException, YFRateLimitError

from orchestration.vendors.http import (
    LARGEST_BODY_BYTES,
    MOST_REDIRECTS,
    Reply,
    Transport,
    VendorError,
    is_web_page,
    next_address,
    too_large,
    too_many_redirects,
)

Judge = Callable[[Reply, Mapping[str, Any]], dict[str, Any]]

# Far above every price, volume and count there is, and below what overflows.
LARGEST = 1e15
# Seconds since 1970 of 1900-01-01 and 2100-01-01.
EARLIEST, LATEST = -2_208_988_800, 4_102_444_800

# yfinance keeps session, cookie and crumb in one object per process.
_YFINANCE = threading.Lock()


class YahooSession(requests.Session):
    """A browser-like session that judges each data answer itself.

    yfinance reports server errors and web pages as "possibly delisted" or as nothing at all; here they stop it with a
    VendorError.
    """

    def __init__(self, transport: Transport) -> None:
        # counted after unpacking, while it is read
        options: dict[CurlOpt, Any] = {CurlOpt.MAXFILESIZE_LARGE: LARGEST_BODY_BYTES}
        if transport.connection.is_local:
            # libcurl reads proxies from the environment by itself
            options[CurlOpt.NOPROXY] = "*"
        super().__init__(impersonate="chrome", curl_options=options)
        self.transport = transport
        self._expect("", lambda reply, params: {})

    def _expect(self, path: str, judge: Judge) -> None:
        self._path, self._judge = path, judge
        self.documents: list[dict[str, Any]] = []
        self.payloads: list[bytes] = []

    @contextmanager
    def asking(self, path: str, judge: Judge) -> Generator[None]:
        """Have yfinance to ourselves for one question, and name whatever it raises.

        Args:
            path: Part of the path that tells data from the requests for cookie and crumb.
            judge: Checks one data answer, given the parameters asked with, and returns its result.

        Raises:
            VendorError: What is wrong with the answer.
        """
        with _YFINANCE:
            # without this a failure is answered from memory for the life of the process
            YfData.cache_get.cache_clear()
            yf.config.debug.hide_exceptions = False
            self._expect(path, judge)
            try:
                yield
            except YFRateLimitError:
                raise VendorError("rate_limited", "Yahoo limits the rate of requests", 429) from None
            except (YFException, RequestException, LookupError, TypeError, ValueError) as error:
                self.refuse_access()
                status = self.transport.trail.status
                text = f"yfinance cannot read the answer: {type(error).__name__}: {error}"
                raise VendorError("malformed", self.transport.connection.redact(text)[:300], status) from None

    def refuse_access(self) -> None:
        """Raise `blocked` where Yahoo refused, also with a new crumb."""
        status = self.transport.trail.status
        if status in (401, 403):
            raise VendorError("blocked", f"HTTP {status}, also with a new crumb", status)

    def newest(self) -> tuple[dict[str, Any] | None, bytes | None]:
        """The last result that was judged good, and its body."""
        return (self.documents[-1], self.payloads[-1]) if self.documents else (None, None)

    def request(self, method: Any, url: str, *args: Any, **kwargs: Any) -> Any:
        """What yfinance calls: data is asked for with retries and judged, cookie and crumb are passed on."""
        connection = self.transport.connection
        local = connection.rebase(url)
        kwargs["timeout"] = connection.timeout_seconds
        send = self._send
        if not self._path or self._path not in urlsplit(url).path:
            return self._ask_for_access(lambda: send(method, local, *args, **kwargs), url)
        params = kwargs.get("params") or {}
        target = connection.target(url, params)
        answers: list[Any] = []

        def once() -> Reply:
            response = send(method, local, *args, **kwargs)
            answers.append(response)
            headers = {name.lower(): value for name, value in response.headers.items() if value is not None}
            return Reply(response.status_code, headers, response.content, target)

        reply = self.transport.send(target, once, RequestException, (CurlConnectionError, Timeout, IncompleteRead))
        response = answers[-1]
        consent = (urlsplit(response.url).hostname or "").endswith("consent.yahoo.com")
        # yfinance gets a new crumb after a 401, and passes the consent page
        if reply.status != 401 and not consent:
            # yfinance writes an expiry into the URL itself
            self.documents.append(self._judge(reply, dict(parse_qsl(urlsplit(url).query)) | dict(params)))
            self.payloads.append(reply.body)
        return response

    def _send(self, method: Any, url: str, *args: Any, **kwargs: Any) -> Any:
        """Send once, and go on to where Yahoo sends us, as long as that is Yahoo.

        Raises:
            VendorError: `blocked` where it is somebody else, `malformed` where the body is larger than any answer.
        """
        kwargs["allow_redirects"] = False
        for _ in range(MOST_REDIRECTS + 1):
            try:
                response = super().request(method, url, *args, **kwargs)
            except RequestException as error:
                if error.code == CurlECode.FILESIZE_EXCEEDED:
                    raise too_large(None) from None
                raise
            headers = {name.lower(): value for name, value in response.headers.items() if value is not None}
            onward = next_address(response.url, response.status_code, headers, self._stays)
            if onward is None:
                return response
            # as browsers do: what was asked is asked, a form is sent once, and the address brings its own parameters
            method, url, args = "GET", onward, ()
            kwargs = {name: value for name, value in kwargs.items() if name not in ("params", "data", "json")}
        raise too_many_redirects(response.status_code)

    def _stays(self, url: str) -> bool:
        """Whether an address is Yahoo's: cookie, consent and data are on hosts of their own."""
        connection = self.transport.connection
        if connection.base_url is not None:
            return connection.stays(url)
        parts = urlsplit(url)
        return parts.scheme == "https" and (parts.hostname or "").endswith(".yahoo.com") and parts.port in (None, 443)

    def _ask_for_access(self, send: Any, url: str) -> Any:
        """Cookie and crumb: one try, because the chart is served without them as well."""
        self.transport.pace()
        try:
            response = send()
        except VendorError as error:
            # yfinance goes on without a cookie where there is no connection
            raise CurlConnectionError(error.detail) from None
        bad = response.status_code != 200 or is_web_page(response.content) or len(response.content) > 64
        if urlsplit(url).path.endswith("/getcrumb") and bad:
            # yfinance would keep an error text as the crumb for the life of the process
            raise CurlConnectionError("no crumb")
        return response


def is_number(value: Any) -> bool:
    """Whether a JSON value is a number, and none too large to be of this world; true and false are none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and -LARGEST <= value <= LARGEST


def is_moment(value: Any) -> bool:
    """Whether a JSON value is seconds since 1970 that a clock of this century shows, or of the one before."""
    return is_number(value) and EARLIEST <= value < LATEST
