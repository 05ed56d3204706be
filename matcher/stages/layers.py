"""Whose cloth a pixel shows where the masks of several garments claim it.

The mask head draws one garment at a time, and of a coat and the top under it each mask takes some of the other's cloth.
A pixel shows one garment only: it goes to the mask that is surest of it, as in panoptic segmentation (Kirillov et al.,
CVPR 2019), where scores decide instead. Accessories are worn over clothes and small: the large cells of a coat's mask
must not bite into a belt.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from matcher.boxes import intersection
from matcher.taxonomy import SLOTS, TYPES

_CLOTHES = np.array([SLOTS[name] in ("torso", "legs") for name in TYPES])


def apart(
    xyxy: NDArray[np.float32], types: NDArray[np.int64], mask: NDArray[np.float32], claims: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Masks in which clothes leave out the cells of which another garment's mask is surer.

    Args:
        xyxy: (N, 4) boxes.
        types: (N,) type ids; accessories keep what they have.
        mask: (N, M, M) over the boxes, 0..1.
        claims: (N,) which garments may take cells of others; a doubtful one only loses.

    Returns:
        (N, M, M) float32, `mask` with 0 where another's is higher.
    """
    pairs = _contests(xyxy, types, claims)
    if not pairs.any():
        return mask
    own, other = np.nonzero(pairs)
    middle = (np.arange(mask.shape[-1], dtype=np.float32) + 0.5) / mask.shape[-1]
    size = xyxy[:, 2:] - xyxy[:, :2]
    points = xyxy[own, None, :2] + middle[:, None] * size[own, None]  # (P, M, 2) x and y of the own cells
    at = (points - xyxy[other, None, :2]) / np.maximum(size[other, None], 1e-6)  # 0..1 across the other's box
    x, y = (_weights(at[..., axis], mask.shape[-1]) for axis in (0, 1))
    lost = np.zeros(mask.shape, bool)
    np.logical_or.at(lost, own, y @ mask[other] @ x.transpose(0, 2, 1) > mask[own])
    return np.where(lost, np.float32(0), mask)


def claimants(
    chosen: NDArray[np.bool_], xyxy: NDArray[np.float32], types: NDArray[np.int64], claims: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Whose masks (N,) may take cells from those of the chosen garments (N,); other arguments as for `apart`."""
    return _contests(xyxy, types, claims)[chosen].any(0)


def _contests(xyxy: NDArray[np.float32], types: NDArray[np.int64], claims: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Pairs (N, N) of which the first may lose cells to the second."""
    return (intersection(xyxy, xyxy) > 0) & _CLOTHES[types][:, None] & claims & ~np.eye(len(xyxy), dtype=bool)


def _weights(at: NDArray[np.float32], cells: int) -> NDArray[np.float32]:
    """Bilinear weights (P, M, cells) of a row of cells at places (P, M) along it, 0..1; none outside of it."""
    place = np.clip(at * cells - 0.5, 0, cells - 1)
    weights = np.maximum(1 - np.abs(place[..., None] - np.arange(cells, dtype=np.float32)), 0)
    return weights * ((at >= 0) & (at <= 1))[..., None]
