"""Wearers and shop garments of the data sets, split by photo and by product."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from training.data.ccp import read_ccp
from training.data.clothing import read_clothing
from training.data.garment_crops import TRAIN, VALIDATION, WORN, GarmentStore
from training.tryon.records import ShopGarment, Wearer

HEIGHT = 640  # pixels that wearers' photos are brought to


def wearers(root: Path, split: str = TRAIN, limit: int = 0) -> Iterator[Wearer]:
    """The street photos of a split of Clothing Co-Parsing in `root/ccp`, `limit` of them at most; 0 = all."""
    for name, photo in read_ccp(root / "ccp", HEIGHT, split == VALIDATION, limit):
        yield Wearer(photo.image, photo.ids, photo.types, name)


def shop_garments(root: Path, split: str = TRAIN, limit: int = 0) -> Iterator[ShopGarment]:
    """The photos of one garment in `root/clothing` that could be cut out, of a split; `limit` are looked at."""
    folder = root / "clothing" / split
    for name, photo in read_clothing(folder, limit) if folder.is_dir() else ():
        yield ShopGarment(photo.image, photo.ids * 255, photo.types[0], f"flat-{split}-{Path(name).stem}")


def street_garments(store: GarmentStore, split: str = TRAIN) -> Iterator[ShopGarment]:
    """Garments of street photos as shop garments: many shops show theirs on a model, and some types come only so."""
    for i, row in enumerate(store.rows):
        if row.kind == WORN and row.split == split:
            garment = store[i]
            solid = (garment.mask > 127).astype(np.uint8)
            if whole_enough(solid):
                yield ShopGarment(garment.image, solid * 255, row.type_id, row.identity)


def whole_enough(mask: NDArray[np.uint8]) -> bool:
    """Whether a garment (H, W) of 0 and 1 is large, and not torn to pieces by what hides it."""
    x, y, width, height = cv2.boundingRect(mask)
    return min(width, height) >= 24 and mask[y : y + height, x : x + width].mean() > 0.4
