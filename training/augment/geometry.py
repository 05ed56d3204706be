"""Where the pixels of a view come from: jittered boxes, turns, and cloth-like warps."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from matcher.boxes import FILL

Box = tuple[float, float, float, float]


def jitter_box(box: Box, rng: Generator, amount: float) -> NDArray[np.float32]:
    """Move each side of an xyxy box by a normal share (deviation `amount`) of the box's own size."""
    x0, y0, x1, y1 = box
    size = np.array([x1 - x0, y1 - y0] * 2)
    moved = np.array(box) + rng.normal(0, amount, 4).clip(-2.5 * amount, 2.5 * amount) * size
    moved[2:] = np.maximum(moved[2:], moved[:2] + 4)
    return moved.astype(np.float32)


def crop_matrix(box: NDArray[np.float32], size: int, margin: float, angle: float = 0.0, flip: bool = False) -> NDArray:
    """Affine map (2, 3) to the crop that `matcher.boxes.crop_square` cuts, with a turn and a mirror on top.

    Args:
        box: (4,) xyxy.
        size: side of the crop in pixels.
        margin: as for `crop_square`.
        angle: degrees, around the box centre.
        flip: mirror left to right.
    """
    x, y = float(box[0] + box[2]) / 2, float(box[1] + box[3]) / 2
    side = max(float(box[2] - box[0]), float(box[3] - box[1])) * (1 + 2 * margin)
    matrix = cv2.getRotationMatrix2D((x, y), angle, size / side)
    matrix[:, 2] += size / 2 - x, size / 2 - y
    if flip:
        matrix[0] *= -1
        matrix[0, 2] += size
    return matrix


def warp_affine(image: NDArray[np.uint8], matrix: NDArray, size: int, fill: int = FILL) -> NDArray[np.uint8]:
    """Apply an affine map; what lies outside the picture gets `fill`."""
    return cv2.warpAffine(image, matrix, (size, size), flags=cv2.INTER_LINEAR, borderValue=(fill,) * 3)
