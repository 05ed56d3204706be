"""Masks that a detector made over its own boxes, seen through the boxes of garments."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from matcher.detectors.windows import coinciding, sample


class RoiMasks:
    """The mask head of detectors that give each box its mask: a `Session`, of plain NumPy."""

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
        found_masks: NDArray[np.float32],
    ) -> dict[str, NDArray[np.float32]]:
        """The mask of each garment: that of the detector's box that coincides with it best.

        Args:
            boxes: (N, 4) xyxy of garments in pixels of the picture.
            labels: (N,) their types.
            found: (P, 4) the detector's boxes in the same pixels, each with an area.
            found_scores: (P, T) their scores.
            found_masks: (P, m, m) 0..1 over each of them.

        Returns:
            {"masks": (N, size, size) float32 0..1}.
        """
        if not len(boxes) or not len(found):
            return {"masks": np.zeros((len(boxes), self._size, self._size), np.float32)}
        rows = coinciding(boxes, labels, found, found_scores)
        corner, extent = found[rows, :2], found[rows, 2:] - found[rows, :2]
        windows = (boxes - np.tile(corner, 2)) / np.tile(extent, 2) * found_masks.shape[-1]
        return {"masks": sample(found_masks[rows], windows.astype(np.float32), self._size).clip(0, 1)}
