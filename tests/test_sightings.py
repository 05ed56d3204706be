"""Sightings worked out by hand, on constant and on variable frame rates."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import cv2
import numpy as np
import pytest

from matcher.errors import StageError
from matcher.sightings import Sighting, SightingLog
from matcher.types import EXACT, NONE, SIMILAR, Frame, Garments, Product

PRODUCTS = {0: Product("shirt", type="tops"), 1: Product("jeans"), 2: Product("shirt", type="tops")}
UNIT = Fraction(1, 1000)

Seen = tuple[int, int, int, float]  # track, product row, tier, match score


def garments(seen: Sequence[Seen], boxes: Sequence[Sequence[float]] | None = None) -> Garments:
    if not seen:
        return Garments.empty()
    tracks, rows, tiers, scores = (np.array(column) for column in zip(*seen, strict=True))
    boxes = boxes or [(10, 10, 50, 60)] * len(seen)
    typed = np.tile(np.eye(11)[10], (len(seen), 1))
    return Garments(
        np.array(boxes, np.float32),
        np.full(len(seen), 0.8),
        type_probs=typed,
        track_id=tracks,
        product_row=rows[:, None],
        match_score=scores[:, None],
        tier=tiers,
    ).with_products(PRODUCTS.get)


def picture(level: int = 0) -> np.ndarray:
    return np.full((80, 80, 3), level, np.uint8)


def run(
    frames: Sequence[Sequence[Seen]],
    stamps: Sequence[int] | None = None,
    shots: Sequence[int] | None = None,
    **how: object,
) -> list[Sighting]:
    log = SightingLog(**how)
    stamps = stamps or [40 * i for i in range(len(frames))]
    for index, seen in enumerate(frames):
        frame = Frame(picture(), stamps[index], UNIT, "clip", index)
        log.add(frame, garments(seen), shots[index] if shots else 1)
    return log.finish()


def times(sighting: Sighting) -> tuple[float, float, float]:
    return float(sighting.first), float(sighting.last), float(sighting.screen_time)


SHIRT, JEANS = (7, 0, EXACT, 0.9), (7, 1, EXACT, 0.9)
NOTHING = (7, 0, NONE, 0.2)


def test_first_and_last_are_the_edges_of_frames() -> None:
    (found,) = run([[], [SHIRT], [SHIRT], [], []])
    assert times(found) == (0.04, 0.12, 0.08)
    assert (found.product.id, found.tier, found.shot, found.tracks, found.type) == ("shirt", EXACT, 1, (7,), "tops")
    assert found.mean_score == pytest.approx(0.9)


def test_at_a_variable_rate_a_frame_lasts_until_the_next() -> None:
    (found,) = run([[SHIRT], [SHIRT], [], [SHIRT]], stamps=[0, 100, 400, 417])
    assert times(found) == (0.0, 0.434, 0.417)  # the last frame lasts as long as the one before it: 17 ms


def test_the_end_of_the_last_frame_may_be_given() -> None:
    log = SightingLog()
    log.add(Frame(picture(), 0, UNIT), garments([SHIRT]))
    assert times(log.finish(Fraction(1, 2))[0]) == (0.0, 0.5, 0.5)


@pytest.mark.parametrize(("missing", "rows"), [(12, 1), (13, 2)])  # 12 frames of 40 ms are 0.48 s
def test_gaps_below_half_a_second_are_merged(missing: int, rows: int) -> None:
    found = run([[SHIRT]] + [[]] * missing + [[SHIRT]])
    assert len(found) == rows
    assert sum(s.screen_time for s in found) == Fraction(80, 1000)


def test_another_track_of_the_same_product_goes_on_with_the_appearance() -> None:
    other = (9, 0, SIMILAR, 0.5)
    (found,) = run([[SHIRT], [SHIRT], [], [other]])
    assert found.tracks == (7, 9) and found.tier == EXACT
    assert found.mean_score == pytest.approx((0.9 + 0.9 + 0.5) / 3)


def test_one_product_seen_twice_at_once_is_on_screen_once() -> None:
    twin = (9, 2, EXACT, 0.8)  # another picture of the same product
    (found,) = run([[SHIRT, twin], [SHIRT, twin], [twin]])
    assert times(found) == (0.0, 0.12, 0.12)


def test_a_cut_begins_a_new_row() -> None:
    found = run([[SHIRT], [SHIRT], [SHIRT]], shots=[1, 2, 2])
    assert [(s.shot, *times(s)) for s in found] == [(1, 0.0, 0.04, 0.04), (2, 0.04, 0.12, 0.08)]


def test_only_similar_and_exact_are_sightings() -> None:
    assert run([[NOTHING], [NOTHING]]) == []
    assert run([[(7, -1, EXACT, 0.9)], [(-1, 0, EXACT, 0.9)], [(8, 99, EXACT, 0.9)]]) == []


def test_a_late_decision_holds_for_the_whole_track_in_a_file() -> None:
    frames = [[NOTHING]] * 3 + [[SHIRT]] * 2
    (late,) = run(frames, retroactive=False)
    assert times(late) == (0.12, 0.2, 0.08)
    (whole,) = run(frames)
    assert times(whole) == (0.0, 0.2, 0.2)
    assert whole.mean_score == pytest.approx(0.9)  # of the frames that were decided


def test_a_stretch_before_the_decision_is_a_sighting_too() -> None:
    found = run([[NOTHING]] + [[]] * 20 + [[SHIRT]])
    assert [times(s) for s in found] == [(0.0, 0.04, 0.04), (0.84, 0.88, 0.04)]


def test_the_decision_of_most_frames_wins_and_the_later_one_a_tie() -> None:
    assert [s.product.id for s in run([[JEANS]] + [[SHIRT]] * 2)] == ["shirt"]
    assert [s.product.id for s in run([[JEANS]] * 3 + [[SHIRT]] * 2)] == ["jeans"]
    assert [s.product.id for s in run([[JEANS]] * 2 + [[SHIRT]] * 2)] == ["shirt"]
    assert [s.product.id for s in run([[SHIRT], [JEANS]], retroactive=False)] == ["shirt", "jeans"]


def test_a_short_mistake_does_not_claim_a_long_track() -> None:
    assert run([[SHIRT]] + [[NOTHING]] * 5) == []


def test_the_tier_is_the_latest() -> None:
    similar = (7, 0, SIMILAR, 0.7)
    assert run([[similar]] * 3 + [[SHIRT]])[0].tier == EXACT
    assert run([[SHIRT]] + [[similar]] * 3)[0].tier == SIMILAR


def test_the_best_frame_is_large_and_sharp() -> None:
    sharp = np.repeat(np.random.default_rng(0).integers(0, 256, (80, 80, 1), np.uint8), 3, 2)
    blurred = cv2.GaussianBlur(sharp, (0, 0), 6)
    small, large = (30, 30, 40, 40), (10, 10, 60, 70)
    log = SightingLog()
    for index, (image, box) in enumerate([(sharp, small), (blurred, large), (sharp, large), (blurred, large)]):
        log.add(Frame(image, index * 40, UNIT, "clip", index), garments([SHIRT], [box]))
    (found,) = log.finish()
    assert found.best_frame == 2
    thumb = cv2.imdecode(np.frombuffer(found.thumbnail, np.uint8), cv2.IMREAD_COLOR)
    assert thumb.shape == (60, 50, 3)
    assert np.abs(thumb.astype(int) - sharp[10:70, 10:60]).mean() < 30


def test_thumbnails_are_small_and_boxes_may_leave_the_picture() -> None:
    log = SightingLog()
    image = np.random.default_rng(0).integers(0, 256, (900, 1600, 3), np.uint8)
    log.add(Frame(image, 0, UNIT), garments([SHIRT], [(-50, -20, 2000, 700)]))
    log.add(Frame(image, 40, UNIT, index=1), garments([JEANS], [(2000, 2000, 2100, 2100)]))
    found = log.finish()
    thumb = cv2.imdecode(np.frombuffer(found[0].thumbnail, np.uint8), cv2.IMREAD_COLOR)
    assert max(thumb.shape) == 176


def test_no_frames_and_missing_stages() -> None:
    assert SightingLog().finish() == []
    log = SightingLog()
    with pytest.raises(StageError, match="look up"):
        log.add(Frame(picture()), Garments(np.zeros((1, 4)), track_id=np.zeros(1)))
