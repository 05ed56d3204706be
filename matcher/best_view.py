"""Remembers the best look at a garment: large, sharp and sure."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from matcher.boxes import area, clip
from matcher.types import Frame, Garments

_THUMB_PX = 176  # longer side of a thumbnail
_THUMB_QUALITY = 82
_BETTER = 1.1  # a view replaces the best one when it is this much better
_SHARP = 100.0  # variance of the Laplacian at which a view counts half as sharp


@dataclass
class BestView:
    """The best view so far.

    Attributes:
        quality: area in pixels times detector score times sharpness (0..1).
        frame: index of its frame.
        type: the garment's type in it.
        jpeg: the picture under its box, at most 176 px, as JPEG.
    """

    quality: float = 0.0
    frame: int = 0
    type: str = ""
    jpeg: bytes = field(default=b"", repr=False)

    def look(self, frame: Frame, garment: Garments, thumbnail: bool = True) -> None:
        """Keep this view of the garment (a `Garments` of length 1) if it is clearly better."""
        box = clip(garment.xyxy, *frame.size)[0]
        size = float(area(box)) * max(float(garment.score[0]), 1e-3)
        if size <= self.quality * _BETTER:
            return  # sharpness is at most 1: no need to look at the pixels
        crop = _crop(frame.image, box)
        # Sharpness is measured on the thumbnail: blur that does not show at that size does no harm.
        quality = size * _sharpness(crop)
        if quality > self.quality * _BETTER or not self.quality:
            self.quality, self.frame = quality, frame.index
            self.type = garment.type_name if garment.has("type_probs") else ""
            self.jpeg = _jpeg(crop) if thumbnail else b""


def _crop(image: NDArray[np.uint8], box: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The picture under a box (4,) that lies inside it, scaled down to a thumbnail."""
    x0, y0, x1, y1 = (int(v) for v in (*np.floor(box[:2]), *np.ceil(box[2:])))
    part = image[y0:y1, x0:x1]
    scale = _THUMB_PX / max(*part.shape[:2], 1)
    if part.size and scale < 1:
        size = max(round((x1 - x0) * scale), 1), max(round((y1 - y0) * scale), 1)
        part = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
    return part


def _sharpness(crop: NDArray[np.uint8]) -> float:
    """0..1 from the variance of the Laplacian."""
    variance = float(cv2.Laplacian(cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY), cv2.CV_32F).var())
    return variance / (variance + _SHARP)


def _jpeg(crop: NDArray[np.uint8]) -> bytes:
    return cv2.imencode(".jpg", crop, [cv2.IMWRITE_JPEG_QUALITY, _THUMB_QUALITY])[1].tobytes()
