"""Clothing Co-Parsing photos: garments as COCO instances, the whole person from the parsing maps."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from pycocotools import mask as rle

from matcher.taxonomy import TYPE_IDS
from training.data.records import MAX_INSTANCES, OTHER, Annotated, spread


def is_validation(image_id: int) -> bool:
    """The split rule of this set: one photo in ten is kept for validation and never trained on."""
    return image_id % 10 == 1


def read_ccp(root: Path, height: int, validation: bool = False, limit: int = 0) -> Iterator[tuple[str, Annotated]]:
    """Read the photos of a split, the training photos unless told otherwise, in the order of the file.

    Args:
        root: folder with `photos`, `parsing` and `instances.json`.
        height: photos are brought to this height in pixels, which is all that training needs.
        validation: read the photos that are kept for validation.
        limit: photos at most, spread over the set; 0 = all.

    Yields:
        File name and picture.
    """
    coco = json.loads((root / "instances.json").read_text(encoding="utf-8"))
    type_of = {c["id"]: TYPE_IDS[c["name"]] for c in coco["categories"]}
    rows: dict[int, list[dict]] = {}
    for annotation in coco["annotations"]:
        rows.setdefault(annotation["image_id"], []).append(annotation)
    for entry in spread([one for one in coco["images"] if is_validation(one["id"]) == validation], limit):
        yield entry["file_name"], _read_photo(root, entry["file_name"], rows.get(entry["id"], []), type_of, height)


def _read_photo(root: Path, name: str, rows: list[dict], type_of: dict[int, int], height: int) -> Annotated:
    """One photo with its garments; what else belongs to the person is `OTHER`.

    Args:
        root: folder with `photos` and `parsing`.
        name: of the photo.
        rows: its COCO annotations.
        type_of: COCO category id to type id.
        height: pixels to bring it to.
    """
    image = cv2.imread(str(root / "photos" / name), cv2.IMREAD_COLOR)
    parsing = cv2.imread(str(root / "parsing" / name.replace(".jpg", ".png")), cv2.IMREAD_GRAYSCALE)
    ids = np.where(parsing > 0, OTHER, 0).astype(np.uint8)
    for number, row in enumerate(rows[:MAX_INSTANCES], start=1):
        ids[rle.decode(row["segmentation"]).astype(bool)] = number
    size = (round(image.shape[1] * height / image.shape[0]), height)
    return Annotated(
        cv2.resize(image, size, interpolation=cv2.INTER_AREA),
        cv2.resize(ids, size, interpolation=cv2.INTER_NEAREST),
        tuple(type_of[row["category_id"]] for row in rows[:MAX_INSTANCES]),
    )
