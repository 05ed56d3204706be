"""The pictures of report.html: small, and few enough that the page opens at once."""

from __future__ import annotations

import base64
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from matcher.types import Product

PictureOf = Callable[[Product], NDArray[np.uint8] | None]

LONGEST_PX = 120
QUALITY = 72
BUDGET = 2_400_000  # bytes of JPEG in all; base64 adds a third


class Pictures:
    """Collects pictures as text until the budget is spent.

    Attributes:
        encoded: the JPEG files in base64, in the order in which they were added.
    """

    def __init__(self, budget: int = BUDGET) -> None:
        """Nothing yet; `budget` is in bytes of JPEG."""
        self.encoded: list[str] = []
        self._left = budget

    def add(self, jpeg: bytes) -> int:
        """Take a picture and return its place; -1 for none, for an unreadable one, or when the budget is spent."""
        if not jpeg or self._left <= 0:
            return -1
        image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
        return -1 if image is None else self._keep(image)

    def shop(self, product: Product, picture_of: PictureOf | None) -> int:
        """Take the shop's picture of a product, as `add`."""
        image = picture_of(product) if picture_of is not None and self._left > 0 else None
        return -1 if image is None else self._keep(image)

    def _keep(self, image: NDArray[np.uint8]) -> int:
        scale = min(LONGEST_PX / max(image.shape[:2]), 1)
        size = max(round(image.shape[1] * scale), 1), max(round(image.shape[0] * scale), 1)
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        data = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()
        self._left -= len(data)
        self.encoded.append(base64.b64encode(data).decode())
        return len(self.encoded) - 1
