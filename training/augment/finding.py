"""What a detector would give for a garment: a box that is a little off and a coarse, imperfect mask."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from matcher.boxes import crop_square, mask_on_crop
from training.augment.geometry import jitter_box
from training.augment.occlusion import blob
from training.data.garment_crops import mask_box

_CELLS = 28  # as the detector's masks
# Faults have a long tail, as the tiny detector's have on validation photos: half of its masks overlap the truth by 0.83
# or more, a quarter by less than 0.72.
_MEDIAN_FAULT, _FAULT_SPREAD = 1.3, 0.5
_SLIPPED, _MISSING, _FOREIGN = 0.12, 0.12, 0.2  # shares: a side of the box is far off; a piece is left out, or put in
_AS_FOUND = 0.5
View = tuple[NDArray[np.uint8], NDArray[np.float32]]


def find(
    image: NDArray[np.uint8],
    mask: NDArray[np.uint8],
    rng: Generator,
    size: int,
    margin: float,
    fault: float,
    found: NDArray[np.uint8] | None = None,
) -> View:
    """Cut a garment out of a picture the way it happens at run time.

    Args:
        image: (H, W, 3) uint8 BGR.
        mask: (H, W) uint8 0..255 of the visible garment; may be empty.
        rng: source of randomness.
        size: side of the crop.
        margin: of the crop.
        fault: 0 for a perfect detector, 1 for a usual one, whose faults vary.
        found: as `mask`, what a detector did give, taken in half of the cases; its faults are as they are.

    Returns:
        Crop (size, size, 3) uint8 BGR and mask (size, size) float32 in 0..1.
    """
    if found is not None and (found > 127).any() and rng.random() < _AS_FOUND:
        box, cells = detect(found, rng, 0.0)
    else:
        box, cells = detect(mask, rng, fault)
    return crop_square(image, box, size, margin), mask_on_crop(cells, box, size, margin)


def detect(mask: NDArray[np.uint8], rng: Generator, fault: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Box (4,) xyxy and mask (28, 28) in 0..1 over it, as a detector would give them; arguments as for `find`."""
    solid = mask > 127
    tight = mask_box(solid) if solid.any() else np.array([0, 0, *mask.shape[::-1]], np.float32)
    fault = fault * _MEDIAN_FAULT * float(np.exp(rng.normal(0, _FAULT_SPREAD)))
    box = jitter_box(tuple(tight), rng, 0.035 * fault)
    if rng.random() < _SLIPPED * fault:
        box = _slipped(box, rng)
    return box, _coarse(mask, box, rng, fault)


def _slipped(box: NDArray[np.float32], rng: Generator) -> NDArray[np.float32]:
    """The box with one side too far out or in, as where a neighbour is taken for a part of the garment."""
    side = int(rng.integers(4))
    length = box[2 + side % 2] - box[side % 2]
    moved = box.copy()
    moved[side] += (1 if side > 1 else -1) * rng.uniform(-0.25, 0.4) * length
    return moved


def _coarse(mask: NDArray[np.uint8], box: NDArray[np.float32], rng: Generator, fault: float) -> NDArray[np.float32]:
    """The mask over its box in a few cells, grown or shrunk, blurred, at times with a piece missing."""
    scale = np.array([_CELLS / max(box[2] - box[0], 1), _CELLS / max(box[3] - box[1], 1)])
    # Halves: OpenCV counts from the middle of a pixel, boxes from its edge.
    shift = scale * (0.5 - box[:2]) - 0.5
    matrix = np.array([[scale[0], 0, shift[0]], [0, scale[1], shift[1]]])
    # Averaging beforehand stands in for the area filter that an affine warp lacks.
    blurred = cv2.blur(mask, tuple(max(round(1 / s), 1) for s in scale))
    cells = cv2.warpAffine(blurred, matrix, (_CELLS, _CELLS), flags=cv2.INTER_LINEAR).astype(np.float32) / 255
    cells = cv2.GaussianBlur(cells, (0, 0), 0.3 + fault * rng.uniform(0, 1.2))
    sharp = 1 + fault * rng.uniform(0, 3)
    cells = np.clip((cells - 0.5 + fault * rng.normal(0, 0.15)) * sharp + 0.5, 0, 1)
    if rng.random() < _MISSING * fault:
        cells = cells * (1 - 0.9 * blob(_CELLS, rng, (0.1, 0.35)))
    if rng.random() < _FOREIGN * fault:
        cells = np.maximum(cells, 0.9 * blob(_CELLS, rng, (0.1, 0.5)))
    return cells.astype(np.float32)
