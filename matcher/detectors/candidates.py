"""What the adapters share: from a network's rows to the few boxes that the detect stage chooses from."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from matcher.boxes import clip, nms

LEAST_SCORE = 0.01  # below it nobody asks for a box, not even when average precision is measured
MOST_COMPARED = 1_000
MOST_KEPT = 100


def best_rows(
    xyxy: NDArray[np.float32], scores: NDArray[np.float32], nms_iou: float
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Rows worth keeping, best first, after suppression among the boxes whose likeliest type is the same.

    Args:
        xyxy: (N, 4).
        scores: (N, T).
        nms_iou: IoU above which the weaker of two boxes goes.

    Returns:
        (P,) int64 rows, P at most `MOST_KEPT`, and their (P, T) scores.
    """
    best = scores.max(1)
    rows = np.flatnonzero((best >= LEAST_SCORE) & np.isfinite(xyxy).all(1))
    rows = rows[np.argsort(-best[rows], kind="stable")[:MOST_COMPARED]]
    rows = rows[nms(xyxy[rows], best[rows], scores[rows].argmax(1), nms_iou)[:MOST_KEPT]]
    return rows, scores[rows]


def corners(centred: NDArray[np.float32]) -> NDArray[np.float32]:
    """Boxes (N, 4) xyxy of boxes (N, 4) given by centre and size."""
    half = centred[:, 2:] / 2
    return np.concatenate([centred[:, :2] - half, centred[:, :2] + half], 1)


def in_picture(
    xyxy: NDArray[np.float32], scale: NDArray[np.float32], offset: NDArray[np.float32], size: tuple[int, int]
) -> NDArray[np.float32]:
    """Boxes (N, 4) of a network's input in pixels of the picture, cut at its borders.

    Args:
        xyxy: in pixels of the input.
        scale: (2,) pixels of the input per pixel of the picture.
        offset: (2,) where the picture's corner lies in the input.
        size: (width, height) of the picture.
    """
    return clip((xyxy - np.tile(offset, 2)) / np.tile(scale, 2), *size)
