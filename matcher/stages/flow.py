"""Where garments went between two pictures, without a detector: a few points of each are followed by optical flow.

The points are followed as Lucas and Kanade do, in the pyramid of Bouguet (OpenCV's), and a box takes the median of
their shifts and of the changes of their distances, after Kalal et al., "Forward-backward error: automatic detection of
tracking failures", ICPR 2010.
"""

from __future__ import annotations

from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

WIDTH = 320  # of the grey pictures, about, in pixels
GRID = 4  # points on each side of a box
INNER = 0.9  # share of the box's sides that the points cover
WINDOW, LEVELS = (15, 15), 1
LEAST_TEXTURE = 0.003  # of a point, as OpenCV measures it; plain cloth says nothing of where it went
ENOUGH = 0.15  # share of a box's points that must have texture and be found again
MOST_GROWTH = 0.2  # between two pictures; more is an error

_LOW, _HIGH = np.triu_indices(GRID * GRID, 1)  # all pairs of points


class _Picture:
    """A picture, made small and grey only when it is asked for: where every frame is detected nobody asks."""

    def __init__(self, image: NDArray[np.uint8]) -> None:
        self._image: NDArray[np.uint8] | None = image
        self.width = image.shape[1]

    @cached_property
    def grey(self) -> NDArray[np.uint8]:
        grey, self._image = small_grey(self._image), None
        return grey


class Flow:
    """Follows boxes from picture to picture. Holds the last two pictures."""

    def __init__(self) -> None:
        """Nothing seen yet."""
        self.reset()

    def reset(self) -> None:
        """Forget the pictures, as before another video."""
        self._before: _Picture | None = None
        self._now: _Picture | None = None

    def see(self, image: NDArray[np.uint8]) -> None:
        """Take the next picture (H, W, 3) uint8 BGR."""
        self._before, self._now = self._now, _Picture(image)

    def move(self, xyxy: NDArray[np.float32]) -> NDArray[np.float32]:
        """Follow boxes from the picture before the last to the last one.

        Args:
            xyxy: (N, 4) boxes in pixels of the picture.

        Returns:
            (N, 4) float32 boxes; those that could not be followed are as they were.
        """
        xyxy = np.asarray(xyxy, np.float32).reshape(-1, 4)
        if self._before is None or not len(xyxy) or self._before.grey.shape != self._now.grey.shape:
            return xyxy
        scale = self._now.grey.shape[1] / self._now.width
        boxes = xyxy * scale
        points = _grid(boxes)
        moved, status, _ = cv2.calcOpticalFlowPyrLK(
            self._before.grey,
            self._now.grey,
            points.reshape(-1, 1, 2),
            None,
            winSize=WINDOW,
            maxLevel=LEVELS,
            minEigThreshold=LEAST_TEXTURE,
        )
        found = status.reshape(len(xyxy), -1) > 0
        result = _follow(boxes, points, moved.reshape(points.shape), found)
        good = found.mean(1) >= ENOUGH
        return np.where(good[:, None], result / scale, xyxy).astype(np.float32)


def small_grey(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A grey picture about `WIDTH` wide, of a picture (H, W, 3) uint8 BGR."""
    # Every second pixel is enough where the picture is several times too large; averaging takes care of the rest.
    step = max(image.shape[1] // (2 * WIDTH), 1)
    green = image[::step, ::step, 1]
    scale = min(WIDTH / green.shape[1], 1.0)
    size = max(round(green.shape[1] * scale), 1), max(round(green.shape[0] * scale), 1)
    return cv2.resize(np.ascontiguousarray(green), size, interpolation=cv2.INTER_AREA)


def _grid(boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Points (N, GRID * GRID, 2) on boxes (N, 4)."""
    share = (1 - INNER) / 2 + INNER * np.linspace(0, 1, GRID, dtype=np.float32)
    places = np.stack(np.meshgrid(share, share), -1).reshape(1, -1, 2)
    return boxes[:, None, :2] + places * (boxes[:, None, 2:] - boxes[:, None, :2])


def _follow(
    boxes: NDArray[np.float32], points: NDArray[np.float32], moved: NDArray[np.float32], found: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Boxes (N, 4) shifted and scaled as the median of their points (N, P, 2) says; lost points do not count."""
    shift = np.stack([_median((moved - points)[..., axis], found) for axis in (0, 1)], 1)
    scale = _growth(points, moved, found)
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2 + shift
    half = (boxes[:, 2:] - boxes[:, :2]) / 2 * scale[:, None]
    return np.concatenate([centre - half, centre + half], 1)


def _growth(points: NDArray[np.float32], moved: NDArray[np.float32], found: NDArray[np.bool_]) -> NDArray[np.float32]:
    """How much each box grew, (N,): half of the median change of the distance of two of its points.

    All of it would be right for things that stay flat to the camera; arms that swing make boxes grow that do not.
    """
    before = np.linalg.norm(points[:, _LOW] - points[:, _HIGH], axis=2)
    after = np.linalg.norm(moved[:, _LOW] - moved[:, _HIGH], axis=2)
    ratio = _median(after / np.maximum(before, 1e-6), found[:, _LOW] & found[:, _HIGH])
    return np.clip(np.sqrt(ratio), 1 - MOST_GROWTH, 1 + MOST_GROWTH).astype(np.float32)


def _median(values: NDArray[np.float32], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
    """The (lower) median (N,) of the valid ones in each row of (N, P); 0 where there is none."""
    ordered = np.sort(np.where(valid, values, np.inf), axis=1)
    middle = np.take_along_axis(ordered, np.maximum(valid.sum(1, keepdims=True) - 1, 0) // 2, 1)[:, 0]
    return np.where(np.isfinite(middle), middle, 0)
