"""A product is shown once in one place."""

from __future__ import annotations

import numpy as np
import pytest

from matcher.stages.once import once_per_place
from matcher.types import EXACT, NONE, SIMILAR, Garments

HEAD, GLASSES, ELSEWHERE = [0, 0, 40, 40], [5, 10, 35, 20], [100, 0, 140, 40]


def garments(boxes: list[list[int]], products: list[int], scores: list[float], tiers: list[int]) -> Garments:
    return Garments(
        np.array(boxes, np.float32),
        product_row=np.array(products)[:, None],
        match_score=np.array(scores, np.float32)[:, None],
        tier=np.array(tiers),
    )


@pytest.mark.parametrize(
    ("boxes", "products", "scores", "tiers", "expected"),
    [
        ([HEAD, GLASSES], [7, 7], [0.7, 0.9], [SIMILAR, EXACT], [NONE, EXACT]),  # the better match stays
        ([HEAD, GLASSES], [7, 8], [0.7, 0.9], [SIMILAR, EXACT], [SIMILAR, EXACT]),  # two products
        ([HEAD, ELSEWHERE], [7, 7], [0.7, 0.9], [SIMILAR, EXACT], [SIMILAR, EXACT]),  # two wearers, or two shoes
        ([HEAD, GLASSES], [7, 7], [0.9, 0.3], [NONE, SIMILAR], [NONE, SIMILAR]),  # what is not shown blocks nothing
        ([HEAD, GLASSES, HEAD], [7, 7, 7], [0.9, 0.8, 0.7], [EXACT] * 3, [EXACT, NONE, NONE]),
    ],
)
def test_once_per_place(
    boxes: list[list[int]], products: list[int], scores: list[float], tiers: list[int], expected: list[int]
) -> None:
    assert once_per_place(garments(boxes, products, scores, tiers)).tolist() == expected


def test_no_rows_and_no_candidates() -> None:
    assert once_per_place(garments([], [], [], [])).tolist() == []
    none = Garments(np.zeros((1, 4)), product_row=np.zeros((1, 0)), match_score=np.zeros((1, 0)), tier=np.zeros(1))
    assert once_per_place(none).tolist() == [NONE]
