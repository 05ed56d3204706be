"""What is searched: products that were kept out of training, and distractors of which nothing was."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from pycocotools import mask as rle

from benchmarks.items import Item, item_of
from benchmarks.parallel import ordered
from matcher.boxes import clip
from matcher.taxonomy import TYPE_IDS, type_of
from matcher.video.image import read_image
from training.data.ccp import is_validation
from training.data.clothing import segment
from training.data.garment_crops import TRAIN, VALIDATION, mask_box

T = TypeVar("T")
SHOP_SHARE = 2 / 3  # of the distractors; the rest are garments of street photos, as in shops that show theirs on models
_LEAST_SIDE = 24  # pixels
_LEAST_FILL = 0.3  # of its box: less is a garment torn to pieces by what hides it


def products(data: Path, step: int = 1, workers: int = 1) -> Iterator[Item]:
    """The validation photos of one garment, every one of them or every `step`-th.

    Where the garment cannot be cut out, the whole photo stands for it, as in the indexer.
    """
    return ordered(partial(_shop_item, data, VALIDATION), _photos(data, VALIDATION)[::step], workers)


def is_cut_out(item: Item) -> bool:
    """Whether a product's garment could be cut out of its photo."""
    return bool(item.mask)


def distractors(data: Path, count: int, workers: int = 1) -> Iterator[Item]:
    """Garments of the training photos with their right types, spread evenly over the sets.

    Args:
        data: as from `benchmarks.datasets.data_folder`.
        count: how many; fewer where the sets have fewer.
        workers: threads.
    """
    shop = round(count * SHOP_SHARE)
    yield from ordered(partial(_shop_item, data, TRAIN), _spread(_photos(data, TRAIN), shop), workers)
    yield from _spread(list(_street(data)), count - shop)


def _photos(data: Path, split: str) -> list[Path]:
    return [path for path in sorted((data / "clothing" / split).glob("*/*")) if type_of(path.parent.name)]


def _shop_item(data: Path, split: str, path: Path) -> Item:
    image = read_image(path)
    type_id, name = TYPE_IDS[type_of(path.parent.name)], f"flat-{split}-{path.stem}"
    file, mask = str(path.relative_to(data)), segment(image)
    if mask is None:
        height, width = image.shape[:2]
        return Item(file, (0, 0, width, height), "", (height, width), type_id, name)
    return item_of(file, mask, mask_box(mask), type_id, name)


def _street(data: Path) -> Iterator[Item]:
    """The garments of the street photos that are trained on, if they are large and whole enough."""
    coco = json.loads((data / "ccp" / "instances.json").read_text(encoding="utf-8"))
    type_ids = {c["id"]: TYPE_IDS[c["name"]] for c in coco["categories"]}
    photos = {image["id"]: image for image in coco["images"] if not is_validation(image["id"])}
    for note in sorted(coco["annotations"], key=lambda a: (a["image_id"], a["id"])):
        photo = photos.get(note["image_id"])
        if photo is not None and _usable(note):
            yield _street_item(note, photo, type_ids[note["category_id"]])


def _street_item(note: dict[str, Any], photo: dict[str, Any], type_id: int) -> Item:
    x, y, width, height = rle.toBbox(note["segmentation"])
    size = (photo["height"], photo["width"])
    box = clip(np.array([x, y, x + width, y + height]), size[1], size[0])
    counts = note["segmentation"]["counts"]
    xyxy = tuple(float(value) for value in box)
    return Item(f"ccp/photos/{photo['file_name']}", xyxy, counts, size, type_id, f"street-{note['id']}")


def _usable(note: dict[str, Any]) -> bool:
    _, _, width, height = rle.toBbox(note["segmentation"])
    large = min(width, height) >= _LEAST_SIDE
    return large and rle.area(note["segmentation"]) >= _LEAST_FILL * width * height


def _spread(rows: Sequence[T], count: int) -> list[T]:
    """At most `count` of them, evenly spaced."""
    if len(rows) <= count:
        return list(rows)
    return [rows[i] for i in np.linspace(0, len(rows) - 1, count).astype(int)]
