"""Pictures of products: fetched or read ahead in threads, and recognised when they were embedded before."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from indexer.describe import VERSION, Description
from indexer.feeds.base import FeedItem, Picture
from matcher.errors import MediaError
from matcher.fetch.fetcher import Fetched, Fetcher, FetchError
from matcher.fetch.sniff import not_a_picture
from matcher.taxonomy import TYPES
from matcher.video.image import read_image

MAX_BYTES = 100 << 20  # of a file
MAX_PIXELS = 50_000_000
_AHEAD = 8  # decoded pictures that wait
_THREADS = 2
_FETCHED_AHEAD = 4  # times the number of requests at a time
A, B = TypeVar("A"), TypeVar("B")


@dataclass(frozen=True)
class Loaded:
    """A picture that was read.

    Attributes:
        picture: where it comes from.
        content: the key of what will be embedded: bytes, weights and type asked for.
        image: (H, W, 3) uint8 BGR; None when `known` is there, or when there is an error.
        known: the description of the same content from before.
        error: why the picture cannot be used.
        stale: whether it is an earlier copy because the server could not be asked.
    """

    picture: Picture
    content: str = ""
    image: NDArray[np.uint8] | None = None
    known: Description | None = None
    error: str = ""
    stale: bool = False


class Library(Protocol):
    """Descriptions by content key, so that unchanged pictures are not embedded again."""

    def find(self, content: str) -> Description | None:
        """The description of a content key; None when there is none. Called from several threads."""
        ...

    def put(self, content: str, found: Description) -> None:
        """Keep a description for good."""
        ...

    def contents(self) -> Iterator[str]:
        """Every content key that `find` knows now, in any order; some may come twice."""
        ...


@dataclass(frozen=True)
class Source:
    """Where pictures come from and what is known of them.

    Attributes:
        bundle_hash: `Bundle.hash` of the models.
        library: where unchanged pictures are looked up; None = nowhere.
        fetcher: for pictures of the web; None = they cannot be used.
    """

    bundle_hash: str = ""
    library: Library | None = None
    fetcher: Fetcher | None = None


def content_key(data: bytes, bundle_hash: str, type_hint: str) -> str:
    """SHA-256 over everything that decides a picture's vector."""
    text = f"{VERSION}\n{bundle_hash}\n{','.join(TYPES)}\n{type_hint}\n"
    return hashlib.sha256(text.encode() + data).hexdigest()


def load_ahead(items: Iterable[FeedItem], source: Source) -> Generator[Loaded, None, None]:
    """Every picture of every item, in order, while threads fetch and read the next few."""
    asked = ((item.product.type, picture) for item in items for picture in item.pictures)
    concurrency = source.fetcher.options.concurrency if source.fetcher else _THREADS
    # Bytes wait in numbers, decoded pictures, which are large, only a few.
    fetched = in_order(lambda one: fetch(*one, source), asked, concurrency, _FETCHED_AHEAD * concurrency)
    decoded = in_order(lambda one: _decode(one, source), fetched, _THREADS, _AHEAD)
    done = False
    try:
        for loaded in decoded:  # noqa: UP028 - the `finally` must run before that of `decoded`
            yield loaded
        done = True
    finally:
        # The fetcher first: the others wait for their threads, which may be waiting for a server.
        if source.fetcher and not done:
            source.fetcher.stop()
        decoded.close()
        fetched.close()


def in_order(function: Callable[[A], B], inputs: Iterable[A], threads: int, ahead: int) -> Iterator[B]:
    """What a function gives for each input, in order, while threads work at the next ones.

    Args:
        function: called in the threads.
        inputs: taken in the caller's thread.
        threads: how many.
        ahead: results that may wait.
    """
    waiting: deque[Future[B]] = deque()
    pool = ThreadPoolExecutor(threads, "pictures")
    try:
        for one in inputs:
            waiting.append(pool.submit(function, one))
            while waiting and (len(waiting) > ahead or waiting[0].done()):
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        # Also when the caller stops early: no thread goes on.
        pool.shutdown(wait=True, cancel_futures=True)


@dataclass(frozen=True)
class Raw:
    """The bytes of a picture, asked for as of a type, or why there are none."""

    picture: Picture
    type_hint: str
    body: Fetched = Fetched(b"")
    error: str = ""


def fetch(type_hint: str, picture: Picture, source: Source) -> Raw:
    """Read or fetch a picture; it is not decoded yet."""
    try:
        return Raw(picture, type_hint, _body(picture, source))
    except OSError as error:
        return Raw(picture, type_hint, error=f"{picture.name} cannot be read ({error.strerror})")
    except FetchError as reason:
        return Raw(picture, type_hint, error=f"{picture.name}: {reason}")


def _body(picture: Picture, source: Source) -> Fetched:
    if picture.path is None:
        if source.fetcher is None:
            raise FetchError("pictures of the web are not fetched here")
        return source.fetcher.fetch(picture.url)
    if picture.path.stat().st_size > MAX_BYTES:
        raise FetchError(f"is larger than {MAX_BYTES >> 20} MiB")
    return Fetched(picture.path.read_bytes())


def _decode(raw: Raw, source: Source) -> Loaded:
    """Decode, unless it is known; a picture that cannot be decoded comes back with the reason."""
    loaded = recognise(raw, source)
    return loaded if loaded.error or loaded.known else decode(loaded, raw.body.data)


def recognise(raw: Raw, source: Source) -> Loaded:
    """A picture with its content key and what the library knows of it, or with the reason why it is none."""
    picture, data = raw.picture, raw.body.data
    reason = raw.error or not_a_picture(data)
    if reason:
        return Loaded(picture, error=raw.error or f"{picture.name}: {reason}")
    content = content_key(data, source.bundle_hash, raw.type_hint)
    known = source.library.find(content) if source.library is not None else None
    return Loaded(picture, content, known=known, stale=raw.body.stale)


def decode(loaded: Loaded, data: bytes) -> Loaded:
    """A recognised picture with its pixels, or with the reason why it has none."""
    try:
        return replace(loaded, image=read_image(data, MAX_PIXELS))
    except MediaError as error:
        name = loaded.picture.name
        return Loaded(loaded.picture, error=str(error).replace("the picture:", f"{name}:", 1))
