"""The trunk of a garment, row by row: where its middle runs and how wide it is, without sleeves."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from training.data.garment_crops import mask_box

_ROWS = 48
_DEGREE = 3


@dataclass(frozen=True)
class Spans:
    """A garment's own coordinates: t runs from its top (0) to its hem (1), s across, -1 and 1 at its sides.

    Attributes:
        top, height: of the garment in pixels.
        middle, half: (n,) of rows evenly spread over t, in pixels.
    """

    top: float
    height: float
    middle: NDArray[np.float64]
    half: NDArray[np.float64]

    def at(self, t: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Middle and half width at any t; beyond the ends they stay as they are there."""
        rows = np.linspace(0, 1, len(self.middle))
        return np.interp(t, rows, self.middle), np.interp(t, rows, self.half)


def measure(mask: NDArray[np.uint8], sleeves: bool) -> Spans:
    """Measure a garment that has at least one pixel.

    Args:
        mask: (H, W), not 0 on the garment.
        sleeves: whether what sticks out beyond the width of the hem is no part of the trunk.
    """
    x, y, width, height = cv2.boundingRect((mask > 0).astype(np.uint8))
    part = cv2.resize(
        (mask[y : y + height, x : x + width] > 0).astype(np.uint8), (width, _ROWS), interpolation=cv2.INTER_AREA
    )
    filled = part > 0
    known = np.flatnonzero(filled.any(1))
    left = filled.argmax(1)[known]
    right = width - filled[:, ::-1].argmax(1)[known]
    middle, half = (left + right) / 2, (right - left) / 2
    if sleeves:
        middle, half = _trunk(known / (_ROWS - 1), middle, half)
    t = np.linspace(0, 1, _ROWS)
    middle = _smooth(known / (_ROWS - 1), middle, t)
    half = np.maximum(_smooth(known / (_ROWS - 1), half, t), 0.12 * half.max())
    return Spans(float(y), float(height), middle + x, half)


def _trunk(t: NDArray, middle: NDArray, half: NDArray) -> tuple[NDArray, NDArray]:
    """Limit the rows to the width of the lower part, around its middle."""
    low = t > 0.6 if (t > 0.6).any() else t >= 0
    width = float(np.median(half[low])) * 1.08
    axis = float(np.median(middle[low]))
    share = np.clip((half - width) / max(width, 1.0), 0, 1)  # rows with sleeves lean on the lower part
    return middle * (1 - share) + axis * share, np.minimum(half, width)


def _smooth(t: NDArray, values: NDArray, at: NDArray) -> NDArray[np.float64]:
    if len(t) <= _DEGREE:
        return np.full(len(at), float(np.mean(values)))
    return np.polynomial.Polynomial.fit(t, values, _DEGREE)(at)


def aspect(mask: NDArray) -> float:
    """Height over width of what a mask shows; it must show something."""
    x0, y0, x1, y1 = mask_box(mask)
    return float((y1 - y0) / (x1 - x0))
