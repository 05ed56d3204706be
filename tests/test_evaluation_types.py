"""Type accuracy on hand-computed cases, and on pictures of the toy bundle's garments."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from matcher.errors import ConfigError, InputError
from matcher.stages.models import Runtime
from matcher.taxonomy import TYPE_IDS, TYPES
from tests.toy_bundle import make_bundle, paint
from training.evaluation.output import silent
from training.evaluation.type_views import VIEWS, type_view
from training.evaluation.types_eval import evaluate_types, list_pictures, rank


def probs(**shares: float) -> np.ndarray:
    vector = np.zeros(len(TYPES), np.float32)
    for name, share in shares.items():
        vector[TYPE_IDS[name]] = share
    return vector


def ids(*names: str) -> list[int]:
    return [TYPE_IDS[name] for name in names]


@pytest.mark.parametrize(
    ("given", "wanted", "candidates", "place"),
    [
        (probs(tops=0.6, pants=0.4), "tops", ids("tops", "pants"), 0),
        (probs(tops=0.6, pants=0.4), "pants", ids("tops", "pants"), 1),
        # outerwear is no candidate, so it is not in the way
        (probs(outerwear=0.6, tops=0.3, pants=0.1), "tops", ids("tops", "pants"), 0),
        # no folder of leggings: they count as pants
        (probs(tops=0.4, leggings=0.35, pants=0.25), "pants", ids("tops", "pants"), 0),
        # with such a folder they do not
        (probs(tops=0.4, leggings=0.35, pants=0.25), "pants", ids("tops", "pants", "leggings"), 2),
        # who says nothing is wrong
        (probs(), "tops", ids("tops", "pants"), 1),
    ],
)
def test_rank_among_candidates(given: np.ndarray, wanted: str, candidates: list[int], place: int) -> None:
    assert rank(given, TYPE_IDS[wanted], candidates) == place


def write_pictures(root: Path, folders: dict[str, list[np.ndarray]]) -> Path:
    for name, pictures in folders.items():
        (root / name).mkdir(parents=True)
        for i, picture in enumerate(pictures):
            cv2.imwrite(str(root / name / f"{i}.png"), picture)
    return root


def test_figures_of_a_classifier_that_sees_brightness_alone(tmp_path: Path) -> None:
    bright, dark = np.full((8, 8, 3), 200, np.uint8), np.full((8, 8, 3), 20, np.uint8)
    grey = np.full((8, 8, 3), 100, np.uint8)
    folders = {"t-shirt": [bright, bright], "jeans": [dark, bright], "Shorts": [dark], "skirt": [grey], "junk": [grey]}

    def by_brightness(image: np.ndarray) -> np.ndarray:
        light = image.mean() / 255
        return probs(tops=light, pants=1 - light, skirts=0.3)

    result = evaluate_types(by_brightness, write_pictures(tmp_path, folders), silent)
    # bright: tops .78 > skirts .3 > pants .22; dark: pants .92 > skirts > tops; grey: pants .61 > tops .39 > skirts .3
    assert result["photos"] == 6
    assert result["top1"] == round(4 / 6, 4)
    assert result["per_type"]["tops"] == {"photos": 2, "top1": 1.0, "top2": 1.0}
    assert result["per_type"]["pants"] == {"photos": 3, "top1": round(2 / 3, 4), "top2": round(2 / 3, 4)}
    assert result["per_type"]["skirts"] == {"photos": 1, "top1": 0.0, "top2": 0.0}
    assert set(result["per_type"]) == {"tops", "pants", "skirts"}


def test_folders_without_types_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no folder"):
        list_pictures(tmp_path / "none")
    (tmp_path / "junk").mkdir()
    with pytest.raises(InputError, match="folders named after types"):
        list_pictures(tmp_path)


@pytest.mark.parametrize("view", VIEWS)
def test_the_models_are_asked(tmp_path: Path, view: str) -> None:
    bundle = make_bundle(tmp_path / "bundle")
    folders = {name: [paint((96, 96), {name: (20, 20, 76, 76)})] for name in ("tops", "bags", "hats")}
    result = evaluate_types(
        type_view(view, bundle, Runtime(threads=1)), write_pictures(tmp_path / "p", folders), silent
    )
    assert (result["photos"], result["top1"]) == (3, 1.0)


@pytest.mark.parametrize(("view", "top1"), [("detector", 0.0), ("pipeline", 1.0)])
def test_without_a_box_the_detector_alone_misses(tmp_path: Path, view: str, top1: float) -> None:
    bundle = make_bundle(tmp_path / "bundle")
    # The toy detector takes a colour whose channels are all on or off; these are too dark for it, not for the other.
    dark = np.where(paint((96, 96), {"bags": (0, 0, 96, 96)}) > 0, np.uint8(210), np.uint8(70))
    other = paint((96, 96), {"hats": (0, 0, 96, 96)})
    pictures = write_pictures(tmp_path / "pictures", {"bags": [dark], "hats": [other]})
    result = evaluate_types(type_view(view, bundle, Runtime(threads=1)), pictures, silent)
    assert result["per_type"]["bags"]["top1"] == top1


def test_an_unknown_view_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="whole, pipeline, detector"):
        type_view("half", make_bundle(tmp_path), Runtime())
