"""Which box continues which track."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from matcher.boxes import iou
from matcher.stages.same_garment import SLOT_OF_TYPE

# Boxes are grown before they are compared, so that small things that moved by their own size still meet
# (the buffered IoU of Yang et al., "Hard to track objects with irregular motions and similar appearances?", 2023).
GROWTH = 0.2
LEAST_AGREEMENT = 0.5  # of the slots; below it two boxes are never one garment
_SLOTS = np.eye(SLOT_OF_TYPE.max() + 1, dtype=np.float32)[SLOT_OF_TYPE]  # (T, S)


def similarity(
    predicted: NDArray[np.float32],
    predicted_types: NDArray[np.float32],
    seen: NDArray[np.float32],
    seen_types: NDArray[np.float32],
    match_iou: float,
) -> NDArray[np.float32]:
    """How well boxes continue tracks.

    Args:
        predicted: (M, 4) boxes xyxy where the tracks should be now.
        predicted_types: (M, T) their type probabilities.
        seen: (N, 4) boxes found.
        seen_types: (N, T) their type probabilities.
        match_iou: least IoU of the grown boxes.

    Returns:
        (M, N) float32: grown IoU times agreement of the slots, 0 where they cannot match.
    """
    overlap = iou(_grow(predicted), _grow(seen))
    # Slots, not types: a detector that hesitates between top and outerwear still sees one garment.
    agreement = np.sqrt(predicted_types @ _SLOTS) @ np.sqrt(seen_types @ _SLOTS).T
    allowed = (overlap >= match_iou) & (agreement >= LEAST_AGREEMENT)
    return np.where(allowed, overlap * (0.5 + 0.5 * agreement), 0)


def assign(scores: NDArray[np.float32]) -> list[tuple[int, int]]:
    """The pairs (row, column) of an (M, N) matrix with the largest sum, each row and column once; zeros never."""
    rows, columns = linear_sum_assignment(scores, maximize=True)
    return [(int(r), int(c)) for r, c in zip(rows, columns, strict=True) if scores[r, c] > 0]


def _grow(xyxy: NDArray[np.float32]) -> NDArray[np.float32]:
    pad = (xyxy[:, 2:] - xyxy[:, :2]) * GROWTH
    return np.concatenate([xyxy[:, :2] - pad, xyxy[:, 2:] + pad], 1)
