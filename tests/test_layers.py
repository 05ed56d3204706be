"""Whose cloth a pixel shows: two masks over one place of a picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from matcher.boxes import paste_mask
from matcher.stages.detect import Detector
from matcher.stages.layers import apart
from matcher.taxonomy import TYPE_IDS

from .toy_bundle import make_bundle, paint

COAT, TOP = (0, 0, 100, 100), (25, 20, 75, 120)  # they share 50 x 80


def parted(first: str, second: str, values: tuple[float, float], claims: tuple[bool, bool] = (True, True)) -> list:
    """Pixels that each of two garments keeps whose masks are of one value all over."""
    xyxy = np.array([COAT, TOP], np.float32)
    mask = np.array(values, np.float32)[:, None, None] * np.ones((2, 28, 28), np.float32)
    types = np.array([TYPE_IDS[first], TYPE_IDS[second]])
    kept = apart(xyxy, types, mask, np.array(claims))
    return [int(paste_mask(one, box, 200, 200).sum()) for one, box in zip(kept, xyxy, strict=True)]


WHOLE = [10_000, 5_000]


@pytest.mark.parametrize(
    ("types", "values", "claims", "kept"),
    [
        (("outerwear", "tops"), (0.7, 0.9), (True, True), [6_000, 5_000]),
        (("outerwear", "tops"), (0.9, 0.7), (True, True), [10_000, 1_000]),
        (("outerwear", "tops"), (0.9, 0.9), (True, True), WHOLE),  # neither is surer
        (("outerwear", "tops"), (0.7, 0.9), (True, False), WHOLE),  # a doubtful one takes nothing
        (("outerwear", "bags"), (0.9, 0.7), (True, True), WHOLE),  # what is worn over clothes gives nothing away
        (("outerwear", "bags"), (0.7, 0.9), (True, True), [6_000, 5_000]),
        (("bags", "hats"), (0.7, 0.9), (True, True), WHOLE),
    ],
)
def test_a_pixel_is_of_the_mask_that_is_surer(types: tuple, values: tuple, claims: tuple, kept: list[int]) -> None:
    assert parted(*types, values, claims) == pytest.approx(kept, rel=0.06)  # a cell is 3.6 pixels wide


def test_a_place_inside_the_other_mask_is_compared_with_what_it_says_there() -> None:
    xyxy = np.array([(0, 0, 100, 100), (50, 0, 150, 100)], np.float32)
    mask = np.full((2, 28, 28), 0.6, np.float32)
    mask[1, :14] = 0.9  # the upper half of the right one is surer, in the shared columns 14 to 28 of the left one
    kept = apart(xyxy, np.array([TYPE_IDS["tops"], TYPE_IDS["outerwear"]]), mask, np.ones(2, bool))
    expected = np.full((28, 28), True)
    expected[:14, 14:] = False
    assert (np.abs((kept[0] > 0).astype(int) - expected) > 0).sum() <= 14  # the row where the two halves meet
    np.testing.assert_array_equal(kept[1], mask[1])


def test_garments_apart_and_none_at_all_stay_as_they_are() -> None:
    far = np.array([(0, 0, 50, 50), (60, 0, 90, 50)], np.float32)
    mask = np.random.default_rng(1).random((2, 28, 28), np.float32)
    np.testing.assert_array_equal(apart(far, np.zeros(2, int), mask, np.ones(2, bool)), mask)
    empty = np.zeros((0, 28, 28), np.float32)
    assert apart(np.zeros((0, 4), np.float32), np.zeros(0, int), empty, np.zeros(0, bool)).shape == (0, 28, 28)


def test_a_box_without_width_takes_and_loses_nothing() -> None:
    xyxy = np.array([COAT, (50, 20, 50, 60)], np.float32)
    mask = np.stack([np.full((28, 28), 0.6, np.float32), np.ones((28, 28), np.float32)])
    np.testing.assert_array_equal(apart(xyxy, np.zeros(2, int), mask, np.ones(2, bool)), mask)


def test_the_detector_parts_masks_of_one_picture(tmp_path: Path) -> None:
    detector = Detector(make_bundle(tmp_path))
    image = paint((640, 360), {"tops": (100, 50, 200, 220), "pants": (130, 150, 170, 330)})
    found = detector.propose(image)
    garments = detector.select(found)
    alone, together = detector.add_masks(found, garments), detector.mask(found, garments)
    expected = apart(alone.xyxy, alone.type_id, alone.mask, alone.score >= detector.threshold)
    assert not np.array_equal(expected, alone.mask)
    np.testing.assert_array_equal(together.mask, expected)
    np.testing.assert_array_equal(detector(image).mask, expected)


@pytest.mark.parametrize("chosen", [[True, False, False], [False, True, False], [False, False, True], [False] * 3])
def test_chosen_garments_get_the_masks_that_they_have_among_all(tmp_path: Path, chosen: list[bool]) -> None:
    detector = Detector(make_bundle(tmp_path))
    shown = {"tops": (100, 50, 200, 220), "pants": (130, 150, 170, 330), "bags": (400, 100, 450, 180)}
    found = detector.propose(paint((640, 360), shown))
    garments = detector.select(found)
    whole, some = detector.mask(found, garments), detector.mask(found, garments, np.array(chosen))
    np.testing.assert_array_equal(some.mask[chosen], whole.mask[chosen])
    assert not some.mask[~np.array(chosen)].any()
