"""The colour histogram that an embedding must beat; it needs no torch."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

_BINS = (16, 6, 6)


def hsv_histogram(crops: NDArray[np.uint8], masks: NDArray[np.float32]) -> NDArray[np.float32]:
    """Histogram over hue, saturation and value of what the mask covers, square-rooted (Hellinger): (N, 576)."""
    return np.stack([_histogram(crop, mask) for crop, mask in zip(crops, masks, strict=True)])


def _histogram(crop: NDArray[np.uint8], mask: NDArray[np.float32]) -> NDArray[np.float32]:
    hsv = cv2.cvtColor(crop, cv2.COLOR_BGR2HSV)
    inside = (mask > 0.5).astype(np.uint8)
    counts = cv2.calcHist([hsv], [0, 1, 2], inside if inside.any() else None, _BINS, [0, 180, 0, 256, 0, 256])
    shares = np.sqrt(counts.ravel() / max(counts.sum(), 1))
    return shares.astype(np.float32)
