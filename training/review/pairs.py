"""Judged pairs as garments to train on: each seen garment with the shop's picture of the product that it is."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from matcher.boxes import clip, crop_square, mask_on_crop, square
from matcher.bundle import Bundle
from matcher.catalog.catalog import Catalog
from matcher.errors import InputError, MediaError
from matcher.stages.detect import Detector
from matcher.taxonomy import TYPE_IDS, TYPES
from matcher.types import Garments
from matcher.video.image import read_image
from training.data.garment_crops import MARGIN, PACKSHOT, SIZE, TRAIN, TRYON, VALIDATION, Garment, Row
from training.evaluation.queries import Query, load_queries

HELD_OUT = 5  # every so many-th product, by its id, is kept to measure on
LEAST = 8  # products that there must be
_OTHERS = 300  # products that nobody judged, which the right one is told apart from when it is measured


@dataclass(frozen=True)
class Counts:
    """What was read: pairs, products of them, and pairs that could not be used."""

    pairs: int
    products: int
    unusable: int


class ReviewPairs:
    """Garments of a file of pairs (`pairs.csv` of the web app), read when they are asked for."""

    def __init__(self, file: Path, catalog: Catalog, pictures: Path, bundle: Bundle) -> None:
        """Read the list.

        Args:
            file: as `asworn eval retrieval --queries` takes it, with boxes.
            catalog: whose products they are.
            pictures: folder that its product pictures are named from.
            bundle: its detector outlines the garments.

        Raises:
            InputError: the file cannot be used.
        """
        self._queries = [query for query in load_queries(file) if query.xyxy is not None]
        self._catalog, self._pictures = catalog, pictures
        self._detector = Detector(bundle)
        self.counts = Counts(0, 0, 0)

    def __iter__(self) -> Iterator[Garment]:
        """Seen garments (`TRYON`) and their products' pictures (`PACKSHOT`), then pictures of other products.

        Raises:
            InputError: fewer than `LEAST` products can be used.
        """
        shown: dict[str, Garment | None] = {}
        used = 0
        for query in self._queries:
            if query.product_id not in shown:
                shown[query.product_id] = packshot = self._packshot(query.product_id)
                if packshot is not None:
                    yield packshot
            worn = self._worn(query) if shown[query.product_id] is not None else None
            if worn is not None:
                used += 1
                yield worn
        known = {product for product, one in shown.items() if one is not None}
        self.counts = Counts(used, len(known), len(self._queries) - used)
        if len(known) < LEAST:
            raise InputError(f"{len(known)} judged products have pictures here; training needs {LEAST} or more")
        yield from self._others(known)

    def _worn(self, query: Query) -> Garment | None:
        row = self._catalog.row_of(query.product_id)
        type_name = self._catalog.product(row).type
        return self._cut(query.image, query.xyxy, type_name, Row(TRYON, *_place(query.product_id, type_name)))

    def _packshot(self, product_id: str, split: str = "") -> Garment | None:
        row = self._catalog.row_of(product_id)
        if row is None:
            return None
        table = self._catalog.snapshot().table
        product, origins = self._catalog.product(row), table.origins(row)
        box = np.array(origins[0].xyxy, np.float32) if origins and origins[0].xyxy else None
        own, type_id, name = _place(product_id, product.type)
        return self._cut(self._pictures / product.image, box, product.type, Row(PACKSHOT, split or own, type_id, name))

    def _others(self, known: set[str]) -> Iterator[Garment]:
        """Pictures of products that nobody judged; they are never trained on."""
        step = max(len(self._catalog) // _OTHERS, 1)
        for row in range(0, len(self._catalog), step):
            product = self._catalog.product(row)
            packshot = None if product.id in known else self._packshot(product.id, VALIDATION)
            if packshot is not None:
                yield packshot

    def _cut(self, path: Path, box: NDArray[np.float32] | None, type_name: str, row: Row) -> Garment | None:
        """A garment out of a picture; None where the picture or its box is of no use."""
        try:
            image = read_image(path)
        except MediaError:
            return None
        height, width = image.shape[:2]
        whole = np.array([0, 0, width, height], np.float32)
        box = np.round(clip(box if box is not None else whole, width, height)).astype(np.float32)
        if box[2] - box[0] < 2 or box[3] - box[1] < 2:
            return None
        probs = np.zeros((1, len(TYPES)), np.float32)
        probs[0, TYPE_IDS[type_name]] = 1
        found = self._detector.propose(image)
        mask = self._detector.add_masks(found, Garments(box[None], type_probs=probs)).mask[0]
        return _garment(image, mask, box, row)


def _garment(image: NDArray[np.uint8], mask: NDArray[np.float32], box: NDArray[np.float32], row: Row) -> Garment:
    left, top, side = square(box, MARGIN)
    placed = (np.asarray(box, np.float64) - (left, top, left, top)) * (SIZE / side)
    inside = (mask_on_crop(mask, box, SIZE, MARGIN) * 255).astype(np.uint8)
    known = Row(row.kind, row.split, row.type_id, row.identity, tuple(float(v) for v in placed))
    return Garment(crop_square(image, box, SIZE, MARGIN), inside, known)


def _place(product_id: str, type_name: str) -> tuple[str, int, str]:
    """(split, type id, identity) of a product; the split is the same in every run."""
    held = int(hashlib.sha256(product_id.encode()).hexdigest(), 16) % HELD_OUT == 0
    return VALIDATION if held else TRAIN, TYPE_IDS[type_name], product_id
