"""Who may ask: only pages that came from this very server, under a name that is its own.

A page of a stranger can make a visitor's browser send requests to 127.0.0.1. Two checks stand against it. The `Host`
must be a literal address or a name that we answer to, since a stranger's name may be made to lead here (DNS
rebinding). And what changes something, or opens a WebSocket, must not come from another origin (CSRF).
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN_SITES = frozenset({"same-origin", "none"})
_PORTS = {"http": 80, "https": 443}


class HostCheck:
    """ASGI middleware: refuses requests to other names (421) and changes from other origins (403)."""

    def __init__(self, app: ASGIApp, names: Iterable[str] = ()) -> None:
        """Wrap an app.

        Args:
            app: what answers.
            names: host names it answers to, besides literal addresses, localhost and the machine's own name.
        """
        self._app = app
        own = socket.gethostname().lower()
        self._names = {"localhost", own, f"{own}.local", *(name.lower().rstrip(".") for name in names)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer or refuse a request."""
        reason = self._reason(scope) if scope["type"] in ("http", "websocket") else None
        if reason is None:
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": reason[1][:120]})
        else:
            await PlainTextResponse(reason[1] + "\n", reason[0])(scope, receive, send)

    def _reason(self, scope: Scope) -> tuple[int, str] | None:
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self._is_ours(_host_of(hosts[0])):
            name = hosts[0][:100] if hosts else "without a name"
            return 421, f"this server does not answer to {name!r}; its address works, or start it with --allow-host"
        changes = scope["type"] == "websocket" or scope["method"] not in _SAFE
        if changes and not _is_same_origin(headers, hosts[0], scope["scheme"]):
            return 403, "this request comes from a page of another site; open the page that this server shows"
        return None

    def _is_ours(self, host: str) -> bool:
        if host in self._names or host.endswith(".localhost"):
            return True
        try:
            ipaddress.ip_address(host)
        except ValueError:
            return False
        return True  # a literal address cannot be rebound


def _host_of(text: str) -> str:
    """The host of a `Host` header in lower case, without port and brackets; "" where it is none."""
    try:
        return (urlsplit(f"//{text}").hostname or "").rstrip(".")
    except ValueError:
        return ""


def _is_same_origin(headers: Headers, host: str, scheme: str) -> bool:
    """Whether a browser says that its page is ours. Programs say nothing: they hold no cookies of the user's."""
    origin = headers.get("origin")
    if origin is not None:
        return _place(origin, "") == _place(f"{scheme.replace('ws', 'http')}://{host}", origin)
    return headers.get("sec-fetch-site", "none") in _OWN_SITES


def _place(origin: str, like: str) -> tuple[str, int] | None:
    """(host, port) of an origin; None where it has none, like the origin "null".

    `like` is another origin whose scheme decides the port where none is written: a proxy in front may speak TLS.
    """
    try:
        parts = urlsplit(origin)
        port = parts.port or _PORTS.get(urlsplit(like).scheme or parts.scheme)
    except ValueError:
        return None
    return (parts.hostname, port) if parts.hostname and port else None
