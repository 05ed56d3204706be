"""Which guesses of a detector become labels."""

from __future__ import annotations

import numpy as np
import pytest

from matcher.taxonomy import TYPES
from matcher.types import Garments
from training.data.pseudo import label, tagged_types

TOPS, BELTS, PANTS = TYPES.index("tops"), TYPES.index("belts"), TYPES.index("pants")
IMAGE = np.zeros((100, 60, 3), np.uint8)


def found(*rows: tuple[int, float, tuple[int, int, int, int]]) -> Garments:
    types = [row[0] for row in rows]
    return Garments(
        np.array([row[2] for row in rows], np.float32).reshape(-1, 4),
        np.array([row[1] for row in rows], np.float32),
        type_probs=np.eye(len(TYPES), dtype=np.float32)[types],
        mask=np.ones((len(rows), 28, 28), np.float32),
    )


TOP, PANT, BELT = (10, 10, 50, 60), (15, 50, 45, 95), (15, 50, 45, 56)


@pytest.mark.parametrize(
    ("rows", "wanted", "types"),
    [
        # everything tagged is found
        ([(TOPS, 0.9, TOP), (PANTS, 0.8, PANT)], {TOPS, PANTS}, {TOPS, PANTS}),
        # what no tag names is dropped
        ([(TOPS, 0.9, TOP), (PANTS, 0.8, PANT)], {TOPS}, {TOPS}),
        # a tagged type is missing
        ([(TOPS, 0.9, TOP)], {TOPS, PANTS}, None),
        # the tag speaks for a doubtful find
        ([(TOPS, 0.9, TOP), (PANTS, 0.2, PANT)], {TOPS, PANTS}, {TOPS, PANTS}),
    ],
)
def test_a_photo_is_labelled_when_tags_and_finds_agree(rows: list, wanted: set, types: set | None) -> None:
    picture = label(IMAGE, found(*rows), frozenset(wanted), 0.5)
    assert (None if picture is None else set(picture.types)) == types


def test_of_doubtful_finds_of_one_type_only_the_best_counts() -> None:
    elsewhere = (0, 60, 12, 95)
    picture = label(IMAGE, found((PANTS, 0.3, PANT), (PANTS, 0.2, elsewhere)), frozenset({PANTS}), 0.5)
    assert picture.types == (PANTS,) and picture.ids[80, 30] == 1 and picture.ids[80, 5] == 0


def test_small_garments_lie_in_front_of_large_ones() -> None:
    picture = label(IMAGE, found((BELTS, 0.9, BELT), (PANTS, 0.8, PANT)), frozenset({BELTS, PANTS}), 0.5)
    assert picture.types[picture.ids[53, 30] - 1] == BELTS
    assert picture.types[picture.ids[80, 30] - 1] == PANTS


def test_a_pair_of_shoes_is_one_instance() -> None:
    shoes = TYPES.index("footwear")
    picture = label(
        IMAGE, found((shoes, 0.9, (5, 80, 20, 95)), (shoes, 0.8, (30, 80, 45, 95))), frozenset({shoes}), 0.5
    )
    assert picture.ids[90, 10] == picture.ids[90, 40] > 0
    assert len(np.unique(picture.ids)) == 2


def test_tags_become_types() -> None:
    assert tagged_types(["null", "skin", "jeans", "heels", "belt"]) == {PANTS, BELTS, TYPES.index("footwear")}
