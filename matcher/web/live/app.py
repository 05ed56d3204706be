"""The streamer's server: overlay, dashboard, interface, chat and OBS around one hub."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress

from fastapi import FastAPI

from matcher.web.base import web_app
from matcher.web.limits import Limits
from matcher.web.live import api, public, views
from matcher.web.live.helpers import helpers
from matcher.web.live.hub import Hub
from matcher.web.pictures import ProductPictures
from matcher.web.token import Token

PACKAGES = ("matcher.web.live", "matcher.web")


def live_app(
    hub: Hub,
    token: Token,
    pictures: ProductPictures | None = None,
    names: Iterable[str] = (),
    limits: Limits | None = None,
) -> FastAPI:
    """The app of a hub; serve it by `matcher.web.server`.

    Args:
        hub: the streams; more may be added while it runs.
        token: what lets somebody control them.
        pictures: the shop's photos.
        names: host names it answers to, see `web_app`.
        limits: see `web_app`.

    Raises:
        BackendError: the settings ask for OBS, and what speaks with it is not installed.
        InputError: they ask for the chat bot, and its token is missing.
    """
    tasks = helpers(hub)

    @asynccontextmanager
    async def beside(_: FastAPI) -> AsyncIterator[None]:
        running = [asyncio.create_task(task()) for task in (hub.tick, *tasks)]
        yield
        for task in running:
            task.cancel()
        for task in running:
            with suppress(asyncio.CancelledError):
                await task

    about = "Cards of the products worn in live streams, and control over them."
    app = web_app("As Worn live", token, PACKAGES, names=names, limits=limits, lifespan=beside, description=about)
    app.state.hub, app.state.pictures = hub, pictures or ProductPictures()
    for part in (views.router, public.router, api.router):
        app.include_router(part)
    return app
