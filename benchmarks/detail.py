"""Tells garments with prints, logos or patterns from plain ones."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.items import View
from matcher.boxes import crop_square, mask_on_crop

PRINTED = 12.0  # chosen by eye on the validation photos: above it nearly all carry a print, a pattern or fittings
_SIZE, _MARGIN = 128, 0.05


def is_printed(view: View) -> bool:
    """Whether a garment carries fine detail that would tell it from another of its colour."""
    crop = crop_square(view.image, view.xyxy, _SIZE, _MARGIN)
    return detail(crop, mask_on_crop(view.mask, view.xyxy, _SIZE, _MARGIN)) >= PRINTED


def detail(image: NDArray[np.uint8], mask: NDArray[np.float32]) -> float:
    """How contrasty the strongest fine detail of a garment is: tells prints, logos and patterns from plain cloth.

    The 95th percentile, inside the garment, of the distance in CIELAB between the crop blurred a little and blurred
    widely. Lightness counts 0.7, because folds are light and dark.

    Args:
        image: (S, S, 3) uint8 BGR crop.
        mask: (S, S) float32 0..1.
    """
    reach = np.ones((max(image.shape[0] // 12, 1) | 1,) * 2, np.uint8)  # seams and edges of the cut do not count
    inner = cv2.erode((mask > 0.5).astype(np.uint8), reach) > 0
    if not inner.any():
        return 0.0
    lab = cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_BGR2LAB) * np.array([0.7, 1, 1], np.float32)
    fine = cv2.GaussianBlur(lab, (0, 0), 0.8) - cv2.GaussianBlur(lab, (0, 0), 5.0)
    return float(np.percentile(np.linalg.norm(fine, axis=2)[inner], 95))
