"""Two views of one garment: as a shop shows it, and as it is worn in a film."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from training.augment.cloth import BEND, remap, warp_maps
from training.augment.finding import View, find
from training.augment.light import camera, shade
from training.augment.occlusion import blob, cover
from training.data.garment_crops import DRAWN, PACKSHOT, TRYON, WORN, Garment

_CANVAS = 160
# How strongly a worn view still bends and relights what is on a person already; a single garment takes it all.
_WORN_ALREADY = {WORN: 0.5, DRAWN: 0.5, TRYON: 0.3}
# Half of the views come from a good camera: what always changes is never learnt, and colour is worth learning.
_GOOD_CAMERA = (0.5, 0.5)  # share of the views, and how strong its faults are at most


def shop_view(garment: Garment, rng: Generator, size: int, margin: float, family: str = BEND) -> View:
    """The garment on a light ground, hardly changed; a packshot keeps its own ground.

    Args:
        garment: what to show.
        rng: source of randomness.
        size: side of the crop.
        margin: of the crop.
        family: of warps, see `training.augment.cloth`.

    Returns:
        Crop (size, size, 3) uint8 BGR and mask (size, size) float32 in 0..1.
    """
    image, (mask, *_) = _warped(garment, rng, family, 0.12)
    if garment.row.kind != PACKSHOT:
        ground = np.full_like(image, int(rng.integers(225, 256)))
        image = _composite(image, mask, ground)
    image = shade(image, rng, 0.15) if rng.random() < 0.5 else image
    return find(camera(image, rng, 0.3), mask, rng, size, margin, 0.5)


def worn_view(garment: Garment, scenery: Garment, rng: Generator, size: int, margin: float, family: str = BEND) -> View:
    """The garment bent, half hidden, in other light, before something else.

    Args:
        garment: what to show.
        scenery: another row; its picture is the background and what comes in front.
        rng: source of randomness.
        size: side of the crop.
        margin: of the crop.
        family: of warps.

    Returns:
        As `shop_view`.
    """
    kind = garment.row.kind
    strength = _WORN_ALREADY.get(kind, 1.0)
    image, masks = _warped(garment, rng, family, strength)
    image = shade(image, rng, strength)
    # Who wears a garment brings the surroundings along; at times others, so that these are no clue.
    if kind not in _WORN_ALREADY or rng.random() < (0.15 if kind == TRYON else 0.5):
        image = _composite(image, masks[0], _ground(scenery, rng))
    if kind != TRYON or rng.random() < 0.3:
        for _ in range(int(rng.choice(3, p=(0.45, 0.35, 0.2)))):
            image, masks = _hide(image, masks, scenery, rng)
    share, most = _GOOD_CAMERA
    faults = rng.uniform(0, most) if rng.random() < share else 1.0
    return find(camera(image, rng, faults), masks[0], rng, size, margin, 1.0, *masks[1:])


def _warped(garment: Garment, rng: Generator, family: str, strength: float) -> tuple[NDArray, list[NDArray]]:
    """The picture, and the true mask with, where there is one, the detector's."""
    maps = warp_maps(garment.row.box, _CANVAS, rng, family, strength)
    masks = [garment.mask] if garment.found is None else [garment.mask, garment.found]
    return remap(garment.image, maps, 127), [remap(mask, maps, 0) for mask in masks]


def _composite(image: NDArray[np.uint8], mask: NDArray[np.uint8], ground: NDArray[np.uint8]) -> NDArray[np.uint8]:
    inside = mask.astype(np.float32) * (1 / 255)
    return cv2.blendLinear(image, ground, inside, 1 - inside)


def _ground(scenery: Garment, rng: Generator) -> NDArray[np.uint8]:
    if rng.random() < 0.2:
        ground = np.empty((_CANVAS, _CANVAS, 3), np.uint8)
        ground[:] = rng.integers(0, 256, 3)
        return shade(ground, rng, 1.0)
    ground = cv2.resize(scenery.image, (_CANVAS, _CANVAS), interpolation=cv2.INTER_AREA)
    return cv2.blur(ground, (5, 5)) if rng.random() < 0.3 else ground


def _hide(image: NDArray, masks: list[NDArray], scenery: Garment, rng: Generator) -> tuple[NDArray, list[NDArray]]:
    """Put an arm, a bag, hair or another garment in front; never so much that a third of the garment is not left."""
    front = blob(_CANVAS, rng, (0.08, 0.5))
    left = [cv2.bitwise_and(mask, (1 - front) * 255) for mask in masks]
    if int(left[0].sum(dtype=np.int64)) * 3 < int(masks[0].sum(dtype=np.int64)):
        return image, masks
    by = cv2.resize(scenery.image[::-1], (_CANVAS, _CANVAS), interpolation=cv2.INTER_AREA)
    if rng.random() < 0.3:  # skin, hair or plain cloth
        by[:] = rng.integers(20, 235, 3) if rng.random() < 0.5 else np.array((110, 140, 200)) * rng.uniform(0.25, 1.2)
    return cover(image, front, by), left
