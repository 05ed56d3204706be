"""What a browser may do with our pages: nothing foreign, no inline scripts, no frames of others around them."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    # Shops learn nothing of who looks; our own requests keep their Origin, which the check in `hosts` wants.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
}
_UNLESS_SAID = {"Cache-Control": "no-store"}


@dataclass(frozen=True)
class Policy:
    """The content security policy of pages. Sources are as in CSP, e.g. "'self'" or "blob:".

    Attributes:
        images: where pictures come from; `blob:` is a picture that the user dropped.
        media: where videos come from.
        connect: where scripts may send requests and open WebSockets.
        framed: whether pages of the same origin may show ours in a frame.
    """

    images: tuple[str, ...] = ("'self'", "data:", "blob:")
    media: tuple[str, ...] = ("'self'", "blob:")
    connect: tuple[str, ...] = ("'self'",)
    framed: bool = False

    @property
    def header(self) -> str:
        """The value of `Content-Security-Policy`. Scripts and styles come from our files alone."""
        parts = {
            "default-src": "'none'",
            "script-src": "'self'",
            "style-src": "'self'",
            "img-src": " ".join(self.images),
            "media-src": " ".join(self.media),
            "connect-src": " ".join(self.connect),
            "form-action": "'self'",
            "base-uri": "'none'",
            "frame-ancestors": "'self'" if self.framed else "'none'",
        }
        return "; ".join(f"{name} {value}" for name, value in parts.items())

    @property
    def headers(self) -> dict[str, str]:
        """All headers that every answer carries."""
        return {"Content-Security-Policy": self.header, **_ALWAYS}


class SecurityHeaders:
    """ASGI middleware: puts the policy's headers on every answer; what an answer says itself is kept."""

    def __init__(self, app: ASGIApp, policy: Policy | None = None) -> None:
        """Wrap an app."""
        self._app = app
        self._headers = (policy or Policy()).headers | _UNLESS_SAID

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, with_headers if scope["type"] == "http" else send)
