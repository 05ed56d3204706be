"""Things in front of a garment: strips, blocks and pieces of other pictures."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray


def blob(size: int, rng: Generator, share: tuple[float, float]) -> NDArray[np.uint8]:
    """A random ellipse or bar reaching in from a side: (size, size) uint8 of 0 and 1.

    Args:
        size: side in pixels.
        rng: source of randomness.
        share: its extents lie between these shares of the side.
    """
    mask = np.zeros((size, size), np.uint8)
    angle = rng.uniform(0, 2 * np.pi)
    reach = rng.uniform(0.15, 0.55) * size
    centre = (int(size / 2 + np.cos(angle) * reach), int(size / 2 + np.sin(angle) * reach))
    axes = tuple(int(v * size / 2) + 1 for v in rng.uniform(*share, 2))
    if rng.random() < 0.5:
        cv2.ellipse(mask, centre, axes, float(rng.uniform(0, 180)), 0, 360, 1, -1)
    else:
        corners = cv2.boxPoints((centre, (2 * axes[0], 2 * axes[1]), float(rng.uniform(0, 180))))
        cv2.fillConvexPoly(mask, corners.astype(np.int32), 1)
    return mask


def cover(image: NDArray[np.uint8], mask: NDArray[np.uint8], by: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """`image` with the pixels of `by` (same shape) where `mask` (H, W) is not 0."""
    return np.where(mask[..., None] > 0, by, image)
