"""Crops as the type classifier meets them: jittered boxes, bad light, small, half hidden."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from matcher.boxes import FILL
from matcher.errors import ConfigError
from matcher.taxonomy import TYPES
from training.augment.geometry import crop_matrix, jitter_box, warp_affine
from training.augment.occlusion import blob, cover
from training.data.garment_crops import PHOTO, TRAIN, Garment, Garments
from training.data.photometric import degrade


class TypeSampler:
    """Draws rows: types and kinds of picture come up by the square root of how many there are, kinds also by weight."""

    def __init__(self, garments: Garments, weights: dict[str, float], known: Iterable[int] = range(len(TYPES))) -> None:
        """Take the training rows.

        Args:
            garments: all rows; only those of the training split are drawn.
            weights: kind of row to its weight; kinds not named are left out.
            known: type ids; rows of other types are left out.

        Raises:
            ConfigError: there is no row to draw.
        """
        self._cells: list[list[tuple[float, list[int]]]] = []
        for type_id in known:
            cells = []
            for kind, weight in weights.items():
                rows = [i for i in garments.find(TRAIN, (kind,)) if garments.rows[i].type_id == type_id]
                # A handful of pictures must not be seen as often as thousands.
                if rows and weight > 0:
                    cells.append((weight * len(rows) ** 0.5, rows))
            if cells:
                self._cells.append(cells)
        if not self._cells:
            raise ConfigError("the data has no garment of the types and kinds that the recipe trains on")
        counts = np.array([sum(len(rows) for _, rows in cells) for cells in self._cells])
        self._shares = np.sqrt(counts) / np.sqrt(counts).sum()

    def draw(self, count: int, rng: Generator) -> list[int]:
        """Row numbers of one batch."""
        return [self._one(self._cells[cell], rng) for cell in rng.choice(len(self._cells), count, p=self._shares)]

    @staticmethod
    def _one(cells: Sequence[tuple[float, list[int]]], rng: Generator) -> int:
        shares = np.array([weight for weight, _ in cells])
        rows = cells[rng.choice(len(cells), p=shares / shares.sum())][1]
        return rows[rng.integers(len(rows))]


def type_view(
    garment: Garment, other: Garment, rng: Generator, size: int, margin: float, strength: float, alone: float = 0.0
) -> NDArray[np.uint8]:
    """One training crop.

    Args:
        garment: what the crop shows.
        other: another row, a source of backgrounds and of things in front.
        rng: source of randomness.
        size: side of the crop in pixels.
        margin: as at run time.
        strength: 0..1, how often the crop is made hard to read.
        alone: 0..1, how often the garment comes as a picture cut to its box, grey where the square goes beyond it.

    Returns:
        (size, size, 3) uint8 BGR.
    """
    image = garment.image
    if garment.row.kind != PHOTO and rng.random() < 0.2 * strength:
        image = _other_ground(garment, other, rng)
    box = jitter_box(garment.row.box, rng, 0.06)
    if rng.random() < alone:
        image, box = _alone(image, box, rng)
    angle = rng.normal(0, 12) if rng.random() < 0.4 else 0.0
    crop = warp_affine(image, crop_matrix(box, size, margin, angle, bool(rng.random() < 0.5)), size)
    if rng.random() < 0.25 * strength:
        crop = cover(crop, blob(size, rng, (0.1, 0.45)), cv2.resize(other.image, (size, size)))
    if rng.random() < 0.35 * strength:
        crop = _coarsen(crop, rng)
    if rng.random() > 0.4 + 0.6 * strength:
        return crop
    return degrade(crop, rng, rng.uniform(0.2, 0.9) if rng.random() < 0.15 * strength else 0.0)


def _alone(image: NDArray[np.uint8], box: NDArray, rng: Generator) -> tuple[NDArray[np.uint8], NDArray]:
    """The picture cut to a box a little larger than the given one: what a person who crops garments would keep."""
    pad = rng.uniform(0, 0.1) * max(box[2] - box[0], box[3] - box[1])
    height, width = image.shape[:2]
    box = np.clip(np.asarray(box) + (-pad, -pad, pad, pad), 0, (width, height, width, height))
    x0, y0, x1, y1 = box.round().astype(int)
    cut = np.full_like(image, FILL)
    cut[y0:y1, x0:x1] = image[y0:y1, x0:x1]
    return cut, box.astype(np.float32)


def _other_ground(garment: Garment, other: Garment, rng: Generator) -> NDArray[np.uint8]:
    if rng.random() < 0.5:
        ground = np.empty_like(garment.image)
        ground[:] = rng.integers(150, 256) if rng.random() < 0.7 else rng.integers(0, 256, 3)
    else:
        ground = other.image
    return cover(ground, garment.mask > 127, garment.image)


def _coarsen(crop: NDArray[np.uint8], rng: Generator) -> NDArray[np.uint8]:
    """What a garment that is small in its picture looks like when scaled up."""
    size = crop.shape[0]
    small = int(rng.integers(size // 5, size))
    shrunk = cv2.resize(crop, (small, small), interpolation=cv2.INTER_AREA)
    return cv2.resize(shrunk, (size, size), interpolation=cv2.INTER_LINEAR)
