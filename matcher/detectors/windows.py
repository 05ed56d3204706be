"""Masks of a whole picture, seen through the windows of boxes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from matcher.boxes import iou

_PREFER_TYPE = 1e-3  # of IoU: between boxes that coincide, the one of the garment's type has the mask


class WindowMasks:
    """The mask head of detectors whose masks are maps of the whole picture: a `Session`, of plain NumPy."""

    provider = "numpy"

    def __init__(self, size: int) -> None:
        """Masks will be (size, size)."""
        self._size = size

    def run(
        self,
        boxes: NDArray[np.float32],
        labels: NDArray[np.int64],
        found: NDArray[np.float32],
        found_scores: NDArray[np.float32],
        maps: NDArray[np.float32],
        to_map: NDArray[np.float32],
        weights: NDArray[np.float32] | None = None,
    ) -> dict[str, NDArray[np.float32]]:
        """Sample the mask of each garment at the centres of its box's cells.

        A garment's mask is that of the detector's box that coincides with it best: the tracker may have moved it.

        Args:
            boxes: (N, 4) xyxy of garments in pixels of the picture.
            labels: (N,) their types.
            found: (P, 4) the detector's boxes in the same pixels.
            found_scores: (P, T) their scores.
            maps: (K, h, w) logits; with weights, the masks are weighted sums of them, else map i is that of box i.
            to_map: (4,) scale x, y and offset x, y from pixels of the picture to pixels of the maps.
            weights: (P, K).

        Returns:
            {"masks": (N, size, size) float32 0..1}.
        """
        if not len(boxes) or not len(found):
            return {"masks": np.zeros((len(boxes), self._size, self._size), np.float32)}
        rows = coinciding(boxes, labels, found, found_scores)
        logits = maps[rows] if weights is None else np.tensordot(weights[rows], maps, 1)
        return {"masks": sigmoid(sample(logits, boxes * np.tile(to_map[:2], 2) + np.tile(to_map[2:], 2), self._size))}


def coinciding(
    boxes: NDArray[np.float32], labels: NDArray[np.int64], found: NDArray[np.float32], found_scores: NDArray[np.float32]
) -> NDArray[np.int64]:
    """(N,) for each garment the detector's box that coincides with it best; arguments as for `WindowMasks.run`."""
    return (iou(boxes, found) + _PREFER_TYPE * found_scores[:, labels].T).argmax(1)


def sample(maps: NDArray[np.float32], windows: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """Bilinear values of maps at the centres of the cells of a grid over a window.

    Args:
        maps: (N, h, w); the centre of the first pixel is at (0.5, 0.5), beyond the border its value goes on.
        windows: (N, 4) xyxy in pixels of the maps, one for each.
        size: cells of the grid on each side.

    Returns:
        (N, size, size) float32.
    """
    _, height, width = maps.shape
    share = (np.arange(size, dtype=np.float32) + 0.5) / size
    corner, extent = windows[:, :2, None], (windows[:, 2:] - windows[:, :2])[:, :, None]
    centres = corner + extent * share - 0.5  # (N, 2, size)
    x0, x1, dx = _neighbours(centres[:, 0], width)
    y0, y1, dy = _neighbours(centres[:, 1], height)
    row = np.arange(len(maps))[:, None, None]
    top = _between(maps[row, y0[:, :, None], x0[:, None]], maps[row, y0[:, :, None], x1[:, None]], dx[:, None])
    low = _between(maps[row, y1[:, :, None], x0[:, None]], maps[row, y1[:, :, None], x1[:, None]], dx[:, None])
    return _between(top, low, dy[:, :, None]).astype(np.float32)


def sigmoid(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """1 / (1 + exp(-x)), without overflow."""
    return (0.5 * (1 + np.tanh(0.5 * logits))).astype(np.float32)


def _neighbours(at: NDArray[np.float32], size: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray]:
    """Pixels on both sides of positions, and how far between them a position is, 0..1."""
    inside = np.clip(at, 0, size - 1)
    low = np.minimum(inside.astype(np.int64), max(size - 2, 0))
    return low, np.minimum(low + 1, size - 1), inside - low


def _between(a: NDArray, b: NDArray, share: NDArray) -> NDArray:
    return a + (b - a) * share
