"""One product is shown once in one place: a box inside another must not claim the same product again."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from matcher.boxes import area, intersection
from matcher.types import NONE, Garments

# Share of the smaller box that lies in the other. A pair of shoes stays two boxes side by side.
SAME_PLACE = 0.5


def once_per_place(garments: Garments) -> NDArray[np.int64]:
    """Tiers (N,) in which of overlapping rows that show one product only the best match keeps its tier.

    The others become none, so that a head's hat box does not repeat the glasses inside it.

    Args:
        garments: needs xyxy, product_row, match_score and tier.
    """
    tier = garments.tier.copy()
    shown = np.flatnonzero(tier != NONE)
    product = garments.product_row[:, 0] if garments.product_row.shape[1] else np.full(len(tier), -1)
    smaller = np.minimum(area(garments.xyxy)[:, None], area(garments.xyxy)[None, :])
    same = (intersection(garments.xyxy, garments.xyxy) > SAME_PLACE * smaller) & (product[:, None] == product[None, :])
    kept: list[int] = []
    for i in shown[np.argsort(-garments.best_score[shown], kind="stable")]:
        if same[i, kept].any():
            tier[i] = NONE
        else:
            kept.append(int(i))
    return tier
