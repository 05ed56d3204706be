"""Fetches what a feed names: with limits, in turns for each host, again after failures, and from the cache."""

from __future__ import annotations

import random
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from types import TracebackType
from typing import TypeVar

import httpcore
import httpx

from matcher import __version__
from matcher.fetch.addresses import Refused, Resolver, resolve
from matcher.fetch.cache import Cache, Entry
from matcher.fetch.transport import CheckedBackend, CheckedTransport

_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
_REDIRECTS = 5
_BROKEN = (httpcore.NetworkError, httpcore.ProtocolError, httpcore.ProxyError, OSError)
T = TypeVar("T")


@dataclass(frozen=True)
class FetchOptions:
    """Limits of fetching.

    Attributes:
        concurrency: requests at a time, in all.
        per_host: requests at a time to one host.
        attempts: how often a request is tried.
        backoff_s: wait before the second attempt; it doubles with each, give or take a half.
        most_wait_s: the longest wait, also where a server asks for more (`Retry-After`).
        connect_s, read_s: time for a connection, and for each piece of an answer.
        total_s: time for one whole answer: a server that sends a byte a second is given up.
        max_bytes: of one picture.
        fresh_s: a cached body that was good so short a time ago is used without asking, so a killed build goes on.
        allow_private: connect to private, loopback and link-local addresses too.
    """

    concurrency: int = 16
    per_host: int = 6
    attempts: int = 4
    backoff_s: float = 0.5
    most_wait_s: float = 30.0
    connect_s: float = 5.0
    read_s: float = 15.0
    total_s: float = 60.0
    max_bytes: int = 32 << 20
    fresh_s: float = 600.0
    allow_private: bool = False


class FetchError(Exception):
    """Something that could not be fetched; the message is the reason, for people."""


class _Again(FetchError):
    """A failure that may pass."""

    def __init__(self, reason: str, wait_s: float | None = None) -> None:
        super().__init__(reason)
        self.wait_s = wait_s


@dataclass(frozen=True)
class Fetched:
    """A body, and whether it is the cached one because the server could not be asked."""

    data: bytes
    stale: bool = False


