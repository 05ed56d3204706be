"""How much one client may ask: bytes of a body, time for it to arrive, and requests in a time."""

from __future__ import annotations

import asyncio
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_LEAST_RATE = 1 << 20  # bytes a second of a connection that is not too slow
_DRAIN_S, _DRAIN_BYTES = 5.0, 64 << 20
_CLIENTS = 4096  # remembered; whoever came longest ago is forgotten


@dataclass(frozen=True)
class Limits:
    """Limits of a server.

    Attributes:
        body_bytes: of a request.
        larger: path -> bytes, for paths that take more, such as those of pictures and videos.
        body_s: seconds in which a body must have arrived, and one more for each MiB that its path allows.
        rate: requests a second of one client, on average.
        burst: requests that a client may send at once.
    """

    body_bytes: int = 64 << 10
    larger: Mapping[str, int] = field(default_factory=dict)
    body_s: float = 20.0
    rate: float = 40.0
    burst: int = 400


class Rate:
    """Token buckets by client: `rate` a second on average, `burst` at once."""

    def __init__(self, rate: float, burst: int, now: Callable[[], float] = time.monotonic) -> None:
        """Take the limits and the clock."""
        self._rate, self._burst, self._now = rate, burst, now
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, client: str) -> float:
        """Count one request; the seconds that the client must wait, 0 = it may go on."""
        now = self._now()
        left, since = self._left.pop(client, (float(self._burst), now))
        left = min(left + (now - since) * self._rate, self._burst)
        wait = 0.0 if left >= 1 else (1 - left) / self._rate
        self._left[client] = (left - (not wait), now)
        while len(self._left) > _CLIENTS:
            self._left.popitem(last=False)
        return wait

    def check(self, request: Request) -> None:
        """For an endpoint that costs more than others: 429 where its client asks too often.

        Raises:
            HTTPException: it does.
        """
        wait = self.take(client_of(request.scope))
        if wait:
            raise HTTPException(429, _SLOWER, {"Retry-After": str(math.ceil(wait))})


_SLOWER = "too many requests; wait a moment and try again"


def client_of(scope: Scope) -> str:
    """The address that a request comes from; "" where that is unknown."""
    return scope["client"][0] if scope.get("client") else ""


class RateLimit:
    """ASGI middleware: 429 to clients that ask too often."""

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        """Wrap an app."""
        self._app, self._rate = app, Rate(limits.rate, limits.burst)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer or refuse a request."""
        wait = self._rate.take(client_of(scope)) if scope["type"] in ("http", "websocket") else 0
        if not wait:
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1013, "reason": _SLOWER})
        else:
            headers = {"Retry-After": str(math.ceil(wait))}
            await JSONResponse({"detail": _SLOWER}, 429, headers)(scope, receive, send)


class BodyLimit:
    """ASGI middleware: 413 for bodies that are too large, 408 for those that do not arrive. Counts what comes."""

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        """Wrap an app."""
        self._app, self._limits = app, limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, its body under watch."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        most = self._limits.larger.get(scope["path"], self._limits.body_bytes)
        stated = Headers(scope=scope).get("content-length", "")
        if stated.isdecimal() and int(stated[:20]) > most:
            await _drained(receive)
            await JSONResponse({"detail": _too_large(most)}, 413, {"Connection": "close"})(scope, receive, send)
            return
        await self._app(scope, _watched(receive, most, self._limits.body_s + most / _LEAST_RATE), send)


def _watched(receive: Receive, most: int, seconds: float) -> Receive:
    """What receives a body of at most so many bytes within so many seconds."""
    end, count, whole = time.monotonic() + seconds, 0, False

    async def watched() -> Message:
        nonlocal count, whole
        if whole:  # only a hang-up can follow, and for that there is no hurry
            return await receive()
        try:
            message = await asyncio.wait_for(receive(), max(end - time.monotonic(), 0.001))
        except TimeoutError:
            raise HTTPException(408, "the request takes too long to arrive; try again") from None
        count += len(message.get("body", b""))
        whole = not message.get("more_body", False)
        if count > most:
            if not whole:
                await _drained(receive)
            raise HTTPException(413, _too_large(most))
        return message

    return watched


async def _drained(receive: Receive) -> None:
    """Read on for a while: a client that is still sending when the connection closes never sees the answer."""
    end, left = time.monotonic() + _DRAIN_S, _DRAIN_BYTES
    while left > 0:
        try:
            message = await asyncio.wait_for(receive(), max(end - time.monotonic(), 0.001))
        except TimeoutError:
            return
        left -= len(message.get("body", b""))
        if not message.get("more_body", False):
            return


def _too_large(most: int) -> str:
    size = f"{most >> 20} MiB" if most >= 1 << 20 else f"{most >> 10} KiB"
    return f"that is too large: at most {size} are taken here"
