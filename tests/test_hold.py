"""What was exact stays shown for a moment without a box, where it should be now, and no longer than that."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from matcher.bundle import Bundle
from matcher.catalog.catalog import Catalog
from matcher.config import EngineConfig, PipelineConfig, SettleConfig
from matcher.engine.schedule import Schedule
from matcher.errors import ConfigError
from matcher.pipeline import Pipeline, run
from matcher.sightings import SightingLog
from matcher.sinks.jsonl import JsonlSink, frame_record
from matcher.stages.hold import Hold
from matcher.taxonomy import TYPE_IDS, TYPES
from matcher.types import EXACT, NONE, SIMILAR, Frame, Garments
from tests.toy_bundle import paint

IMAGE = np.zeros((100, 200, 3), np.uint8)
BOX = (20, 10, 60, 50)


def frame(time: float) -> Frame:
    return Frame(IMAGE, round(time * 1000), Fraction(1, 1000))


def garment(
    track: int = 1, tier: int = EXACT, box: tuple[float, ...] = BOX, kind: str = "tops", shot: int = 1
) -> Garments:
    return Garments(
        np.array([box]),
        np.array([0.8]),
        type_probs=np.eye(len(TYPES))[[TYPE_IDS[kind]]],
        track_id=[track],
        quality=[0.6],
        due=[True],
        shot=[shot],
        embedding=np.ones((1, 4)) / 2,
        product_row=np.array([[7, 8]]),
        match_score=np.array([[0.9, 0.5]]),
        searched=[5],
        tier=[tier],
    ).of_shot(shot)


def nothing(shot: int = 1) -> Garments:
    return garment()[:0].of_shot(shot)


def right(boxes: np.ndarray) -> np.ndarray:
    return boxes + np.array([5, 0, 5, 0], np.float32)


def test_an_exact_product_stays_where_it_went_and_for_a_moment_only() -> None:
    hold = Hold(0.2)
    assert not hold(frame(0), garment(), right).held.any()
    for i in (1, 2):
        held = hold(frame(i / 10), nothing(), right)
        assert held.held.tolist() == [True] and held.tier.tolist() == [EXACT] and held.product_row.tolist() == [[7, 8]]
        np.testing.assert_allclose(held.xyxy, [[20 + 5 * i, 10, 60 + 5 * i, 50]])
        assert not held.due.any() and not held.embedding.any() and held.quality.tolist() == [0] and not len(held.seen)
    assert not len(hold(frame(0.3), nothing(), right)), "too long"
    assert not len(hold(frame(0.31), nothing(), right)), "and what is gone does not come back"


def test_a_track_that_comes_back_is_seen_again() -> None:
    hold = Hold(0.5)
    hold(frame(0), garment(), right)
    hold(frame(0.1), nothing(), right)
    back = hold(frame(0.2), garment(), right)
    assert len(back) == 1 and not back.held.any()
    assert hold(frame(0.6), nothing(), right).held.tolist() == [True], "it counts from when it was seen last"


@pytest.mark.parametrize("tier", [NONE, SIMILAR])
def test_what_was_not_exact_goes_with_its_box(tier: int) -> None:
    hold = Hold(0.5)
    hold(frame(0), garment(tier=tier), right)
    assert not len(hold(frame(0.1), nothing(), right))


def test_nothing_is_held_across_a_cut_or_back_in_time() -> None:
    for later, shot in ((0.1, 2), (-1.0, 1)):
        hold = Hold(0.5)
        hold(frame(0), garment(), right)
        assert not len(hold(frame(later), nothing(shot), right))
    hold(frame(0), garment(), right)
    hold.finish()
    assert not len(hold(frame(0.1), nothing(), right))


def test_a_garment_gives_way_to_one_that_is_seen_in_its_place_and_leaves_with_the_picture() -> None:
    for kind, box, kept in (("tops", BOX, 0), ("bags", BOX, 1), ("tops", (100, 10, 140, 50), 1)):
        hold = Hold(0.5)
        hold(frame(0), garment(), lambda boxes: boxes)
        both = hold(frame(0.1), garment(2, box=box, kind=kind), lambda boxes: boxes)
        assert both.track_id.tolist() == [2, 1][: 1 + kept] and both.held.tolist() == [False, True][: 1 + kept]
    hold = Hold(0.5)
    hold(frame(0), garment(), right)
    assert not len(hold(frame(0.1), nothing(), lambda boxes: boxes + np.float32(175)))


def test_it_can_be_switched_off() -> None:
    hold = Hold(0)
    assert not hold(frame(0), garment(), right).has("held")
    assert not len(hold(frame(0.1), nothing(), right))
    with pytest.raises(ConfigError, match="hold_s"):
        SettleConfig(hold_s=-1)


def walk(without: Collection[int]) -> Iterator[Frame]:
    """Somebody in a top walks right; in some frames the top is hidden."""
    for i in range(16):
        worn = {"pants": (100 + 4 * i, 160, 200 + 4 * i, 300)}
        if i not in without:
            worn["tops"] = (100 + 4 * i, 50, 200 + 4 * i, 150)
        yield Frame(paint((640, 360), worn), i, Fraction(1, 25), index=i)


@pytest.mark.parametrize("every", [1, 2])
def test_the_pipeline_holds_and_says_so_in_its_file(
    tmp_path: Path, bundle: Bundle, catalog: Catalog, every: int
) -> None:
    hidden = range(6, 10)
    lines = {}
    for hold_s in (0.5, 0.0):
        pipeline = Pipeline(PipelineConfig(settle=SettleConfig(hold_s=hold_s)), catalog, bundle)
        path = tmp_path / f"{hold_s}.jsonl"
        run(walk(hidden), [JsonlSink(path)], pipeline, schedule=Schedule(EngineConfig(detect_every=every)))
        lines[hold_s] = [json.loads(line) for line in path.read_text().splitlines()]
    for i, (with_, without) in enumerate(zip(lines[0.5], lines[0.0], strict=True)):
        shown = {row["products"][0]["id"]: row for row in with_["garments"]}
        assert set(shown) == {"p-tops", "p-pants"} and "held" not in shown["p-pants"]
        found = {row["products"][0]["id"] for row in without["garments"]}
        assert ("held" in shown["p-tops"]) == ("p-tops" not in found) and shown["p-tops"]["tier"] == "exact"
        if i in hidden and "held" in shown["p-tops"]:
            assert shown["p-tops"]["held"] is True and shown["p-tops"]["quality"] == 0
    assert sum("p-tops" not in {r["products"][0]["id"] for r in line["garments"]} for line in lines[0.0]) >= 3


def test_times_on_screen_do_not_count_what_is_held() -> None:
    hold, log = Hold(0.5), SightingLog(products=lambda row: None)
    assert frame_record(frame(0), hold(frame(0), garment(), right))["garments"][0].get("held") is None
    held = hold(frame(0.1), nothing(), right)
    assert frame_record(frame(0.1), held)["garments"][0]["held"] is True
    log.add(frame(0.1), held)
    assert log.finish() == []
