"""The outline of a garment, drawn after the colours of its picture: a detector's mask is coarse and cuts corners."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

_SIDE = 64  # pixels that are worked on; 96 take twice the time and find products no better
_INSIDE = 0.5
_SURELY_INSIDE, _MAYBE = 0.8, 0.2
_KEPT = 0.6  # overlap with the given mask below which the new outline is another thing's
_FROM_GIVEN = 0.3  # share of the given mask in the result
_LEAST = 20  # pixels on either side of the outline, to learn colours from
_CORE = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
_SURROUNDINGS = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (9, 9))


def refine(crop: NDArray[np.uint8], mask: NDArray[np.float32]) -> NDArray[np.float32]:
    """Move a mask's outline to where the colours change: one round of GrabCut (Rother et al., SIGGRAPH 2004).

    Args:
        crop: (S, S, 3) uint8 BGR.
        mask: (S, S) float32 0..1 over it.

    Returns:
        (S, S) float32 0..1; `mask` itself where the colours tell nothing, or of something else.
    """
    small = cv2.resize(crop, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    given = cv2.resize(mask, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    inside = given > _INSIDE
    if min(int(inside.sum()), int((~inside).sum())) < _LEAST:
        return mask
    found = _cut(small, given, inside)
    if (found & inside).sum() < _KEPT * (found | inside).sum():
        return mask
    soft = cv2.GaussianBlur(found.astype(np.float32), (0, 0), 0.7)
    soft = cv2.resize(soft, mask.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return (1 - _FROM_GIVEN) * soft + _FROM_GIVEN * mask


def refined(crops: NDArray[np.uint8], masks: NDArray[np.float32]) -> NDArray[np.float32]:
    """`refine` for N crops (N, S, S, 3) and masks (N, S, S); (N, S, S) float32."""
    if not len(crops):
        return masks
    return np.stack([refine(crop, mask) for crop, mask in zip(crops, masks, strict=True)])


def _cut(small: NDArray[np.uint8], given: NDArray[np.float32], inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    labels = np.where(inside, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    labels[cv2.erode((given > _SURELY_INSIDE).astype(np.uint8), _CORE) > 0] = cv2.GC_FGD
    labels[cv2.dilate((given > _MAYBE).astype(np.uint8), _SURROUNDINGS) == 0] = cv2.GC_BGD
    # Colours are grouped by chance; the same crop must have the same outline in every run.
    cv2.setRNGSeed(0)
    cv2.grabCut(small, labels, None, np.zeros((1, 65)), np.zeros((1, 65)), 1, cv2.GC_INIT_WITH_MASK)
    found = ((labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD)).astype(np.uint8)
    return cv2.morphologyEx(found, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)) > 0
