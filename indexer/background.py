"""The thing on a plain background, found by colour: for pictures in which the detector finds no garment."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

MASK_SIZE = 28
_WORK_SIDE = 256
_PLAIN = 9.0  # the border's colours (CIELAB) vary less than this around their median
_DIFFERENT = 14.0  # a colour this far from the border's is not background
_LEAST_SHARE = 0.02  # of the picture; less is a speck, not a garment


def whole(image: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Box and mask of all of a picture; see `foreground`."""
    height, width = image.shape[:2]
    return np.array([0, 0, width, height], np.float32), np.ones((MASK_SIZE, MASK_SIZE), np.float32)


def foreground(image: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]] | None:
    """Box and mask of what stands on a plain background; None where the background is not plain.

    Args:
        image: (H, W, 3) uint8 BGR.

    Returns:
        (4,) float32 xyxy in pixels of the picture, and a (28, 28) float32 mask 0..1 over that box.
    """
    height, width = image.shape[:2]
    found = _separate(image)
    if found is None:
        return None
    x, y, w, h = cv2.boundingRect(found)
    mask = cv2.resize(found[y : y + h, x : x + w].astype(np.float32), (MASK_SIZE,) * 2, interpolation=cv2.INTER_AREA)
    scale = np.array([width / found.shape[1], height / found.shape[0]] * 2, np.float32)
    return np.array([x, y, x + w, y + h], np.float32) * scale, mask


def _separate(image: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """(h, w) uint8, 1 at the thing, of a picture made smaller; None where the background is not plain."""
    scale = min(1.0, _WORK_SIDE / max(image.shape[:2]))
    size = (max(round(image.shape[1] * scale), 2), max(round(image.shape[0] * scale), 2))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    colours = cv2.cvtColor(small, cv2.COLOR_BGR2LAB)
    border = np.concatenate([colours[0], colours[-1], colours[:, 0], colours[:, -1]])
    ground = np.median(border, axis=0)
    if np.median(np.linalg.norm(border - ground, axis=1)) > _PLAIN:
        return None
    different = (np.linalg.norm(colours - ground, axis=2) > _DIFFERENT).astype(np.uint8)
    different = cv2.morphologyEx(different, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    # The outer outlines, filled: white prints on a shirt before white are part of the shirt.
    outlines, _ = cv2.findContours(different, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    large = [outline for outline in outlines if cv2.contourArea(outline) >= _LEAST_SHARE / 4 * different.size]
    filled = cv2.drawContours(np.zeros_like(different), large, -1, 1, cv2.FILLED)
    return filled if filled.mean() >= _LEAST_SHARE else None
