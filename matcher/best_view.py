"""Remembers the best look at a garment: large, sharp and sure."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

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
        quality: as the tracker measured it (0..1), else area in pixels times detector score times sharpness.
        frame: index of its frame.
        time: exact time of that frame, seconds.
        box: xyxy in pixels of it, to a tenth.
        type: the garment's type in it.
        jpeg: the picture under its box, at most 176 px, as JPEG.
    """

    quality: float = 0.0
    frame: int = 0
    time: Fraction = Fraction(0)
    box: tuple[float, ...] = ()
    type: str = ""
    jpeg: bytes = field(default=b"", repr=False)

    def look(self, frame: Frame, garment: Garments, thumbnail: bool = True) -> None:
        """Keep this view of the garment (a `Garments` of length 1) if it is clearly better.

        A frame without a picture (0 pixels), as of a run that is read again, is judged by the tracker's `quality`.
        """
        if garment.has("quality"):
            self._judge(frame, garment, round(float(garment.quality[0]), 4), thumbnail)
            return
        box = clip(garment.xyxy, *frame.size)[0]
        size = float(area(box)) * max(float(garment.score[0]), 1e-3)
        if size <= self.quality * _BETTER:
            return  # sharpness is at most 1: no need to look at the pixels
        # Sharpness is measured on the thumbnail: blur that does not show at that size does no harm.
        self._judge(frame, garment, size * _sharpness(_crop(frame.image, box)), thumbnail)

    def _judge(self, frame: Frame, garment: Garments, quality: float, thumbnail: bool) -> None:
        if quality <= self.quality * _BETTER and self.quality:
            return
        self.quality, self.frame, self.time = quality, frame.index, frame.timestamp
        self.box = tuple(round(float(v), 1) for v in garment.xyxy[0])
        self.type = garment.type_name if garment.has("type_probs") else ""
        seen = thumbnail and frame.image.size
        self.jpeg = thumbnail_of(frame.image, garment.xyxy[0]) if seen else b""


def thumbnail_of(image: NDArray[np.uint8], xyxy: NDArray[np.float32]) -> bytes:
    """The part of a picture (H, W, 3) under a box (4,), at most 176 px, as JPEG."""
    return _jpeg(_crop(image, clip(np.asarray(xyxy)[None], image.shape[1], image.shape[0])[0]))


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