class Fetcher:
    """Fetches bodies; safe to use from many threads. A context manager: leaving it stops what is under way."""

    def __init__(
        self, options: FetchOptions | None = None, cache: Cache | None = None, resolver: Resolver = resolve
    ) -> None:
        """Take limits, a cache (None = keep nothing) and who resolves names."""
        self.options = options or FetchOptions()
        self._cache = cache
        backend = CheckedBackend(resolver, self.options.allow_private)
        timeout = httpx.Timeout(self.options.read_s, connect=self.options.connect_s)
        self._client = httpx.Client(
            transport=CheckedTransport(backend, self.options.concurrency),
            follow_redirects=True,
            max_redirects=_REDIRECTS,
            timeout=timeout,
            trust_env=False,
            # What is compressed may unpack to any size; pictures are compressed as they are.
            headers={"User-Agent": f"asworn/{__version__}", "Accept-Encoding": "identity"},
        )
        self._turns: defaultdict[str, threading.Semaphore] = defaultdict(
            lambda: threading.Semaphore(self.options.per_host)
        )
        self._lock = threading.Lock()
        self._stopped = threading.Event()

    def fetch(self, url: str) -> Fetched:
        """The body at an address: from the cache where it is fresh or the server says that it is still good.

        Raises:
            FetchError: it cannot be had, with the reason.
        """
        entry = self._cache.get(url) if self._cache else None
        if entry and entry.age_s < self.options.fresh_s:
            return Fetched(entry.data)
        try:
            return Fetched(self._repeat(lambda: self._ask(url, entry)))
        except _Again:
            if entry is None:
                raise
            return Fetched(entry.data, stale=True)

    def download(self, url: str, path: Path, max_bytes: int) -> None:
        """Write the body at an address into a file; neither the cache nor `total_s` are for this.

        Raises:
            FetchError: it cannot be had, with the reason.
            OSError: the file cannot be written.
        """

        def write() -> None:
            with path.open("wb") as file:
                self._get(url, {}, file.write, max_bytes, float("inf"))

        self._repeat(write)

    def _ask(self, url: str, entry: Entry | None) -> bytes:
        headers = {"If-None-Match": entry.etag, "If-Modified-Since": entry.modified} if entry else {}
        body = bytearray()
        answer = self._get(
            url,
            {name: text for name, text in headers.items() if text},
            body.extend,
            self.options.max_bytes,
            self.options.total_s,
        )
        if answer.status_code == 304 and entry is not None and self._cache:
            self._cache.touch(url)
            return entry.data
        if self._cache:
            said = answer.headers
            self._cache.put(url, bytes(body), said.get("ETag", ""), said.get("Last-Modified", ""))
        return bytes(body)

    def _repeat(self, ask: Callable[[], T]) -> T:
        """Ask, and again with growing waits after failures that may pass; differing waits keep clients apart."""
        options = self.options
        for attempt in range(options.attempts - 1):
            try:
                return ask()
            except _Again as error:
                wait = options.backoff_s * 2**attempt * random.uniform(0.5, 1.5)
                wait = min(max(wait, error.wait_s or 0.0), options.most_wait_s)
                if self._stopped.wait(wait):
                    raise
        return ask()

    def _get(
        self, url: str, headers: dict[str, str], sink: Callable[[bytes], object], max_bytes: int, total_s: float
    ) -> httpx.Response:
        """Send one request and pass its body on; what goes wrong becomes a reason."""
        try:
            with self._turn(url), self._client.stream("GET", url, headers=headers) as answer:
                _check_answer(answer, bool(headers))
                self._read(answer, sink, max_bytes, time.monotonic() + total_s)
                return answer
        except Refused as error:
            raise FetchError(str(error)) from error
        except httpx.TooManyRedirects:
            raise FetchError(f"is redirected more than {_REDIRECTS} times") from None
        except (httpx.UnsupportedProtocol, httpcore.UnsupportedProtocol):
            raise FetchError("leads to an address that is not of http or https") from None
        except (httpx.InvalidURL, UnicodeError):
            raise FetchError("has an address that is not valid") from None
        except (httpx.TimeoutException, httpcore.TimeoutException):
            raise _Again("the server does not answer in time") from None
        except (httpx.HTTPError, httpx.StreamError, *_BROKEN) as error:
            raise _Again(f"the connection failed ({str(error)[:100] or type(error).__name__})") from error

    def _turn(self, url: str) -> threading.Semaphore:
        with self._lock:
            return self._turns[httpx.URL(url).host]

    def _read(self, answer: httpx.Response, sink: Callable[[bytes], object], max_bytes: int, end: float) -> None:
        limit = f"is larger than {max_bytes / 2**20:.3g} MiB"
        length = answer.headers.get("Content-Length", "")
        if length.isdecimal() and int(length[:18]) > max_bytes:
            raise FetchError(limit)
        total = 0
        # As it comes, in no larger pieces: the clock is looked at after each.
        for piece in answer.iter_raw():
            total += len(piece)
            if total > max_bytes:
                raise FetchError(limit)
            if time.monotonic() > end:
                raise _Again("the server takes too long to send it")
            if self._stopped.is_set():
                raise FetchError("was stopped")
            sink(piece)

    def stop(self) -> None:
        """Let requests under way end soon, with an error; there will be no others."""
        self._stopped.set()

    def close(self) -> None:
        """Stop: requests under way end with an error soon."""
        self.stop()
        self._client.close()

    def __enter__(self) -> Fetcher:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _check_answer(answer: httpx.Response, is_conditional: bool) -> None:
    code = answer.status_code
    says = f"the server says {code} {answer.reason_phrase[:60]}".rstrip()
    if code in _AGAIN:
        raise _Again(says, _asked_wait(answer.headers.get("Retry-After", "")))
    if code != 200 and not (code == 304 and is_conditional):
        raise FetchError(says)
    if answer.headers.get("Content-Encoding", "identity").lower() not in ("", "identity"):
        raise FetchError("is sent compressed, which was not asked for")


def _asked_wait(text: str) -> float | None:
    """Seconds that a `Retry-After` asks for, as a number or a date; None where it says neither."""
    if text.isdecimal():
        return float(text[:9])
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None
