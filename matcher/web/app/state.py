"""Everything that the app's endpoints share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from matcher.fetch.fetcher import Fetcher
from matcher.web.app.finder import Finder
from matcher.web.app.history import History
from matcher.web.app.reviews import Reviews
from matcher.web.app.store import Store
from matcher.web.limits import Rate
from matcher.web.pictures import ProductPictures

if TYPE_CHECKING:
    from matcher.web.app.jobs import Jobs
    from matcher.web.app.websearch import Provider


@dataclass(frozen=True)
class State:
    """What there is one of.

    Attributes:
        finder: looks at pictures.
        pictures: of products.
        fetcher: for addresses that users give; public ones alone.
        store: the database.
        reviews, history, jobs: kept in it.
        provider: of web searches, where one is set up.
        rate: how often one client may ask for what takes a model or a request.
        crops: folder for cut-outs that are saved on request.
        videos: folder whose videos may be chosen; None = uploads alone.
    """

    finder: Finder
    pictures: ProductPictures
    fetcher: Fetcher
    store: Store
    reviews: Reviews
    history: History
    jobs: Jobs
    provider: Provider | None
    rate: Rate
    crops: Path
    videos: Path | None


def _state(connection: HTTPConnection) -> State:
    return connection.app.state.app


Shared = Annotated[State, Depends(_state)]
