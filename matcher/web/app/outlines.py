"""Outlines of garments as SVG paths."""

from __future__ import annotations

import cv2
import numpy as np

from matcher.sinks.cutouts import SIDE, Square

_LEAST = 0.02  # share of the garment that an island must have to be drawn
_FINE = 0.6  # pixels of the square by which a path may be off


def outline(found: Square) -> str:
    """The outline of a garment as an SVG path in pixels of its picture, like "M10 20L30 20L30 40Z"."""
    soft = cv2.GaussianBlur(found.mask, (0, 0), 1.0)
    inside = (soft > 0.5).astype(np.uint8)
    contours, _ = cv2.findContours(inside, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    least = max(_LEAST * int(inside.sum()), 4)
    kept = [c for c in contours if cv2.contourArea(c) >= least] or [_everything()]
    left, top, side = found.place
    scale = side / SIDE
    paths = []
    for contour in kept:
        points = cv2.approxPolyDP(contour, _FINE, True)[:, 0].astype(np.float64)
        # A contour runs through the middles of pixels.
        points = (points + 0.5) * scale + (left, top)
        paths.append("M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points) + "Z")
    return "".join(paths)


def _everything() -> np.ndarray:
    """For a mask of nothing: the square, so that the garment can be clicked at all."""
    end = SIDE - 1
    return np.array([[[0, 0]], [[0, end]], [[end, end]], [[end, 0]]], np.int32)
