"""Puts the web app together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from fastapi import FastAPI
from fastapi.concurrency import run_in_threadpool

from matcher.fetch.cache import Cache
from matcher.fetch.fetcher import Fetcher, FetchOptions
from matcher.pipeline import Pipeline
from matcher.web.app import api_jobs, api_looks, api_products, api_review, site
from matcher.web.app.finder import Finder
from matcher.web.app.history import History
from matcher.web.app.jobs import Jobs
from matcher.web.app.reviews import Reviews
from matcher.web.app.state import State
from matcher.web.app.store import Store
from matcher.web.app.websearch import Provider
from matcher.web.base import web_app
from matcher.web.limits import Limits, Rate
from matcher.web.pictures import ProductPictures
from matcher.web.token import Token

PACKAGES = ("matcher.web", "matcher.web.app")
_CACHE_BYTES = 1 << 30
# A page waits for pictures of products, and a slow shop must not hold all threads.
_IMPATIENT = {"attempts": 1, "connect_s": 3.0, "read_s": 5.0, "total_s": 10.0}
_ABOUT = "Garments of pictures and videos, and the products of one shop that they are."


@dataclass(frozen=True)
class Options:
    """How the app is set up.

    Attributes:
        data: folder of the database, uploads and judgements.
        pictures: folder that relative names of product pictures start from; None = such are not shown.
        crops: where cut-outs are saved on request; None = in `data`.
        videos: folder whose videos may be chosen; None = uploads alone.
        provider: of web searches.
        names: host names that the server answers to, besides its addresses.
        allow_private: fetch from private addresses too, for shops inside a network.
        rate: pictures and searches a second of one client, on average.
        limits: for all requests; None = the defaults.
    """

    data: Path
    pictures: Path | None = None
    crops: Path | None = None
    videos: Path | None = None
    provider: Provider | None = None
    names: tuple[str, ...] = ()
    allow_private: bool = False
    rate: float = 2.0
    limits: Limits | None = None


def shop_app(pipeline: Pipeline, token: Token, options: Options) -> FastAPI:
    """The app of `asworn serve`.

    Args:
        pipeline: with a catalogue; the app's alone from now on.
        token: what lets somebody write.
        options: all else.

    Raises:
        InputError: the folder for data cannot be used.
    """
    state = _state(pipeline, options)

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        state.jobs.start()
        yield
        await run_in_threadpool(_close, state)

    limits = options.limits or _limits()
    app = web_app("As Worn", token, PACKAGES, None, limits, options.names, life, _ABOUT)
    app.state.app = state
    for part in (api_looks, api_products, api_jobs, api_review, site):
        app.include_router(part.router)
    app.include_router(site.api)
    return app


def _limits() -> Limits:
    pictures = {api_looks.PICTURE_PATH: api_looks.MOST_BYTES, api_jobs.STILL_PATH: api_looks.MOST_BYTES}
    return Limits(larger={**pictures, api_jobs.UPLOAD_PATH: api_jobs.MOST_BYTES})


def _state(pipeline: Pipeline, options: Options) -> State:
    store = Store(options.data)
    how = FetchOptions(attempts=2, max_bytes=api_looks.MOST_BYTES, total_s=20, allow_private=options.allow_private)
    cache = Cache(options.data / "pictures")
    cache.trim(_CACHE_BYTES)
    reviews, finder = Reviews(store), Finder(pipeline)
    return State(
        finder=finder,
        pictures=ProductPictures(options.pictures, Fetcher(replace(how, **_IMPATIENT), cache)),
        fetcher=Fetcher(how),
        store=store,
        reviews=reviews,
        history=History(store, finder.vector_of),
        jobs=Jobs(store, pipeline, reviews),
        provider=options.provider,
        rate=Rate(options.rate, max(round(options.rate * 10), 1)),
        crops=options.crops or options.data / "crops",
        videos=options.videos,
    )


def _close(state: State) -> None:
    state.jobs.stop()
    state.finder.close()
    state.fetcher.close()
    state.pictures.close()
    state.store.close()
