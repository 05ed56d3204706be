"""High dynamic range to the range that the models were trained on.

PQ pictures (SMPTE ST 2084) look grey and dark when they are shown as they are, and BT.2020 colours look pale. The
brightness is mapped by a table per channel and the primaries by a matrix, both on 8-bit values: close enough to tell
cloths apart, and a few milliseconds a frame instead of a full colour transform.
"""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

PQ, BT2020 = 16, 9  # AVCOL_TRC_SMPTE2084, AVCOL_PRI_BT2020
_WHITE = 203.0  # cd/m2 of diffuse white in ITU-R BT.2408
_KNEE = 0.6  # share of white up to which brightness is kept; above it highlights are pressed together
# ITU-R BT.2087: linear RGB of BT.2020 to BT.709; here for BGR.
_TO_709 = np.array([[1.1187, -0.1006, -0.0182], [-0.0083, 1.1329, -0.1246], [-0.0728, -0.5876, 1.6605]], np.float32)


def to_standard(image: NDArray[np.uint8], transfer: int, primaries: int) -> NDArray[np.uint8]:
    """Map a picture (H, W, 3) uint8 BGR to BT.709 where it is not near that already.

    Args:
        image: converted to full-range RGB but with its own transfer curve and primaries.
        transfer: FFmpeg's number of the curve. HLG is made to look right as it is.
        primaries: FFmpeg's number of the primaries.
    """
    if transfer == PQ:
        image = cv2.LUT(image, _pq_table())
    if primaries == BT2020:
        # Exact only on linear light; on coded values it leaves greys alone and errs little on cloth.
        image = cv2.transform(image, _TO_709)
    return image


@cache
def _pq_table() -> NDArray[np.uint8]:
    """For each 8-bit PQ value, the 8-bit BT.709 value (256,)."""
    code = np.arange(256) / 255
    power = code ** (1 / 78.84375)
    linear = (np.maximum(power - 0.8359375, 0) / (18.8515625 - 18.6875 * power)) ** (1 / 0.1593017578125)
    light = linear * 10_000 / _WHITE
    over = np.maximum(light - _KNEE, 0) / (1 - _KNEE)
    light = np.where(light > _KNEE, _KNEE + (1 - _KNEE) * over / (1 + over), light)
    coded = np.where(light < 0.018, 4.5 * light, 1.099 * np.maximum(light, 1e-9) ** 0.45 - 0.099)
    return np.clip(np.round(coded * 255), 0, 255).astype(np.uint8)
