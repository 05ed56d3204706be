"""Text on pictures, in any alphabet."""

from __future__ import annotations

import threading
import unicodedata
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Colour = tuple[int, int, int]  # BGR
_PER_THREAD = threading.local()
_WEIGHT = 500
_HERSHEY = cv2.FONT_HERSHEY_SIMPLEX
_HERSHEY_PX = 30  # about the line height of that font at scale 1


def put_text(image: NDArray[np.uint8], text: str, x: int, y: int, px: int, colour: Colour) -> None:
    """Write one line into an image (H, W, 3), in place.

    Args:
        image: what to write into.
        text: any text; letters that the font lacks become question marks.
        x: left end, pixels.
        y: base line, pixels.
        px: font size in pixels.
        colour: BGR.
    """
    font = _font()
    if font is None:
        cv2.putText(image, _ascii(text), (x, y), _HERSHEY, px / _HERSHEY_PX, colour, max(px // 12, 1), cv2.LINE_AA)
    else:
        # A wrap range far wider than the picture: a long line runs out of it instead of breaking.
        cv2.putText(image, one_line(text), (x, y), colour, font, px, _WEIGHT, cv2.PUT_TEXT_ALIGN_LEFT, (x, 1 << 20))


def text_width(text: str, px: int) -> int:
    """How many pixels wide `put_text` writes a line."""
    font = _font()
    if font is None:
        return cv2.getTextSize(_ascii(text), _HERSHEY, px / _HERSHEY_PX, max(px // 12, 1))[0][0]
    align = cv2.PUT_TEXT_ALIGN_LEFT
    return cv2.getTextSize((1 << 20, 99), one_line(text), (0, 0), font, px, _WEIGHT, align, (0, 1 << 20))[2]


def fit(text: str, px: int, width: int) -> str:
    """The text, or its beginning and an ellipsis, so that it is at most `width` pixels wide."""
    text = one_line(text)
    if text_width(text, px) <= width:
        return text
    low, high = 0, len(text)
    # Halving instead of measuring each beginning: titles of shops can be very long.
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if text_width(text[:middle] + "…", px) <= width else (low, middle - 1)
    return text[:low].rstrip() + "…"


def one_line(text: str) -> str:
    """The text without line breaks and control characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _font() -> Any | None:
    """OpenCV's own Unicode font, one per thread; None before OpenCV 5, which has only ASCII outlines."""
    if not hasattr(cv2, "FontFace"):
        return None
    if not hasattr(_PER_THREAD, "font"):
        _PER_THREAD.font = cv2.FontFace("sans")
    return _PER_THREAD.font


def _ascii(text: str) -> str:
    text = one_line(text).replace("…", "...").replace("—", "-").replace("–", "-").replace("ß", "ss")
    plain = unicodedata.normalize("NFKD", text)
    return "".join(c if c.isascii() else "?" for c in plain if not unicodedata.combining(c))
