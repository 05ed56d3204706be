"""How well a garment is seen: decides when a better embedding is worth computing, and how much each view counts."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from matcher.boxes import area, intersection

HALF_SIZE_PX = 100.0  # side of a box whose size counts half
HALF_SHARPNESS = 100.0  # variance of the Laplacian that counts half
PLAIN = 0.25  # what a cloth without any texture still counts, since it can never look sharp
SAMPLES = 64  # about so many pixels of a box's shorter side are looked at
CUT_BY_FRAME = 0.6  # factor for boxes that reach the border of the picture
BORDER_PX = 3


@dataclass(frozen=True)
class Measures:
    """What of each view can be measured in one picture; every field is (N,) float32.

    Attributes:
        side: square root of the box's area, in pixels.
        sharpness: variance of the Laplacian inside the box.
        score: of the detector.
        whole: 1, less where the picture's border cuts the garment off.
        clear: 1, less where a garment of the same slot lies over it.
    """

    side: NDArray[np.float32]
    sharpness: NDArray[np.float32]
    score: NDArray[np.float32]
    whole: NDArray[np.float32]
    clear: NDArray[np.float32]

    def quality(self) -> NDArray[np.float32]:
        """Quality 0..1 of each view: size * sharpness * score, less where the border or a neighbour cuts it."""
        size = self.side / (self.side + HALF_SIZE_PX)
        sharp = PLAIN + (1 - PLAIN) * self.sharpness / (self.sharpness + HALF_SHARPNESS)
        return size * sharp * self.score * self.whole * self.clear


def measure(
    image: NDArray[np.uint8], xyxy: NDArray[np.float32], score: NDArray[np.float32], slot: NDArray[np.int64]
) -> Measures:
    """Measure the views of one picture.

    Args:
        image: (H, W, 3) uint8 BGR.
        xyxy: (N, 4) boxes.
        score: (N,) of the detector.
        slot: (N,) place on the body; only boxes of one slot cover one another, as the shirts of two people do.
    """
    sharpness = np.array([_sharpness(image, box) for box in xyxy], np.float32)
    whole = _whole(xyxy, image.shape[1], image.shape[0])
    return Measures(np.sqrt(area(xyxy)), sharpness, np.asarray(score, np.float32), whole, _clear(xyxy, slot))


def view_quality(
    image: NDArray[np.uint8], xyxy: NDArray[np.float32], score: NDArray[np.float32], slot: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Quality 0..1 of each view, (N,) float32; arguments as for `measure`."""
    return measure(image, xyxy, score, slot).quality()


def _whole(xyxy: NDArray[np.float32], width: int, height: int) -> NDArray[np.float32]:
    limit = np.array([width, height]) - BORDER_PX
    cut = (xyxy[:, :2] < BORDER_PX).any(1) | (xyxy[:, 2:] > limit).any(1)
    return np.where(cut, np.float32(CUT_BY_FRAME), np.float32(1))


def _clear(xyxy: NDArray[np.float32], slot: NDArray[np.int64]) -> NDArray[np.float32]:
    shared = intersection(xyxy, xyxy) * (slot[:, None] == slot[None, :])
    np.fill_diagonal(shared, 0)
    covered = shared.max(1, initial=0) / np.maximum(area(xyxy), 1)
    return 1 - 0.7 * covered


def _sharpness(image: NDArray[np.uint8], box: NDArray[np.float32]) -> float:
    x0, y0, x1, y1 = np.round(box).astype(int)
    step = max(min(x1 - x0, y1 - y0) // SAMPLES, 1)
    # Green alone is near enough to brightness, and needs no conversion.
    green = np.ascontiguousarray(image[max(y0, 0) : y1 : step, max(x0, 0) : x1 : step, 1])
    if min(green.shape) < 3:
        return 0.0
    return float(cv2.meanStdDev(cv2.Laplacian(green, cv2.CV_32F))[1].item() ** 2)


def certainty(mask: NDArray[np.float32]) -> NDArray[np.float32]:
    """How decided masks (N, M, M) are, 0..1: the mean distance of a cell from one half, doubled. (N,) float32."""
    return (2 * np.abs(mask - 0.5)).mean((1, 2)).astype(np.float32) if len(mask) else np.zeros(0, np.float32)
