"""Garments whose pattern, sleeves and length are known: drawn ones, and photos that are sorted by their cut."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from matcher.attributes.cut import LENGTHS, LENGTHY, SLEEVED, SLEEVES
from matcher.attributes.pattern import NO_CLOTH
from matcher.boxes import crop_square, mask_on_crop
from matcher.bundle import Bundle
from matcher.stages.detect import Detector
from matcher.stages.models import Runtime
from matcher.wardrobe.cuts import CUTS, Cut
from matcher.wardrobe.packshot import render_packshot
from matcher.wardrobe.product import Product, make_product
from matcher.wardrobe.scene import random_scene

CROP = 128
PACKSHOT_PX = 256
SCENE = (1280, 720)
LEAST_PX = 48  # longer side of a garment in a scene
MASK = 28  # as coarse as a detector's
FIRST_SCENE = 3_000_000  # scenes that no other training, test or demo draws
# The renderer's fourteen ways to print a cloth, in the words that people use.
PATTERN_OF = {
    "plain": "plain",
    **dict.fromkeys(("striped", "vertical striped", "pinstriped", "chevron"), "striped"),
    **dict.fromkeys(("checked", "windowpane", "houndstooth"), "checked"),
    "dotted": "dotted",
    **dict.fromkeys(("floral", "camouflage", "animal print", "marbled", "fair isle"), "printed"),
}
PHOTO_SLEEVES = {"t-shirt": "short sleeves", "longsleeve": "long sleeves"}
PHOTO_LENGTHS = {"shorts": "short", "pants": "long"}


@dataclass(frozen=True)
class Example:
    """One garment; labels that do not apply or are not known are "".

    Attributes:
        crop: (CROP, CROP, 3) uint8 BGR.
        mask: (CROP, CROP) float32 0..1.
        type: one of the eleven types.
        colour: name of the renderer's dye of the ground.
        pattern, sleeves, length: words of `matcher.attributes`.
        source: "packshot", "worn" or "photo".
    """

    crop: NDArray[np.uint8]
    mask: NDArray[np.float32]
    type: str
    colour: str
    pattern: str
    sleeves: str
    length: str
    source: str


def packshots(first: int, count: int) -> Iterator[Example]:
    """`count` drawn products of each type, as a shop photographs them."""
    for number in range(first, first + count):
        for kind in CUTS:
            product = make_product(f"{kind}-{number}", kind, "attr", number)
            image, mask = render_packshot(product, PACKSHOT_PX, number % 4)
            ys, xs = np.nonzero(mask)
            if len(xs) >= LEAST_PX:
                box = np.array([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1], np.float32)
                yield _example(image, mask > 0, box, product, "packshot")


def worn(first: int, count: int) -> Iterator[Example]:
    """The garments of `count` drawn scenes."""
    for number in range(first, first + count):
        scene = random_scene(FIRST_SCENE + number, SCENE)
        for box, mask, name in zip(scene.boxes, scene.masks, scene.product_ids, strict=True):
            if max(box[2] - box[0], box[3] - box[1]) < LEAST_PX:
                continue
            kind, seed, person = name.rsplit("-", 2)
            yield _example(scene.image, mask, box, make_product(name, kind, int(seed), int(person)), "worn")


def photos(folder: Path, split: str, most: int) -> Iterator[Example]:
    """Photos of single garments out of clothing-dataset-small, cut out by the packaged detector.

    Args:
        folder: with one folder for each split, and in it one for each class.
        split: "train" or "validation".
        most: photos of a class.
    """
    detector = Detector(Bundle.open(None), None, Runtime(threads=1))
    for name in (*PHOTO_SLEEVES, *PHOTO_LENGTHS):
        for path in sorted((folder / split / name).iterdir())[:most]:
            image = cv2.imread(str(path))
            found = detector(image) if image is not None else ()
            if len(found):
                one = found[int((found.xyxy[:, 2:] - found.xyxy[:, :2]).prod(1).argmax())]
                crop, mask = _cut(image, one.mask[0], one.xyxy[0])
                words = PHOTO_SLEEVES.get(name, ""), PHOTO_LENGTHS.get(name, "")
                yield Example(crop, mask, "tops" if name in PHOTO_SLEEVES else "pants", "", "", *words, "photo")


def sleeves_of(cut: Cut) -> str:
    """The word for the share of the arm that a cut covers; "" for types without sleeves."""
    if cut.type not in SLEEVED:
        return ""
    return SLEEVES[int(cut.sleeve > 0) + int(cut.sleeve >= 0.6)]


def length_of(cut: Cut) -> str:
    """The word for where a cut ends: trousers by the share of the leg, skirts and dresses by height in metres."""
    if cut.type not in LENGTHY:
        return ""
    if cut.type == "pants":
        return LENGTHS[0] if cut.hem < 0.6 else LENGTHS[2]
    return LENGTHS[int(cut.hem < 0.55) + int(cut.hem < 0.3)]


def _example(image: NDArray, mask: NDArray, box: NDArray, product: Product, source: str) -> Example:
    x0, y0, x1, y1 = (int(v) for v in box)
    coarse = cv2.resize(mask[y0:y1, x0:x1].astype(np.float32), (MASK, MASK), interpolation=cv2.INTER_AREA)
    # A word or a picture on the chest makes a plain shirt no printed one, and no plain one either.
    known = not product.emblem[0] and product.type not in NO_CLOTH
    pattern = PATTERN_OF[product.fabric.pattern] if known else ""
    words = pattern, sleeves_of(product.cut), length_of(product.cut)
    return Example(*_cut(image, coarse, box), product.type, product.fabric.dyes[0], *words, source)


def _cut(image: NDArray, mask: NDArray, box: NDArray) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    return crop_square(image, box, CROP, 0.0), mask_on_crop(mask, box, CROP, 0.0)
