"""Finds the garments of a picture, for many who ask at once: one picture at a time, with a limit on waiting."""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import cv2
import numpy as np
from fastapi import HTTPException
from numpy.typing import NDArray

from matcher.attributes.describe import Attributes
from matcher.attributes.of_garment import attributes_of
from matcher.catalog.filters import Filters
from matcher.people import people
from matcher.pipeline import Pipeline
from matcher.runtime.onnx_session import usable_cores
from matcher.sinks.cutouts import Square, in_square, words_of
from matcher.stages.lookup import nearest
from matcher.taxonomy import TYPE_IDS, TYPES
from matcher.types import Garments, Product
from matcher.video.image import read_image
from matcher.web.app.outlines import outline

MOST_PIXELS = 50_000_000
MOST_SIDE = 2048  # pixels; larger pictures are brought to it first: garments are found at much less
_WAIT_S = 20.0
_KEPT_BYTES = 256 << 20


@dataclass(frozen=True)
class Details:
    """What a page shows of one garment besides its columns: its outline, its words, and colours to show for them."""

    square: Square
    path: str
    attributes: Attributes
    words: list[str]


@dataclass(frozen=True, eq=False)
class Look:
    """A picture that was looked at.

    Attributes:
        id: not to be guessed; whoever knows it may see the picture.
        image: (H, W, 3) uint8 BGR.
        garments: what was found, N of them.
        details: one for each garment.
        persons: (N,) who wears each garment, from 0, by place from left to right.
        ms: milliseconds that it took, waiting not counted.
    """

    id: str
    image: NDArray[np.uint8]
    garments: Garments
    details: list[Details]
    persons: NDArray[np.int64]
    ms: float = 0.0

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.image.shape[1], self.image.shape[0]


class Finder:
    """A pipeline that several threads may ask, and the pictures that they asked about last."""

    def __init__(self, pipeline: Pipeline) -> None:
        """Take a pipeline, which nobody else uses but through `Pipeline.beside`."""
        self.pipeline = pipeline
        self._turn = threading.Lock()
        self._pool = ThreadPoolExecutor(usable_cores(), "outlines")
        self._looks: OrderedDict[str, Look] = OrderedDict()
        self._keeping = threading.Lock()

    def find(self, data: bytes) -> Look:
        """Look at a picture, any common format.

        Raises:
            MediaError: it is none, is damaged or too large.
            HTTPException: 503, too many others wait.
        """
        return self.look(_fitted(read_image(data, MOST_PIXELS)))

    def look(self, image: NDArray[np.uint8]) -> Look:
        """Look at a picture (H, W, 3) uint8 BGR; raises as `find`."""
        with self._my_turn():
            began = time.perf_counter()
            if self.pipeline.lookup is not None:
                self.pipeline.lookup.refresh()
            garments = self.pipeline.image(image)
            details = list(self._pool.map(lambda one: _details(image, one), garments))
            ms = 1e3 * (time.perf_counter() - began)
        look = Look(secrets.token_urlsafe(15), image, garments, details, people(garments), ms)
        self._keep(look)
        return look

    def again(self, look_id: str) -> Look:
        """A picture looked at before.

        Raises:
            HTTPException: 404, it is unknown or forgotten.
        """
        with self._keeping:
            if look_id not in self._looks:
                raise HTTPException(404, "this picture is no longer known; send it again")
            self._looks.move_to_end(look_id)
            return self._looks[look_id]

    def similar(
        self, look: Look, number: int, count: int, filters: Filters | None = None
    ) -> list[tuple[Product, float]]:
        """More products like a garment of a picture, best first, with their similarities."""
        one = look.garments[number]
        return self._search(one.embedding, one.type_probs, count, filters) if one.has("embedding") else []

    def like(self, product_id: str, count: int, filters: Filters | None = None) -> list[tuple[Product, float]]:
        """Products like one of the catalogue, itself left out.

        Raises:
            HTTPException: 404, there is none of that id.
        """
        catalog = self.pipeline.catalog
        row = catalog.row_of(product_id) if catalog is not None else None
        if row is None:
            raise HTTPException(404, "the catalogue has no such product")
        vectors, probs = catalog.reconstruct(row), _only(catalog.product(row).type)
        found = self._search(vectors[:1], probs, count + 1, filters) if len(vectors) else []
        return [pair for pair in found if pair[0].id != product_id][:count]

    def in_box(
        self, image: NDArray[np.uint8], box: NDArray[np.float32], type_name: str, count: int
    ) -> list[tuple[Product, float]]:
        """Products like what is in a box (1, 4) xyxy of a picture (H, W, 3) uint8 BGR, of that type."""
        with self._my_turn():
            vectors = self.pipeline.embedder.embed(image, box)
        return self._search(vectors, _only(type_name), count)

    def instead(self, look: Look) -> Look:
        """Keep a changed look in place of the one with its id."""
        self._keep(look)
        return look

    def vector_of(self, product_id: str) -> NDArray[np.float32] | None:
        """The first stored vector (D,) of a product; None where there is none."""
        generation = self.pipeline.catalog.snapshot() if self.pipeline.catalog is not None else None
        row = generation.table.row_of(product_id) if generation is not None else None
        vectors = generation.reconstruct(row) if row is not None else ()
        return vectors[0] if len(vectors) else None

    def _search(
        self, vectors: NDArray, probs: NDArray, count: int, filters: Filters | None = None
    ) -> list[tuple[Product, float]]:
        if self.pipeline.catalog is None:
            return []
        generation, config = self.pipeline.catalog.snapshot(), self.pipeline.config.lookup
        rows, scores = nearest(generation, vectors, probs, count, config, filters)
        pairs = zip(generation.products(rows[0]), scores[0], strict=True)
        return [(product, float(score)) for product, score in pairs if product is not None]

    def close(self) -> None:
        """End the threads that draw outlines."""
        self._pool.shutdown()

    @contextmanager
    def _my_turn(self) -> Iterator[None]:
        if not self._turn.acquire(timeout=_WAIT_S):
            raise HTTPException(503, "too many pictures wait; try again in a moment", {"Retry-After": "10"})
        try:
            yield
        finally:
            self._turn.release()

    def _keep(self, look: Look) -> None:
        with self._keeping:
            self._looks[look.id] = look
            while len(self._looks) > 1 and sum(one.image.nbytes for one in self._looks.values()) > _KEPT_BYTES:
                self._looks.popitem(last=False)


def _only(type_name: str) -> NDArray[np.float32]:
    """(1, T) certainty of one type."""
    probs = np.zeros((1, len(TYPES)), np.float32)
    probs[0, TYPE_IDS[type_name]] = 1
    return probs


def _details(image: NDArray[np.uint8], garment: Garments) -> Details:
    found = in_square(image, garment)
    return Details(found, outline(found), attributes_of(garment), words_of(garment))


def _fitted(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    scale = MOST_SIDE / max(image.shape[:2])
    if scale >= 1:
        return image
    size = max(round(image.shape[1] * scale), 1), max(round(image.shape[0] * scale), 1)
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)
