"""The stage that averages looks over a track, and what the pipeline and frames.jsonl make of it."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from matcher.attributes.describe import LOOK, Attributes
from matcher.attributes.detected import DetectorWords
from matcher.attributes.of_garment import attributes_of
from matcher.attributes.palette import SHOWN
from matcher.bundle import Bundle
from matcher.config import DetectConfig, PipelineConfig
from matcher.errors import StageError
from matcher.pipeline import Pipeline
from matcher.sinks.cutouts import words_of
from matcher.sinks.jsonl import frame_record
from matcher.stages.look import VIEWS, Look, having, keywords_of
from matcher.taxonomy import TYPE_IDS, TYPES
from matcher.types import Frame, Garments
from tests.toy_bundle import paint


def frame(number: int, colour: str) -> Frame:
    image = np.full((200, 200, 3), 200, np.uint8)
    image[40:160, 40:160] = SHOWN[colour]
    return Frame(image, number, Fraction(1, 10), "clip", number)


def garments(due: bool, quality: float = 0.5, track: int = 7) -> Garments:
    probs = np.zeros((1, len(TYPES)), np.float32)
    probs[0, TYPE_IDS["tops"]] = 1
    columns = {"track_id": [track], "quality": [quality], "due": [due], "shot": [1], "type_probs": probs}
    mask = np.full((1, 28, 28), float(due), np.float32)  # rows that are not due have none
    return Garments(np.array([[40, 40, 160, 160]], np.float32), **columns, mask=mask)


def colours(found: Garments) -> tuple[str, ...]:
    return Attributes.of(found.look[0]).colours


def test_a_track_keeps_its_look_between_views() -> None:
    stage = Look()
    assert colours(stage(frame(0, "red"), garments(True))) == ("red",)
    assert colours(stage(frame(1, "red"), garments(False))) == ("red",)
    assert colours(stage(frame(2, "blue"), garments(True, track=8))) == ("blue",)


def test_better_views_count_more() -> None:
    stage = Look()
    stage(frame(0, "red"), garments(True, quality=0.9))
    found = stage(frame(1, "blue"), garments(True, quality=0.1))
    assert colours(found) == ("red",)
    assert found.look.shape == (1, LOOK)


def test_the_detector_s_attributes_are_averaged_too() -> None:
    words, stage = DetectorWords(("v-neck", "high waist", "a-line")), Look(attributes=3)

    def seen(number: int, chances: list[float], quality: float, due: bool = True) -> Garments:
        one = garments(due, quality).with_columns(attributes=[chances]).with_words(words)
        return stage(frame(number, "red"), one)

    assert attributes_of(seen(0, [0.6, 0.9, 0.0], 0.5)).details == ("high waist", "v-neck")
    assert attributes_of(seen(1, [0.0, 0.9, 0.0], 0.5)).details == ("high waist",)
    later = seen(2, [1.0, 0.0, 1.0], 0.5, due=False)
    assert attributes_of(later).details == ("high waist",) and later.attributes[0, 0] == pytest.approx(0.3)
    assert keywords_of(later)[:2] == ["tops", "red"] and keywords_of(later)[-1] == "high waist"
    assert words_of(later) == keywords_of(later), "which the web app shows"
    assert having(later, ["HIGH waist"]).words == words and not len(having(later, ["v-neck"]))


def test_without_masks_the_attributes_are_averaged_alone() -> None:
    one = Garments([[40, 40, 160, 160]], track_id=[7], quality=[0.5], due=[True], type_probs=np.eye(1, len(TYPES)))
    found = Look(attributes=1)(
        frame(0, "red"), one.with_columns(attributes=[[0.8]]).with_words(DetectorWords(("bow",)))
    )
    assert not found.has("look") and attributes_of(found).details == ("bow",)


def test_only_a_few_views_are_measured_and_a_lost_track_is_forgotten() -> None:
    stage = Look(expire_s=1)
    for number in range(VIEWS):
        stage(frame(number, "red"), garments(True))
    assert colours(stage(frame(VIEWS, "blue"), garments(True, quality=1e6))) == ("red",)
    assert colours(stage(frame(VIEWS + 20, "blue"), garments(False, track=9))) == ()
    assert colours(stage(frame(VIEWS + 21, "blue"), garments(False))) == ()


def test_the_pipeline_says_it_and_can_be_told_not_to(bundle: Bundle) -> None:
    picture = paint((640, 360), {"tops": (100, 50, 200, 150)})
    moment = Frame(picture, 0, Fraction(1, 25))
    colour = Attributes.of(Pipeline(bundle=bundle).image(picture).look[0]).colours
    for pipeline in (Pipeline(bundle=bundle), Pipeline(PipelineConfig(attributes=False), bundle=bundle)):
        record = frame_record(moment, pipeline(moment))["garments"][0]
        if pipeline.config.attributes:
            assert tuple(record["colours"]) == colour and colour
            assert record["keywords"][0] == "tops"
        else:
            assert "colours" not in record
    without_masks = Pipeline(PipelineConfig(detect=DetectConfig(masks=False)), bundle=bundle)
    assert not without_masks(moment).has("look")
    with pytest.raises(StageError, match="masks on"):
        without_masks(moment).look  # noqa: B018
