"""The secret that lets somebody write. It is kept in a file, printed as part of a link, and then held as a cookie.

Programs send it as `Authorization: Bearer TOKEN`. A browser opens the printed link once; the page's cookie is not
readable for scripts and is not sent by pages of other sites.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from pathlib import Path
from typing import Annotated
from urllib.parse import parse_qsl, urlencode

from fastapi import Depends, HTTPException
from fastapi.security import HTTPBearer
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from matcher.errors import InputError

VARIABLE = "ASWORN_TOKEN"
QUERY = "token"
_LEAST = 16  # characters of a token that a user chose
_MONTH_S = 30 * 24 * 3600
_bearer = HTTPBearer(auto_error=False, description="The token that `asworn` prints when it starts.")


class Token:
    """A secret, and who shows it.

    Attributes:
        text: the secret itself; print it for the user, never on a page.
        cookie: name of the cookie that holds it. Cookies know no ports, so servers with other tokens have other names.
    """

    def __init__(self, text: str) -> None:
        """Use this secret.

        Raises:
            InputError: it is too short, or cannot stand in a header and an address.
        """
        if len(text) < _LEAST or not text.isascii() or not text.replace("-", "").replace("_", "").isalnum():
            raise InputError(f"a token has {_LEAST} or more letters, digits, - and _; leave it out to have one made")
        self.text = text
        self.cookie = "asworn_" + hashlib.sha256(text.encode()).hexdigest()[:8]

    @classmethod
    def kept(cls, path: Path | None = None) -> Token:
        """The token of the environment (`ASWORN_TOKEN`), else the one kept in a file, which is made the first time.

        So links and bookmarks stay good when the server is started again. Delete the file to have a new one.

        Raises:
            InputError: the file cannot be read or made, or holds no token.
        """
        if os.environ.get(VARIABLE):
            return cls(os.environ[VARIABLE])
        path = path or default_path()
        try:
            if not path.parent.is_dir():
                path.parent.mkdir(parents=True)
            # For the user's eyes alone from the first moment on; who comes second reads what the first one wrote.
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            if path.is_file():
                return cls(_read(path))
            raise InputError(f"cannot keep a token at {path}; set {VARIABLE} instead") from None
        except OSError as error:
            raise InputError(f"cannot keep a token at {path} ({error.strerror}); set {VARIABLE} instead") from error
        with os.fdopen(handle, "w", encoding="ascii") as file:
            made = secrets.token_urlsafe(32)
            file.write(made + "\n")
        return cls(made)

    def matches(self, given: str | None) -> bool:
        """Whether this is the secret; takes the same time however much of it is right."""
        return given is not None and hmac.compare_digest(given.encode("utf-8", "replace"), self.text.encode())

    def allows(self, connection: HTTPConnection) -> bool:
        """Whether a request or WebSocket shows the secret, as a bearer or as our cookie."""
        scheme, _, given = connection.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return self.matches(given.strip())
        return self.matches(connection.cookies.get(self.cookie))

    def link(self, url: str) -> str:
        """An address of ours that lets its reader in."""
        return f"{url}{'&' if '?' in url else '?'}{urlencode({QUERY: self.text})}"


def default_path() -> Path:
    """Where the token is kept: the user's folder of settings (XDG)."""
    base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(base) / "asworn" / "token"


def _read(path: Path) -> str:
    try:
        return path.read_text("ascii").strip()
    except (OSError, UnicodeError) as error:
        raise InputError(f"the token at {path} cannot be read; delete that file to have a new one") from error


async def allowed(connection: HTTPConnection) -> bool:
    """Dependency: whether who asks may write. For pages, which then show or hide what writes; and WebSockets."""
    return connection.app.state.token.allows(connection)


async def writer(may: Annotated[bool, Depends(allowed)], _: Annotated[object, Depends(_bearer)]) -> None:
    """Dependency of everything that writes, or shows what others uploaded: 401 without the token."""
    if not may:
        said = "this needs the token: open the link that asworn printed when it started"
        raise HTTPException(401, said, {"WWW-Authenticate": "Bearer"})


class TokenLogin:
    """ASGI middleware: a page opened with `?token=...` gets the cookie and its address without the token."""

    def __init__(self, app: ASGIApp, token: Token) -> None:
        """Wrap an app."""
        self._app, self._token = app, token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a login, pass everything else on."""
        given = None
        if scope["type"] == "http" and scope["method"] == "GET":
            pairs = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
            given = next((value for name, value in pairs if name == QUERY), None)
        if given is None:
            await self._app(scope, receive, send)
            return
        rest = urlencode([pair for pair in pairs if pair[0] != QUERY])
        await self._answer(given, scope["path"], rest)(scope, receive, send)

    def _answer(self, given: str, path: str, query: str) -> Response:
        if not self._token.matches(given):
            return PlainTextResponse("this token is not the one of this server; open the link that it printed\n", 401)
        # One slash: an address that begins with two would lead to another host.
        answer = RedirectResponse("/" + path.lstrip("/") + (f"?{query}" if query else ""), 303)
        answer.set_cookie(self._token.cookie, given, max_age=_MONTH_S, httponly=True, samesite="strict")
        return answer
