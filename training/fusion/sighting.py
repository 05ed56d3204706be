"""One view of a simulated track: what a camera and the detector make of a garment at one moment.

A track has a state that lasts (its light, how far away it is) and accidents of single frames (motion blur, somebody in
front, the picture's edge, a poor mask, the tracker on the wrong garment). Both are drawn here, so that views of one
track fail together as in a film and averaging does not look better than it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from matcher.stages.quality import Measures, measure
from training.augment.finding import detect
from training.augment.occlusion import blob, cover
from training.data.photometric import compress, motion_blur, noise, tone
from training.fusion.plates import CANVAS, Moments, Plate

_SIDES = (0.2, 1.0)  # the garment's scale in the picture, against the plate
_OCCLUDED, _BLURRED, _CUT, _POOR_MASK = 0.35, 0.3, 0.12, 0.12


@dataclass(frozen=True)
class Conditions:
    """What lasts through a track: seed of its colour cast, darkness 0..1, scale at its start and its end."""

    cast: int
    darkness: float
    scales: tuple[float, float]

    @classmethod
    def draw(cls, rng: Generator) -> Conditions:
        """Conditions of a random track: a quarter of them are dark."""
        scales = np.exp(rng.uniform(*np.log(_SIDES), 2))
        dark = float(rng.uniform(0.1, 0.7)) if rng.random() < 0.25 else 0.0
        return cls(int(rng.integers(1 << 31)), dark, (float(scales[0]), float(scales[1])))


@dataclass(frozen=True)
class Sighting:
    """A garment found in a picture.

    Attributes:
        image: (H, W, 3) uint8 BGR.
        box: (4,) float32 xyxy.
        mask: (28, 28) float32 0..1 over the box.
        measures: of this one view.
    """

    image: NDArray[np.uint8]
    box: NDArray[np.float32]
    mask: NDArray[np.float32]
    measures: Measures


def see(plate: Plate, other: Moments, conditions: Conditions, share: float, rng: Generator) -> Sighting:
    """Look at a plate.

    Args:
        plate: the garment at this moment.
        other: another garment's moments; pieces of it come in front.
        conditions: of the track.
        share: 0..1, how far through the track.
        rng: source of randomness.
    """
    image, mask, hidden = _occlude(plate, other, rng)
    image, mask = _scale(image, mask, conditions, share, rng)
    image, blurred = _film(image, conditions, rng)
    image, mask = _frame_edge(image, mask, rng)
    box, cells = detect(mask, rng, 2.5 if rng.random() < _POOR_MASK else 1.0)
    box = np.clip(box, 0, np.array([*image.shape[1::-1]] * 2, np.float32))
    score = np.array([_score(hidden, blurred, box, rng)], np.float32)
    return Sighting(image, box, cells, measure(image, box[None], score, np.zeros(1, np.int64)))


def _occlude(plate: Plate, other: Moments, rng: Generator) -> tuple[NDArray, NDArray, float]:
    """The plate with something in front of it, and the share of the garment that this hides."""
    if rng.random() >= _OCCLUDED:
        return plate.image, plate.mask, 0.0
    front = cv2.resize(blob(CANVAS, rng, (0.2, 0.8)), plate.mask.shape[::-1], interpolation=cv2.INTER_NEAREST)
    left = cv2.bitwise_and(plate.mask, (1 - front) * 255)
    hidden = 1 - float(left.sum(dtype=np.int64)) / max(float(plate.mask.sum(dtype=np.int64)), 1.0)
    if hidden > 0.85:
        return plate.image, plate.mask, 0.0
    by = cv2.resize(other(rng).image, plate.mask.shape[::-1], interpolation=cv2.INTER_AREA)
    return cover(plate.image, front, by), left, hidden


def _scale(
    image: NDArray, mask: NDArray, conditions: Conditions, share: float, rng: Generator
) -> tuple[NDArray, NDArray]:
    start, end = np.log(conditions.scales)
    scale = float(np.clip(np.exp(start + (end - start) * share + rng.normal(0, 0.08)), *_SIDES))
    size = max(round(image.shape[1] * scale), 24), max(round(image.shape[0] * scale), 24)
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA), cv2.resize(mask, size, interpolation=cv2.INTER_AREA)


def _film(image: NDArray[np.uint8], conditions: Conditions, rng: Generator) -> tuple[NDArray[np.uint8], float]:
    """Light, blur, noise and codec; also how blurred it is, 0..1."""
    image = tone(image, np.random.default_rng(conditions.cast), 0.5, conditions.darkness)
    image, blurred = tone(image, rng, 0.25), 0.0
    if rng.random() < _BLURRED:
        length = int(rng.integers(1, 6)) * 2 + 1
        image, blurred = motion_blur(image, rng, length), length / 11
    if rng.random() < 0.4 + 0.5 * conditions.darkness:
        image = noise(image, rng, rng.uniform(1, 5) + 8 * conditions.darkness)
    return (compress(image, rng) if rng.random() < 0.7 else image), blurred


def _frame_edge(image: NDArray, mask: NDArray, rng: Generator) -> tuple[NDArray, NDArray]:
    """Cut a part of the garment off, as the picture's edge does."""
    if rng.random() >= _CUT:
        return image, mask
    keep, side = rng.uniform(0.45, 0.8), int(rng.integers(3))
    width, height = int(image.shape[1] * keep), int(image.shape[0] * keep)
    part = (slice(None), slice(width)) if side == 0 else (slice(None), slice(-width, None))
    part = (slice(height), slice(None)) if side == 2 else part
    cut_mask = np.ascontiguousarray(mask[part])
    return (np.ascontiguousarray(image[part]), cut_mask) if (cut_mask > 127).any() else (image, mask)


def _score(hidden: float, blurred: float, box: NDArray[np.float32], rng: Generator) -> float:
    """A detector's score: less for what is hidden, blurred and small. Slopes are guesses, kept weak with noise."""
    small = max(0.0, 1 - float(min(box[2:] - box[:2])) / 40)
    return float(np.clip(0.93 - 0.35 * hidden - 0.2 * blurred - 0.25 * small + rng.normal(0, 0.08), 0.2, 0.99))
