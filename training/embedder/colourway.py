"""Other colours of a garment: the same cut and print dyed anew is another product, and the nearest rival there is."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

_RAMP = np.arange(256, dtype=np.float32) / 255


def dyed(image: NDArray[np.uint8], seed: int) -> NDArray[np.uint8]:
    """Dye a picture; the same seed gives the same dye on every picture, so that two views stay one product.

    Args:
        image: (H, W, 3) uint8 BGR.
        seed: chooses the dye. Hues turn, and tone and channels shift far enough that greys take part too.

    Returns:
        (H, W, 3) uint8 BGR.
    """
    rng = np.random.default_rng(seed)
    hsv = cv2.cvtColor(image, cv2.COLOR_BGR2HSV)
    turn = int(rng.integers(15, 166))
    ramp = np.arange(256)
    saturation = np.clip(ramp * rng.uniform(0.7, 1.4), 0, 255)
    tables = np.stack([(ramp + turn) % 180, saturation, ramp], -1).astype(np.uint8)
    turned = cv2.cvtColor(cv2.LUT(hsv, tables[:, None, :]), cv2.COLOR_HSV2BGR)
    return cv2.LUT(turned, _tone(rng)[:, None, :])


def _tone(rng: np.random.Generator) -> NDArray[np.uint8]:
    """A curve (256, 3): lighter or darker by a clear step, and tinted."""
    step = rng.choice((-1, 1)) * rng.uniform(0.3, 0.8)
    tint = rng.normal(0, 0.12, 3)
    lift = max(step, 0) * 0.25  # black does not get lighter by a power alone
    curve = lift + (1 - lift) * _RAMP[:, None] ** np.exp(-step + tint)
    return np.clip(curve * 255, 0, 255).astype(np.uint8)
