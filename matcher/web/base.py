"""Makes an app that has everything our servers share; see `web_app`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager

from fastapi import FastAPI

from matcher import __version__
from matcher.web.assets import Assets
from matcher.web.failures import answer_errors
from matcher.web.hosts import HostCheck
from matcher.web.limits import BodyLimit, Limits, RateLimit
from matcher.web.pages import Pages
from matcher.web.policy import Policy, SecurityHeaders
from matcher.web.token import Token, TokenLogin

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def web_app(
    title: str,
    token: Token,
    packages: Iterable[str] = ("matcher.web",),
    policy: Policy | None = None,
    limits: Limits | None = None,
    names: Iterable[str] = (),
    lifespan: Lifespan | None = None,
    description: str = "",
) -> FastAPI:
    """An app without pages yet: add routers to it, then `matcher.web.server.serve` it.

    Its `state` has `token`, `assets` and `pages`. Endpoints that write depend on `matcher.web.token.writer`. There is
    `/openapi.json`, but not FastAPI's own pages about it, which load scripts from elsewhere.

    Args:
        title: of the API.
        token: what lets somebody write.
        packages: whose folders `static` and `templates` its pages are made of; "matcher.web" has what all share.
        policy: what pages may load; nothing foreign when None.
        limits: on size, time and rate; the defaults when None.
        names: host names it answers to, besides addresses, localhost and the machine's name.
        lifespan: runs beside it, from start to stop.
        description: of the API.
    """
    policy, limits, packages = policy or Policy(), limits or Limits(), tuple(packages)
    how = {"docs_url": None, "redoc_url": None, "openapi_url": "/openapi.json", "redirect_slashes": False}
    app = FastAPI(title=title, version=__version__, description=description, lifespan=lifespan, **how)
    app.state.token, app.state.assets = token, Assets(*packages)
    app.state.pages = Pages(app.state.assets, *packages)
    app.include_router(app.state.assets.router())
    answer_errors(app, policy)
    # The last one added is asked first.
    app.add_middleware(TokenLogin, token=token)
    app.add_middleware(BodyLimit, limits=limits)
    app.add_middleware(RateLimit, limits=limits)
    app.add_middleware(HostCheck, names=tuple(names))
    app.add_middleware(SecurityHeaders, policy=policy)
    return app
