"""Light from the wearer's photo: the shading and folds of what they wore fall on the new garment."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

_DARK = 45.0  # mean grey level below which folds drown in noise
_PATTERNED = 0.06


def shading(image: NDArray[np.uint8], mask: NDArray[np.uint8], rng: Generator) -> NDArray[np.float32]:
    """How light varies over the worn garment.

    Plain cloth gives its folds; of patterned cloth only the broad light is used, else its pattern would show through.

    Args:
        image: (H, W, 3) uint8 BGR.
        mask: (H, W) uint8 of 0 and 1, where the garment is; not empty.
        rng: source of randomness.

    Returns:
        (H, W) float32 gain around 1.
    """
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY).astype(np.float32)
    inside = grey[mask > 0]
    grey = np.where(mask > 0, grey, np.median(inside)).astype(np.float32)
    broad = _inside_blur(grey, mask, max(2.0, 0.06 * mask.shape[0]))
    field = broad
    if pattern(image, mask) < _PATTERNED:
        field = cv2.bilateralFilter(grey, 5, 30, 3)
    ratio = field / max(float(np.percentile(field[mask > 0], 65)), 8.0)
    strength = rng.uniform(0.6, 1.0) * min(1.0, 0.4 + inside.mean() / (2 * _DARK))
    return np.clip(ratio, 0.3, 1.45) ** np.float32(strength)


def pattern(image: NDArray[np.uint8], mask: NDArray[np.uint8]) -> float:
    """How patterned cloth is: the mean contrast of fine detail in all channels, 0 for plain; above 0.06 it shows."""
    smooth = image.astype(np.float32)
    fine = np.abs(cv2.GaussianBlur(smooth, (0, 0), 0.8) - cv2.GaussianBlur(smooth, (0, 0), 3.5)).mean(2)
    inner = cv2.erode(mask, np.ones((5, 5), np.uint8)) > 0
    inner = inner if inner.any() else mask > 0
    return float(fine[inner].mean() / (smooth[inner].mean() + 20))


def _inside_blur(grey: NDArray[np.float32], mask: NDArray[np.uint8], sigma: float) -> NDArray[np.float32]:
    weight = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), sigma)
    return cv2.GaussianBlur(grey * mask, (0, 0), sigma) / np.maximum(weight, 1e-3)


def exposure(rng: Generator) -> NDArray[np.float32]:
    """Gain and slight colour cast (3,) of one photo's light against the shop's."""
    return (np.exp(rng.normal(-0.05, 0.14)) * np.exp(rng.normal(0, 0.035, 3))).astype(np.float32)
