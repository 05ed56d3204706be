"""Picture files: read ahead in threads, and recognised when they were embedded before."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexer.describe import VERSION, Description
from indexer.feeds.base import FeedItem, Picture
from matcher.catalog.catalog import Catalog
from matcher.catalog.generation import Generation
from matcher.errors import CatalogError, MediaError
from matcher.taxonomy import TYPES
from matcher.video.image import read_image

MAX_BYTES = 100 << 20
_AHEAD = 8
_THREADS = 2


@dataclass(frozen=True)
class Loaded:
    """A picture that was read.

    Attributes:
        picture: where it comes from.
        content: the key of what will be embedded: bytes, weights and type asked for.
        image: (H, W, 3) uint8 BGR; None when `known` is there, or when there is an error.
        known: the description of the same content in the current generation.
        error: why the picture cannot be used.
    """

    picture: Picture
    content: str = ""
    image: NDArray[np.uint8] | None = None
    known: Description | None = None
    error: str = ""


class Library:
    """Vectors of the current generation by content, so that unchanged pictures are not embedded again."""

    def __init__(self, path: Path, embedder_hash: str, dimension: int) -> None:
        """Open the catalogue that will be replaced; one that cannot be read or used has nothing to offer."""
        self._generation: Generation | None = None
        try:
            self._generation = Catalog.load(path, embedder_hash).snapshot()
        except CatalogError:
            return
        if self._generation.manifest.dimension != dimension:
            self._generation = None

    def find(self, content: str) -> Description | None:
        """The stored description of a content key; None when there is none."""
        found = self._generation.table.find_content(content) if self._generation is not None else None
        if found is None:
            return None
        type_name, position, origin = found
        if origin.type_probs is None or origin.xyxy is None:
            return None
        vector = self._generation.vector(type_name, position)
        return Description(origin.type_probs, vector, np.array(origin.xyxy, np.float32), origin.localised)


def content_key(data: bytes, bundle_hash: str, type_hint: str) -> str:
    """SHA-256 over everything that decides a picture's vector."""
    text = f"{VERSION}\n{bundle_hash}\n{','.join(TYPES)}\n{type_hint}\n"
    return hashlib.sha256(text.encode() + data).hexdigest()


def load(item: FeedItem, picture: Picture, bundle_hash: str, library: Library | None) -> Loaded:
    """Read one picture of a product; an unreadable one comes back with the reason."""
    try:
        if picture.path is None:
            return Loaded(picture, error="pictures of the web are not fetched yet")
        if picture.path.stat().st_size > MAX_BYTES:
            return Loaded(picture, error=f"{picture.name} is larger than {MAX_BYTES >> 20} MiB")
        data = picture.path.read_bytes()
        content = content_key(data, bundle_hash, item.product.type)
        known = library.find(content) if library is not None else None
        return Loaded(picture, content, None if known else read_image(data), known)
    except OSError as error:
        return Loaded(picture, error=f"{picture.name} cannot be read ({error.strerror})")
    except MediaError as error:
        return Loaded(picture, error=str(error).replace("the picture:", f"{picture.name}:", 1))


def load_ahead(items: Iterable[FeedItem], bundle_hash: str, library: Library | None) -> Iterator[Loaded]:
    """Every picture of every item, in order, while threads read the next few.

    Args:
        items: products of a feed.
        bundle_hash: `Bundle.hash` of the models.
        library: where unchanged pictures are looked up; None = nowhere.
    """
    waiting: deque[Future[Loaded]] = deque()
    pool = ThreadPoolExecutor(_THREADS, "pictures")
    try:
        for item in items:
            for picture in item.pictures:
                waiting.append(pool.submit(load, item, picture, bundle_hash, library))
                if len(waiting) > _AHEAD:
                    yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        # Also when the caller stops early: no thread goes on reading.
        pool.shutdown(wait=True, cancel_futures=True)
