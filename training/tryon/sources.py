"""Wearers and shop garments of the data sets, split by photo and by product."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from matcher.taxonomy import TYPE_IDS, type_of
from training.data.ccp import is_validation, read_photo
from training.data.clothing import segment
from training.data.garment_crops import TRAIN, VALIDATION, WORN, GarmentStore
from training.tryon.records import ShopGarment, Wearer

HEIGHT = 640  # pixels that wearers' photos are brought to


def wearers(root: Path, split: str = TRAIN) -> Iterator[Wearer]:
    """The street photos of a split of Clothing Co-Parsing in `root/ccp`."""
    folder = root / "ccp"
    coco = json.loads((folder / "instances.json").read_text(encoding="utf-8"))
    type_ids = {c["id"]: TYPE_IDS[c["name"]] for c in coco["categories"]}
    rows: dict[int, list[dict]] = {}
    for annotation in coco["annotations"]:
        rows.setdefault(annotation["image_id"], []).append(annotation)
    for entry in sorted(coco["images"], key=lambda one: one["id"]):
        if is_validation(entry["id"]) == (split == VALIDATION):
            name = entry["file_name"]
            photo = read_photo(folder, name, rows.get(entry["id"], []), type_ids, HEIGHT)
            yield Wearer(photo.image, photo.ids, photo.types, name)


def shop_garments(root: Path, split: str = TRAIN) -> Iterator[ShopGarment]:
    """The photos of one garment in `root/clothing` that could be cut out, of a split."""
    for path in sorted((root / "clothing" / split).glob("*/*")):
        name = type_of(path.parent.name)
        image = cv2.imread(str(path), cv2.IMREAD_COLOR) if name else None
        mask = None if image is None else segment(image)
        if mask is not None:
            yield ShopGarment(image, mask * 255, TYPE_IDS[name], f"flat-{split}-{path.stem}")


def street_garments(store: GarmentStore, split: str = TRAIN) -> Iterator[ShopGarment]:
    """Garments of street photos as shop garments: many shops show theirs on a model, and some types come only so."""
    for i, row in enumerate(store.rows):
        if row.kind == WORN and row.split == split:
            garment = store[i]
            solid = (garment.mask > 127).astype(np.uint8)
            if _whole_enough(solid):
                yield ShopGarment(garment.image, solid * 255, row.type_id, row.identity)


def _whole_enough(mask: NDArray[np.uint8]) -> bool:
    """Large, and not torn to pieces by what hides it."""
    x, y, width, height = cv2.boundingRect(mask)
    return min(width, height) >= 24 and mask[y : y + height, x : x + width].mean() > 0.4
