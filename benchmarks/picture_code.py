"""A number drawn into a picture as black and white fields, and read back from whatever became of the picture."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matcher.types import Frame

BITS, SIDE = 24, 12  # fields in a row, pixels of each
_BORDER = 3  # of a field, not looked at: codecs blur


def draw_code(image: NDArray[np.uint8], number: int) -> None:
    """Draw a number from 0 to 2**24 - 1 into the upper left corner of a picture (H, W, 3) uint8 BGR, in place."""
    for bit in range(BITS):
        image[:SIDE, bit * SIDE : (bit + 1) * SIDE] = 255 if number >> bit & 1 else 0


def read_code(image: NDArray[np.uint8]) -> int:
    """The number drawn into a picture (H, W, 3) uint8 BGR of the same size."""
    inside = [slice(bit * SIDE + _BORDER, (bit + 1) * SIDE - _BORDER) for bit in range(BITS)]
    strip = image[_BORDER : SIDE - _BORDER]
    return sum(1 << bit for bit, columns in enumerate(inside) if strip[:, columns].mean() > 127)


class Coded:
    """A live source whose frames have their number drawn in; what it says besides is passed on.

    Attributes:
        drawn: number -> when it was drawn, by `clock`.
    """

    def __init__(self, source: Any, clock: Any, drawn: dict[int, float]) -> None:
        """Draw into the frames of a source; the times go into `drawn`."""
        self._source, self._clock, self._drawn = source, clock, drawn

    def __iter__(self) -> Iterator[Any]:
        for item in self._source:
            if not isinstance(item, Frame):
                yield item
                continue
            image = item.image.copy()
            self._drawn[item.index] = self._clock()
            draw_code(image, item.index)
            yield replace(item, image=image)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)
