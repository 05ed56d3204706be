"""Boxes between detections: followed by optical flow, given up where they leave, and marked."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from matcher.boxes import iou
from matcher.bundle import Bundle
from matcher.catalog.catalog import Catalog
from matcher.config import EngineConfig
from matcher.engine.schedule import Schedule
from matcher.pipeline import Pipeline, run
from matcher.sinks.base import Closing
from matcher.stages.flow import Flow
from matcher.types import EXACT, Frame, Garments
from tests.test_pipeline import walk
from tests.toy_bundle import paint


def cloth(seed: int, size: tuple[int, int]) -> NDArray[np.uint8]:
    """A picture (H, W, 3) of `size` (height, width) with soft spots, as prints have."""
    noise = np.random.default_rng(seed).integers(0, 255, (size[0] // 8, size[1] // 8, 3), np.uint8)
    return cv2.resize(noise, size[::-1], interpolation=cv2.INTER_CUBIC)


def scene(x: float, y: float = 120, side: int = 160) -> NDArray[np.uint8]:
    image = cloth(1, (720, 1280)) // 2
    image[int(y) : int(y) + side, int(x) : int(x) + side] = cv2.resize(cloth(2, (160, 160)), (side, side))
    return image


@pytest.mark.parametrize("step", [0, 4, 12, 24])
def test_a_box_goes_with_what_it_shows(step: int) -> None:
    flow, box = Flow(), np.array([[300, 120, 460, 280], [900, 500, 1000, 620]], np.float32)
    flow.see(scene(300))
    for i in range(1, 6):
        flow.see(scene(300 + step * i))
        box = flow.move(box)
    wanted = np.array([[300 + 5 * step, 120, 460 + 5 * step, 280], [900, 500, 1000, 620]], np.float32)
    assert np.diag(iou(box, wanted)).min() > 0.85


def test_a_box_that_cannot_be_followed_stays() -> None:
    flow, box = Flow(), np.array([[300, 120, 460, 280]], np.float32)
    grey = np.full((720, 1280, 3), 127, np.uint8)
    np.testing.assert_array_equal(flow.move(box), box)  # no picture yet
    for image in (grey, grey, cv2.resize(grey, (640, 352))):  # nothing to see, and another size of picture
        flow.see(image)
        np.testing.assert_allclose(flow.move(box), box, atol=1)
    assert flow.move(np.zeros((0, 4), np.float32)).shape == (0, 4)


class Collect(Closing):
    """A sink that remembers."""

    def __init__(self) -> None:
        self.results: list[tuple[Frame, Garments]] = []

    def write(self, frame: Frame, garments: Garments) -> None:
        self.results.append((frame, garments))

    def close(self, ok: bool = True) -> None:
        pass


def matched(pipeline: Pipeline, frames: Iterator[Frame], every: int, at_once: int = 1) -> list[tuple[Frame, Garments]]:
    sink, schedule = Collect(), Schedule(EngineConfig(detect_every=every))
    run(frames, [sink], pipeline, at_once=at_once, schedule=schedule)
    return sink.results


def test_every_frame_has_boxes_tracks_and_products(bundle: Bundle, catalog: Catalog) -> None:
    pipeline = Pipeline(catalog=catalog, bundle=bundle)
    every = matched(Pipeline(catalog=catalog, bundle=bundle), walk(), 1)
    some = matched(pipeline, walk(), 3)
    assert [garments.carried for _, garments in some] == [i % 3 != 0 for i in range(20)]
    for (frame, all_), (_, few) in zip(every[:10], some[:10], strict=True):
        assert few.type_names == all_.type_names and few.track_id.tolist() == all_.track_id.tolist()
        assert np.diag(iou(few.xyxy, all_.xyxy)).min() > 0.7, frame.index
        assert few.tier.tolist() == [EXACT] * 3 and few[0].product.id.startswith("p-")
        if few.carried:
            assert not few.due.any() and not few.embedding.any()
    assert {len(times) for name, times in pipeline.timings.items() if name in ("carry", "detect")} == {13, 7}


def test_choices_of_frames_do_not_depend_on_threads(bundle: Bundle, catalog: Catalog) -> None:
    one, three = (matched(Pipeline(catalog=catalog, bundle=bundle), walk(), 4, at_once) for at_once in (1, 3))
    for (_, a), (_, b) in zip(one, three, strict=True):
        np.testing.assert_array_equal(a.xyxy, b.xyxy)
        assert a.carried == b.carried and a.track_id.tolist() == b.track_id.tolist()


def test_a_cut_is_detected_and_ends_all_tracks(bundle: Bundle) -> None:
    def film() -> Iterator[Frame]:
        for i in range(12):
            place, where = (3, (100, 50, 200, 150)) if i < 5 else (4, (400, 200, 500, 300))
            image = np.repeat(cloth(place, (360, 640))[:, :, :1], 3, axis=2) // (place - 1) + 20
            box = slice(where[1], where[3]), slice(where[0], where[2])
            image[box] = paint((640, 360), {"tops": where})[box]
            yield Frame(image, i, Fraction(1, 25), index=i)

    results = matched(Pipeline(bundle=bundle), film(), 4)
    assert [garments.carried for _, garments in results[:7]] == [False, True, True, True, False, False, True]
    before, after = ({int(n) for _, g in part for n in g.track_id} for part in (results[:5], results[5:]))
    assert before and after and not before & after and results[6][1].shot.tolist() == [2]


def test_a_garment_that_leaves_is_not_carried_on(bundle: Bundle) -> None:
    def film() -> Iterator[Frame]:
        for i in range(10):
            image = cloth(1, (360, 640)) // 3
            image[50:150, max(40 - 30 * i, 0) : max(140 - 30 * i, 0)] = paint((100, 100), {"tops": (0, 0, 100, 100)})[
                :, : max(140 - 30 * i, 0) - max(40 - 30 * i, 0)
            ]
            yield Frame(image, i, Fraction(1, 100), index=i)

    results = matched(Pipeline(bundle=bundle), film(), 100)
    for _, garments in results:
        assert (garments.xyxy[:, 2:] >= garments.xyxy[:, :2]).all() and (garments.xyxy >= 0).all()


def test_pipelines_beside_one_another_share_models_and_nothing_else(bundle: Bundle, catalog: Catalog) -> None:
    first = Pipeline(catalog=catalog, bundle=bundle)
    second = first.beside()
    assert second.detector is first.detector and second.embedder is first.embedder
    for a, b in zip(walk(6), walk(6), strict=True):
        one, two = first(a), second(b)
        assert one.track_id.tolist() == two.track_id.tolist()
        np.testing.assert_array_equal(one.product_row, two.product_row)
    first.reset()
    assert second.timings and not first.timings


def test_carried_frames_are_marked_in_the_files(bundle: Bundle, catalog: Catalog, tmp_path: Path) -> None:
    import json

    from matcher.sinks.jsonl import JsonlSink

    pipeline = Pipeline(catalog=catalog, bundle=bundle)
    run(
        walk(6),
        [JsonlSink(tmp_path / "f", pipeline.products)],
        pipeline,
        schedule=Schedule(EngineConfig(detect_every=2)),
    )
    lines = [json.loads(line) for line in (tmp_path / "f").read_text().splitlines()]
    assert [line["detected"] for line in lines] == [True, False] * 3
    assert all(len(line["garments"]) == 3 for line in lines)
