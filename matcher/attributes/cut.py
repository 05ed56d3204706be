"""Sleeves and length, from the outline alone: what a mask of 28x28 pixels shows of a garment's cut."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from matcher.attributes.weights import linear

SLEEVES = ("sleeveless", "short sleeves", "long sleeves")
LENGTHS = ("short", "knee-length", "long")
SLEEVED = ("tops", "dresses")  # coats have long ones or are called otherwise
LENGTHY = ("pants", "skirts", "dresses")
SIDE = 12  # cells that the outline is looked at in
FEATURES = SIDE * SIDE + 3


def cut_chances(mask: NDArray[np.float32], type_name: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """How likely each length of sleeve and each length is.

    Args:
        mask: (S, S) float32 0..1 over the square crop around the garment's box.
        type_name: one of `taxonomy.TYPES`.

    Returns:
        (len(SLEEVES),) and (len(LENGTHS),) float32 that sum to 1, or zeros for types to which they do not apply.
    """
    sleeves, lengths = np.zeros(len(SLEEVES), np.float32), np.zeros(len(LENGTHS), np.float32)
    features = outline(mask) if type_name in SLEEVED or type_name in LENGTHY else None
    if features is not None and type_name in SLEEVED:
        sleeves = linear(f"sleeves.{type_name}").chances(features)
    if features is not None and type_name in LENGTHY:
        lengths = linear(f"length.{type_name}").chances(features)
    return sleeves, lengths


def outline(mask: NDArray[np.float32]) -> NDArray[np.float32] | None:
    """The shape of a garment as (FEATURES,) float32, the same for its mirror image; None where there is none."""
    ys, xs = np.nonzero(mask > 0.5)
    if len(xs) < 16:
        return None
    part = mask[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1]
    tall = np.log(part.shape[0] / part.shape[1])
    cells = cv2.resize(part, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    even, odd = (cells + cells[:, ::-1]) / 2, np.abs(cells - cells[:, ::-1]) / 2
    both = np.concatenate([even[:, : SIDE // 2].ravel(), odd[:, : SIDE // 2].ravel()])
    return np.array([*both, tall, tall * tall, float(cells.mean())], np.float32)
