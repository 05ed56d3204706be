"""The tracker on drawn-up boxes: crossings, gaps, uneven frame times, cuts, and when an embedding is due."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pytest

from matcher.config import TrackConfig
from matcher.stages.track import Tracker
from matcher.taxonomy import TYPE_IDS, TYPES
from matcher.types import Frame, Garments

SIZE = (640, 360)
ROOM = np.random.default_rng(0).integers(60, 200, (SIZE[1], SIZE[0], 3), np.uint8)
BEACH = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
BEACH[: SIZE[1] // 2] = (230, 120, 20)

Box = tuple[float, float, float, float, str, float]  # x0, y0, x1, y1, type, score


def frame(time: float, image: np.ndarray = ROOM) -> Frame:
    return Frame(image, round(time * 90000), Fraction(1, 90000))


def boxes(*rows: Box) -> Garments:
    probs = np.full((len(rows), len(TYPES)), 0.01, np.float32)
    for i, row in enumerate(rows):
        probs[i, TYPE_IDS[row[4]]] = 0.9
    return Garments([row[:4] for row in rows], [row[5] for row in rows], type_probs=probs)


def at(x: float, y: float = 100, side: float = 80, kind: str = "tops", score: float = 0.9) -> Box:
    return x, y, x + side, y + side * 1.2, kind, score


def follow(tracker: Tracker, times: Sequence[float], paths: Sequence) -> list[dict[int, int]]:
    """Run it; each path gives a Box or None for a time. Returns for each frame {path number: id}."""
    ids = []
    for time in times:
        present = [(n, box) for n, path in enumerate(paths) if (box := path(time)) is not None]
        garments = tracker(frame(time), boxes(*(box for _, box in present)))
        place = {tuple(np.float32(box[:4])): n for n, box in present}
        pairs = zip(garments.xyxy, garments.track_id, strict=True)
        ids.append({place[tuple(xyxy)]: int(number) for xyxy, number in pairs})
    return ids


def ids_of(history: list[dict[int, int]], path: int) -> set[int]:
    return {seen[path] for seen in history if path in seen}


STEADY = np.arange(60) / 30
JITTER = np.random.default_rng(4).normal(0, 1.5, 4000)


def test_one_walker_has_one_id() -> None:
    history = follow(Tracker(), STEADY, [lambda t: at(50 + 150 * t + JITTER[int(t * 30)])])
    assert all(history) and ids_of(history, 0) == {1}


@pytest.mark.parametrize("speed", [60, 150, 300])  # pixels a second
def test_two_people_who_cross_keep_their_ids(speed: float) -> None:
    middle = 260
    history = follow(
        Tracker(),
        STEADY,
        [
            lambda t: at(middle + speed * (t - 1) + JITTER[int(t * 30)]),
            lambda t: at(middle - speed * (t - 1) + JITTER[int(t * 30) + 100], y=110),
        ],
    )
    assert len(ids_of(history, 0)) == len(ids_of(history, 1)) == 1
    assert ids_of(history, 0) != ids_of(history, 1)


@pytest.mark.parametrize("speed", [150, 300])
def test_the_one_who_passes_behind_is_found_again(speed: float) -> None:
    def behind(t: float) -> Box | None:
        x = 260 - speed * (t - 1)
        hidden = abs(x - (260 + speed * (t - 1))) < 45
        return None if hidden else at(x, y=108)

    history = follow(Tracker(), STEADY, [lambda t: at(260 + speed * (t - 1)), behind])
    assert any(1 not in seen for seen in history), "it must be hidden for a while"
    assert len(ids_of(history, 0)) == len(ids_of(history, 1)) == 1


@pytest.mark.parametrize(("gap", "same"), [(0.3, True), (0.65, True), (0.9, False)])
@pytest.mark.parametrize("rate", [5, 30, 60])
def test_a_gap_counts_in_seconds_not_frames(rate: int, gap: float, same: bool) -> None:
    times = [i / rate for i in range(rate * 3) if not 1 < i / rate < 1 + gap]
    spread = max(b - a for a, b in zip(times, times[1:], strict=False))
    if spread <= 0.7 and not same:
        pytest.skip("frames are too few to make such a gap")
    # The picture goes on meanwhile: the box is missing, not the frames.
    every = [i / rate for i in range(rate * 3)]
    history = follow(Tracker(), every, [lambda t: at(100 + 40 * t) if t in times else None])
    assert (len(ids_of(history, 0)) == 1) is same


def test_uneven_frame_times_do_not_matter() -> None:
    rng = np.random.default_rng(5)
    times = np.cumsum(rng.choice([1 / 60, 1 / 30, 1 / 12, 0.2], 80))
    history = follow(Tracker(), times, [lambda t: at(20 + 45 * t), lambda t: at(600 - 45 * t, y=220)])
    assert len(ids_of(history, 0)) == len(ids_of(history, 1)) == 1


def test_frames_further_apart_than_lost_s_still_go_on() -> None:
    history = follow(Tracker(), np.arange(8) * 1.0, [lambda t: at(100 + 2 * t)])
    assert ids_of(history, 0) == {1}


def test_small_fast_things_are_followed() -> None:
    history = follow(Tracker(), np.arange(20) / 10, [lambda t: at(20 + 200 * t, side=34, kind="footwear")])
    assert len(ids_of(history, 0)) == 1  # 20 px a frame at 34 px


def test_a_doubtful_box_continues_a_track_but_starts_none() -> None:
    tracker = Tracker(threshold=0.5)
    weak = [lambda t: at(100, score=0.3 if 0.5 < t < 1.4 else 0.8), lambda t: at(400, score=0.3)]
    history = follow(tracker, STEADY, weak)
    assert ids_of(history, 0) == {1} and all(0 in seen for seen in history)
    assert ids_of(history, 1) == set()


def test_doubtful_boxes_do_not_hold_a_track_for_ever() -> None:
    history = follow(Tracker(), np.arange(90) / 30, [lambda t: at(100, score=0.9 if t < 0.5 else 0.3)])
    assert [bool(seen) for seen in history] == [t < 1.48 for t in np.arange(90) / 30]


def test_a_doubtful_box_does_not_revive_a_lost_track() -> None:
    def path(t: float) -> Box | None:
        return at(100) if t < 0.5 else None if t < 0.7 else at(100, score=0.3)

    assert all(not seen for seen in follow(Tracker(), STEADY, [path])[15:])


def test_a_flash_is_no_track_but_the_first_frame_of_a_shot_counts() -> None:
    flash = [lambda t: at(100), lambda t: at(400) if 0.49 < t < 0.51 else None]
    history = follow(Tracker(), STEADY, flash)
    assert 0 in history[0] and ids_of(history, 1) == set()


def test_nothing_is_shown_where_nothing_is_seen() -> None:
    history = follow(Tracker(), STEADY, [lambda t: at(100) if t < 0.5 or t > 0.8 else None])
    assert [bool(seen) for seen in history] == [t < 0.5 or t > 0.8 for t in STEADY]


def test_another_slot_at_the_same_place_is_another_garment() -> None:
    history = follow(Tracker(), STEADY, [lambda t: at(100, kind="tops" if t < 1 else "pants")])
    assert len(ids_of(history, 0)) == 2


def test_types_of_one_slot_do_not_flicker() -> None:
    tracker, names = Tracker(), []
    for i in range(30):
        kind = "outerwear" if i % 3 == 2 else "tops"
        garments = tracker(frame(i / 30), boxes(at(100 + i, kind=kind)))
        names += garments.type_names
    assert len(names) == 30 and set(names) == {"tops"} and set(garments.track_id) == {1}


def test_a_cut_ends_all_tracks() -> None:
    tracker = Tracker()
    for i in range(5):
        before = tracker(frame(i / 30), boxes(at(100)))
    after = tracker(frame(5 / 30, BEACH), boxes(at(100)))
    assert before.track_id.tolist() == [1] and after.track_id.tolist() == [2] and after.due.all()
    assert (before.shot.tolist(), after.shot.tolist(), tracker.shot) == ([1], [2], 2)


@pytest.mark.parametrize("again", ["reset", "time runs back"])
def test_ids_are_never_used_twice(again: str) -> None:
    tracker = Tracker()
    tracker(frame(1.0), boxes(at(100), at(300)))
    if again == "reset":
        tracker.reset()
    assert tracker(frame(0.0), boxes(at(100))).track_id.tolist() == [3]


def test_the_input_is_not_changed() -> None:
    tracker, given = Tracker(), boxes(at(100), at(300, score=0.2))
    before = given.type_probs.copy()
    tracker(frame(0), given)
    assert not given.has("track_id") and len(given) == 2 and (given.type_probs == before).all()


def test_a_frame_without_boxes_has_all_columns() -> None:
    garments = Tracker()(frame(0), Garments.empty())
    assert all(len(getattr(garments, name)) == 0 for name in ("track_id", "due", "quality", "shot", "type_probs"))


def test_an_embedding_is_due_at_first_and_then_seldom() -> None:
    tracker, due = Tracker(TrackConfig(refresh_s=1.0)), []
    for i in range(150):
        due += tracker(frame(i / 30), boxes(at(100))).due.tolist()
    times = np.flatnonzero(due) / 30
    assert times[0] == 0 and len(times) <= 8
    assert np.diff(times)[-2:] == pytest.approx(1.0, abs=0.05), "a slow refresh in the end"


def test_an_embedding_is_due_for_a_clearly_better_view() -> None:
    tracker = Tracker(TrackConfig(refresh_s=1000, better_view=1.3))
    sizes = [40, 41, 42, 43, 52, 75, 76]
    due = [tracker(frame(i / 30), boxes(at(200, side=side))).due[0] for i, side in enumerate(sizes)]
    assert due == [True, False, False, False, False, True, False]


def test_no_frame_has_more_due_than_allowed_and_all_get_their_turn() -> None:
    tracker, seen = Tracker(TrackConfig(max_due=2)), []
    for i in range(4):
        garments = tracker(frame(i / 30), boxes(*(at(20 + 100 * n) for n in range(6))))
        assert garments.due.sum() <= 2
        seen += garments.track_id[garments.due].tolist()
    assert sorted(seen)[:6] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ("worse", "better"),
    [
        (at(100, side=50), at(100, side=120)),  # larger
        (at(-30), at(100)),  # not cut by the border
        (at(100, score=0.5), at(100, score=0.9)),  # surer
    ],
)
def test_quality_prefers(worse: Box, better: Box) -> None:
    low, high = (Tracker()(frame(0), boxes(box)).quality[0] for box in (worse, better))
    assert 0 < low < high <= 1


def test_quality_prefers_sharp_and_uncovered_views() -> None:
    grey = np.full_like(ROOM, 120)
    alone, blurred = (Tracker()(frame(0, image), boxes(at(100))).quality[0] for image in (ROOM, grey))
    covered = Tracker()(frame(0), boxes(at(100), at(130))).quality[0]
    assert blurred < alone and covered < alone


def test_what_the_classifier_says_stays_with_the_track() -> None:
    tracker = Tracker()
    first = tracker(frame(0), boxes(at(100)))
    says = np.full((1, len(TYPES)), 0.001, np.float32)
    says[0, TYPE_IDS["outerwear"]] = 0.99
    assert tracker.learn(first, says, 0.6).type_names == ["outerwear"]
    assert tracker(frame(1 / 30), boxes(at(101))).type_names == ["outerwear"]


def test_in_a_crowd_of_noise_every_id_is_one_row() -> None:
    tracker, rng = Tracker(), np.random.default_rng(7)
    for i in range(40):
        rows = [
            at(rng.uniform(0, 560), rng.uniform(0, 250), rng.uniform(5, 90), TYPES[rng.integers(11)], rng.uniform())
            for _ in range(rng.integers(0, 30))
        ]
        garments = tracker(frame(i / 30), boxes(*rows))
        assert len(set(garments.track_id.tolist())) == len(garments)
        assert np.isfinite(garments.type_probs).all() and np.isfinite(garments.quality).all()
        np.testing.assert_allclose(garments.type_probs.sum(1), 1, atol=1e-4)
