"""Where single garments come from: street photos, photos of one garment, and the wardrobe renderer."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
from pycocotools import mask as rle

from matcher.boxes import crop_square, square
from matcher.taxonomy import TYPE_IDS, type_of
from matcher.wardrobe.packshot import render_packshot
from matcher.wardrobe.product import Product, make_product
from matcher.wardrobe.scene import random_scene
from training.data.ccp import is_validation
from training.data.clothing import segment, typed_photos
from training.data.garment_crops import (
    DRAWN,
    FLAT,
    PACKSHOT,
    PHOTO,
    SIZE,
    TRAIN,
    VALIDATION,
    WORN,
    Garment,
    GarmentStore,
    Row,
    cut,
    mask_box,
)
from training.data.records import spread

_MIN_SIDE = 12  # pixels; smaller garments are not worth a crop
_PHOTO_MARGIN = 0.1
_PACKSHOT = 224  # pixels
# Scenes as large as films are: in smaller ones hardly a belt or a pair of glasses is worth a crop.
SCENE = (1280, 720)


def street_garments(root: Path, limit: int = 0) -> Iterator[Garment]:
    """Every annotated garment of the Clothing Co-Parsing photos in `root`, both splits; `limit` photos of each."""
    coco = json.loads((root / "instances.json").read_text(encoding="utf-8"))
    type_ids = {c["id"]: TYPE_IDS[c["name"]] for c in coco["categories"]}
    images = {entry["id"]: entry["file_name"] for entry in coco["images"]}
    loaded, image = -1, None
    kept = {n for kind in (False, True) for n in spread([n for n in sorted(images) if is_validation(n) == kind], limit)}
    for note in sorted(coco["annotations"], key=lambda a: (a["image_id"], a["id"])):
        if note["image_id"] not in kept:
            continue
        if note["image_id"] != loaded:
            loaded = note["image_id"]
            image = cv2.imread(str(root / "photos" / images[loaded]), cv2.IMREAD_COLOR)
        mask = rle.decode(note["segmentation"])
        box = mask_box(mask) if mask.any() else np.zeros(4, np.float32)
        if (box[2:] - box[:2]).min() >= _MIN_SIDE:
            split = VALIDATION if is_validation(loaded) else TRAIN
            yield cut(image, mask, box, Row(WORN, split, type_ids[note["category_id"]], f"street-{note['id']}"))


def flat_garments(root: Path, limit: int = 0) -> Iterator[Garment]:
    """Photos of one garment in `root/{train,validation}/CLASS`, `limit` of each: whole, and segmented if that works."""
    for split in (TRAIN, VALIDATION):
        for path in spread(typed_photos(root / split), limit):
            name = type_of(path.parent.name)
            image = cv2.imread(str(path), cv2.IMREAD_COLOR)
            if image is None:
                continue
            identity = f"flat-{split}-{path.stem}"
            mask = segment(image)
            yield _whole(image, mask, Row(PHOTO, split, TYPE_IDS[name], identity))
            if mask is not None:
                yield cut(image, mask, mask_box(mask), Row(FLAT, split, TYPE_IDS[name], identity))


def _whole(image: np.ndarray, mask: np.ndarray | None, row: Row) -> Garment:
    """The whole photo as a row, with a little grey around it."""
    height, width = image.shape[:2]
    frame = np.array([0, 0, width, height], np.float32)
    left, top, side = square(frame, _PHOTO_MARGIN)
    placed = (frame - (left, top, left, top)) * (SIZE / side)
    full = np.ones((height, width), np.uint8) if mask is None else mask
    shown = crop_square(cv2.merge([full * 255] * 3), frame, SIZE, _PHOTO_MARGIN)[..., 0]
    shown[shown == 127] = 0  # outside the photo
    known = Row(row.kind, row.split, row.type_id, row.identity, tuple(float(v) for v in placed))
    return Garment(crop_square(image, frame, SIZE, _PHOTO_MARGIN), shown, known)


def drawn_garments(scenes: int, first_seed: int, split: str) -> Iterator[Garment]:
    """Garments that drawn people wear, cut out of random scenes, each followed by a packshot of the same product.

    Args:
        scenes: how many.
        first_seed: scenes have the seeds from here on.
        split: train or validation.
    """
    for seed in range(first_seed, first_seed + scenes):
        scene = random_scene(seed, SCENE)
        for mask, type_id, name in zip(scene.masks, scene.type_ids, scene.product_ids, strict=True):
            box = mask_box(mask)
            if (box[2:] - box[:2]).min() < _MIN_SIDE:
                continue
            identity = f"drawn-{name}"
            yield cut(scene.image, mask.astype(np.uint8), box, Row(DRAWN, split, int(type_id), identity))
            image, outline = render_packshot(_product(name), _PACKSHOT, seed)
            if outline.any():
                yield cut(image, outline, mask_box(outline), Row(PACKSHOT, split, int(type_id), identity))


def _product(name: str) -> Product:
    """The product of a random scene again, from its id: type, seed of the scene, number of the person."""
    kind, seed, person = name.rsplit("-", 2)
    return make_product(name, kind, int(seed), int(person))


def cached(folder: Path, make: Callable[[], Iterator[Garment]]) -> GarmentStore:
    """Open the store in `folder`; make it first if there is none."""
    if not (folder / "index.json").exists():
        return GarmentStore.write(folder, make())
    return GarmentStore(folder)
