"""What is known of a garment's look, read from its columns."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from matcher.attributes.describe import Attributes
from matcher.attributes.detected import DetectorWords
from matcher.types import Garments


@dataclass(frozen=True, eq=False)
class Measured:
    """The numbers behind a garment's `Attributes`, cheap to keep for each frame.

    Attributes:
        look: (LOOK,) of `Garments.look`; None where it was not measured.
        chances: (A,) of `Garments.attributes`; None where the detector knows none.
        words: what `chances` stand for.
    """

    look: NDArray[np.float32] | None = None
    chances: NDArray[np.float32] | None = None
    words: DetectorWords | None = None

    @classmethod
    def of(cls, garments: Garments, row: int) -> Measured:
        """Take one row."""
        detected = garments.words is not None and garments.has("attributes")
        look = garments.look[row] if garments.has("look") else None
        return cls(look, garments.attributes[row], garments.words) if detected else cls(look)

    def read(self) -> Attributes:
        """In words."""
        seen = Attributes.of(self.look) if self.look is not None else Attributes()
        return seen if self.words is None else replace(seen, details=self.words.said(self.chances))


def is_described(garments: Garments) -> bool:
    """Whether anything was measured that words can be made of."""
    return garments.has("look") or (garments.words is not None and garments.has("attributes"))


def attributes_of(garment: Garments) -> Attributes:
    """What a garment of length 1 looks like; nothing is known where the pipeline does not look."""
    return Measured.of(garment, 0).read()
