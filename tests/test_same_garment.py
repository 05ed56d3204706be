"""Several finds of one garment: what boxes and masks say."""

from __future__ import annotations

import numpy as np
import pytest

from matcher.stages.same_garment import resolve, resolve_by_masks, rivals, shared_cloth
from matcher.taxonomy import TYPE_IDS

BOX = (0, 0, 100, 100)
WITHIN = (10, 40, 60, 95)
NEARLY = (0, 0, 100, 64)  # IoU 0.64 with BOX


def kept(first: str, second: str, box: tuple[int, ...]) -> int:
    xyxy = np.array([BOX, box], np.float32)
    types = np.array([TYPE_IDS[first], TYPE_IDS[second]])
    return len(resolve(xyxy, types, np.arange(2), 0.7))


@pytest.mark.parametrize(
    ("first", "second", "box", "count"),
    [
        ("footwear", "footwear", WITHIN, 1),  # a shoe of a pair
        ("footwear", "footwear", (90, 0, 190, 100), 2),
        ("tops", "tops", WITHIN, 2),  # an undershirt
        ("outerwear", "tops", WITHIN, 2),
        ("dresses", "skirts", NEARLY, 1),
        ("pants", "dresses", NEARLY, 1),
        ("dresses", "bags", NEARLY, 2),
        ("dresses", "skirts", WITHIN, 2),
    ],
)
def test_boxes_of_one_garment(first: str, second: str, box: tuple[int, ...], count: int) -> None:
    assert kept(first, second, box) == count


def test_only_pairs_that_may_be_one_garment_are_worth_their_masks() -> None:
    xyxy = np.array([BOX, WITHIN, WITHIN, (300, 0, 400, 100)], np.float32)
    types = np.array([TYPE_IDS[name] for name in ("outerwear", "tops", "bags", "tops")])
    assert np.argwhere(rivals(xyxy, types)).tolist() == [[0, 1], [1, 0]]


def half(left: bool) -> np.ndarray:
    mask = np.zeros((28, 28), np.float32)
    mask[:, slice(0, 14) if left else slice(14, 28)] = 1
    return mask


def test_shared_cloth_by_hand() -> None:
    xyxy = np.array([(0, 0, 100, 100), (25, 0, 75, 100)], np.float32)
    assert shared_cloth(xyxy, np.stack([half(True), half(True)])) == pytest.approx(1.0, abs=0.02)
    assert shared_cloth(xyxy, np.stack([half(True), half(False)])) == pytest.approx(0.0, abs=0.02)
    # The left half of the large box is the left half of the small one: 25 of 50 columns.
    assert shared_cloth(xyxy, np.stack([half(True), np.ones((28, 28), np.float32)])) == pytest.approx(0.5, abs=0.02)
    assert shared_cloth(xyxy[::-1], np.stack([np.ones((28, 28)), half(True)])) == pytest.approx(0.5, abs=0.02)
    assert shared_cloth(xyxy, np.stack([half(True), np.zeros((28, 28), np.float32)])) == 0.0


def test_boxes_that_touch_nowhere_share_no_cloth() -> None:
    xyxy = np.array([(0, 0, 10, 10), (50, 50, 90, 90)], np.float32)
    assert shared_cloth(xyxy, np.ones((2, 28, 28), np.float32)) == 0.0


def test_a_top_that_is_the_coats_own_cloth_goes_and_one_that_shows_between_its_halves_stays() -> None:
    xyxy = np.array([(0, 0, 90, 100), (30, 10, 60, 90)], np.float32)
    coat, top = np.ones((28, 28), np.float32), np.ones((28, 28), np.float32)
    pairs, types = np.array([[False, True], [True, False]]), np.array([TYPE_IDS["outerwear"], TYPE_IDS["tops"]])
    assert resolve_by_masks(xyxy, types, np.stack([coat, top]), pairs, 0.7).tolist() == [0]
    coat[:, 9:19] = 0  # open in the middle
    assert resolve_by_masks(xyxy, types, np.stack([coat, top]), pairs, 0.7).tolist() == [0, 1]
    assert resolve_by_masks(xyxy, types, np.stack([top, top]), np.zeros((2, 2), bool), 0.7).tolist() == [0, 1]


def test_masks_tell_a_dress_from_the_coat_over_it_where_boxes_cannot() -> None:
    xyxy, types = np.array([BOX, BOX], np.float32), np.array([TYPE_IDS["outerwear"], TYPE_IDS["dresses"]])
    both, one = np.array([True, True]), np.array([True, False])
    assert resolve(xyxy, types, np.arange(2), 0.7, both).tolist() == [0, 1]
    assert resolve(xyxy, types, np.arange(2), 0.7, one).tolist() == [0]  # nobody would look at its mask
    assert resolve(xyxy, types, np.zeros(2, int), 0.7, both).tolist() == [0]  # one proposal shows one garment
    assert resolve(xyxy, np.array([TYPE_IDS["tops"], TYPE_IDS["dresses"]]), np.arange(2), 0.7, both).tolist() == [0]
    pairs, coat = rivals(xyxy, types), half(True)
    assert resolve_by_masks(xyxy, types, np.stack([coat, half(False)]), pairs, 0.7).tolist() == [0, 1]
    dress = np.zeros((28, 28), np.float32)
    dress[:, 5:19] = 1  # 9 of its 14 columns are the coat's: less than masks of other garments may share, and too much
    assert resolve_by_masks(xyxy, types, np.stack([coat, dress]), pairs, 0.7).tolist() == [0]
    assert resolve_by_masks(xyxy, types, np.stack([coat, dress]), pairs, 1.0).tolist() == [0, 1]
