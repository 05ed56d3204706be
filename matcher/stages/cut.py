"""Cuts: notices where a video jumps from one shot to another."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from matcher.types import Frame

ROWS, COLUMNS = 18, 32  # of the thumbnails compared
HISTOGRAM = [12, 4, 4]  # bins of hue, saturation, value
BUSY = 2.5  # in a shot full of motion a cut must stand out from it by this much
SATURATED = 245  # values above it say nothing of what is there
LEAST_UNSATURATED = 0.1  # share of a picture by which a change of light can be told from another place
SAME_PLACE = 0.65  # correlation of what is not saturated
MEMORY = 0.1  # weight of the newest frame in the running mean of differences


@dataclass(frozen=True)
class Signature:
    """What is kept of a picture: shares of colours, brightness (ROWS, COLUMNS), colours (ROWS, COLUMNS, 3)."""

    histogram: NDArray[np.float32]
    layout: NDArray[np.float32]
    colours: NDArray[np.float32]


class CutDetector:
    """Compares each frame with the one before, by colours and by layout.

    The difference is the geometric mean of two parts, each 0..1: how little the HSV histograms share, and how little
    the brightness of two thumbnails correlates. So neither a change of light (same layout) nor a pan or somebody
    passing close (same colours) is a cut. A flash drives much of a picture into white, where no layout is left: before
    a cut is called, the rest of the picture is compared by itself.
    """

    def __init__(self, threshold: float = 0.4) -> None:
        """Call differences above `threshold` a cut."""
        self.threshold = threshold
        self.reset()

    def reset(self) -> None:
        """Forget the last frame and start at shot 1 again."""
        self.shot = 1
        self._last: Signature | None = None
        self._usual = 0.0

    def __call__(self, frame: Frame) -> bool:
        """Whether there is a cut between the last frame and this one; `shot` then counts up."""
        seen, before = _signature(frame.image), self._last
        self._last = seen
        if before is None:
            return False
        change = difference(before, seen)
        if change > max(self.threshold, BUSY * self._usual):
            if only_light(before, seen):
                return False
            self.shot += 1
            return True
        self._usual += MEMORY * (change - self._usual)
        return False


def difference(a: Signature, b: Signature) -> float:
    """How different two pictures are, 0..1."""
    colours = 1 - float(np.minimum(a.histogram, b.histogram).sum())
    layout = 1 - max(_correlation(a.layout, b.layout), 0.0)
    return float(np.sqrt(max(colours, 0) * layout))


def only_light(a: Signature, b: Signature) -> bool:
    """Whether what is saturated in neither picture is laid out alike: another light on the same place."""
    clear = np.maximum(a.colours, b.colours) < SATURATED
    if clear.mean() < LEAST_UNSATURATED:
        return False
    return _correlation(a.colours[clear], b.colours[clear]) > SAME_PLACE


def _signature(image: NDArray[np.uint8]) -> Signature:
    # Every n-th pixel first: averaging the whole picture would cost more than tracking does.
    step = max(min(image.shape[0] // (ROWS * 4), image.shape[1] // (COLUMNS * 4)), 1)
    small = cv2.resize(image[::step, ::step], (COLUMNS, ROWS), interpolation=cv2.INTER_AREA)
    hsv = cv2.cvtColor(small, cv2.COLOR_BGR2HSV)
    histogram = cv2.calcHist([hsv], [0, 1, 2], None, HISTOGRAM, [0, 180, 0, 256, 0, 256]).ravel()
    return Signature(histogram / histogram.sum(), hsv[..., 2].astype(np.float32), small.astype(np.float32))


def _correlation(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    a, b = a - a.mean(), b - b.mean()
    norm = float(np.sqrt((a * a).sum() * (b * b).sum()))
    if norm < 1e-3:  # at least one is of one brightness: alike only if both are
        return float(not a.any() and not b.any())
    return float((a * b).sum()) / norm
