"""Cutting people and garments out of pictures and pasting them into others, occlusion included."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from training.data.records import MAX_INSTANCES, OTHER, Annotated, count_pixels


@dataclass(frozen=True)
class Cutout:
    """What is pasted: a crop whose id map is non-zero on the pixels that count.

    Attributes:
        image: (h, w, 3) uint8 BGR.
        ids: (h, w) uint8.
        types: type id of instance 1, 2, ...
    """

    image: NDArray[np.uint8]
    ids: NDArray[np.uint8]
    types: tuple[int, ...]


def cut_out(picture: Annotated, only: int | None = None) -> Cutout | None:
    """Crop to the person (or to instance `only`, as the sole one); None when there is nothing to see."""
    ids = picture.ids if only is None else (picture.ids == only).astype(np.uint8)
    x, y, w, h = cv2.boundingRect((ids > 0).astype(np.uint8))
    if w < 8 or h < 8:
        return None
    types = picture.types if only is None else (picture.types[only - 1],)
    return Cutout(picture.image[y : y + h, x : x + w], ids[y : y + h, x : x + w], types)


@dataclass
class Scene:
    """A picture under construction.

    Attributes:
        image: (H, W, 3) uint8 BGR.
        ids: (H, W) uint8 id map.
        types: type id of instance 1, 2, ... so far.
        full: pixels that each would cover if nothing hid it.
    """

    image: NDArray[np.uint8]
    ids: NDArray[np.uint8]
    types: list[int] = field(default_factory=list)
    full: list[float] = field(default_factory=list)

    @staticmethod
    def on(background: NDArray[np.uint8]) -> Scene:
        """Start from a background without people."""
        return Scene(background.copy(), np.zeros(background.shape[:2], np.uint8))


def paste(scene: Scene, cutout: Cutout, x: int, y: int, scale: float, flip: bool, match: float, rng: Generator) -> None:
    """Paste a cut-out over a scene, in place.

    Args:
        scene: what lies behind.
        cutout: what is pasted.
        x, y: where its top left corner goes, scene pixels; may lie outside.
        scale: scene pixels per cut-out pixel.
        flip: mirror it.
        match: 0..1, how far its brightness is brought to that of the scene around.
        rng: source of randomness.
    """
    if len(scene.types) + len(cutout.types) > MAX_INSTANCES:
        return
    window = _window(scene.ids.shape, cutout, x, y, scale)
    if window is None:
        return
    (top, left, bottom, right), (image, ids) = window, _scaled(cutout, scale, flip)
    ids = ids[top - y : bottom - y, left - x : right - x]
    image = image[top - y : bottom - y, left - x : right - x]
    behind = scene.image[top:bottom, left:right]
    image = _match_light(image, ids, behind, match, rng)
    _blend(behind, image, ids, rng.uniform(0.4, 1.1))
    renamed = np.where((ids > 0) & (ids < OTHER), ids + len(scene.types), ids).astype(np.uint8)
    np.copyto(scene.ids[top:bottom, left:right], renamed, where=ids > 0)
    scene.full += (count_pixels(cutout.ids)[1 : len(cutout.types) + 1] * scale**2).tolist()
    scene.types += cutout.types


def _window(shape: tuple[int, int], cutout: Cutout, x: int, y: int, scale: float) -> tuple[int, int, int, int] | None:
    h, w = (max(1, round(side * scale)) for side in cutout.ids.shape)
    top, left, bottom, right = max(y, 0), max(x, 0), min(y + h, shape[0]), min(x + w, shape[1])
    return (top, left, bottom, right) if bottom - top > 2 and right - left > 2 else None


def _scaled(cutout: Cutout, scale: float, flip: bool) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    h, w = (max(1, round(side * scale)) for side in cutout.ids.shape)
    image = cv2.resize(cutout.image, (w, h), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    ids = cv2.resize(cutout.ids, (w, h), interpolation=cv2.INTER_NEAREST)
    return (image[:, ::-1], ids[:, ::-1]) if flip else (image, ids)


def _match_light(
    image: NDArray[np.uint8], ids: NDArray[np.uint8], behind: NDArray[np.uint8], match: float, rng: Generator
) -> NDArray[np.uint8]:
    own = np.array(cv2.mean(np.ascontiguousarray(image), (ids > 0).astype(np.uint8))[:3]) + 8
    there = np.array(cv2.mean(behind)[:3]) + 8
    # Brightness follows the scene, colour only in part: clothes keep their own.
    level = (there.mean() / own.mean()) ** (0.6 * match)
    tint = ((there / there.mean()) / (own / own.mean())) ** (0.3 * match)
    gain = np.clip(level * tint, 0.15, 2.2) * np.exp(rng.normal(0, 0.08))
    table = np.clip(np.arange(256)[:, None] * gain, 0, 255).astype(np.uint8)
    return cv2.LUT(np.ascontiguousarray(image), table[:, None, :])


def _blend(behind: NDArray[np.uint8], image: NDArray[np.uint8], ids: NDArray[np.uint8], softness: float) -> None:
    solid = (ids > 0).astype(np.float32)
    # Eroding by half a pixel first keeps the old background from shining through as a halo.
    alpha = np.clip(cv2.GaussianBlur(solid, (0, 0), softness) * 1.5 - 0.5, 0, 1)[..., None]
    behind[...] = (behind + alpha * (image.astype(np.float32) - behind)).astype(np.uint8)
