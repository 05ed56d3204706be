"""The pattern of a cloth: plain, striped, checked, dotted or printed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from matcher.attributes.texture import texture
from matcher.attributes.weights import linear

NO_CLOTH = ("eyewear", "belts", "footwear")  # too small, or too much of other parts
PATTERNS = ("plain", "striped", "checked", "dotted", "printed")


def pattern_chances(crop: NDArray[np.uint8], mask: NDArray[np.float32], type_name: str = "") -> NDArray[np.float32]:
    """How likely each pattern is.

    Args:
        crop: (S, S, 3) uint8 BGR.
        mask: (S, S) float32 0..1 over it.
        type_name: one of `taxonomy.TYPES`, "" where it is not known.

    Returns:
        (len(PATTERNS),) float32 that sums to 1; zeros for `NO_CLOTH` and where too little of the garment is seen.
    """
    features = None if type_name in NO_CLOTH else texture(crop, mask)
    return np.zeros(len(PATTERNS), np.float32) if features is None else linear("pattern").chances(features)
