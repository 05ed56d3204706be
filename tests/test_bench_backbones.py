"""The comparison of backbones from end to end, on drawn photos and networks in little."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import pytest
from typer.testing import CliRunner

from benchmarks import backbones as bench_module
from benchmarks.backbones import IMAGENET, RANDOM, backbones, budgeted
from benchmarks.cli import bench
from benchmarks.recipes import Budget
from tests.toy_bundle import paint
from tests.training.test_match_rcnn import small
from training.cli_eval import app as evaluate
from training.datasets.annotated import open_index
from training.match_rcnn.config import IMAGENET_STD
from training.match_rcnn.data import ExamplesConfig

TOP = (20, 15, 70, 60)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Twelve photos of a top, of which numbers 1 and 11 are kept for validation."""
    photos = tmp_path / "data" / "ccp" / "photos"
    photos.mkdir(parents=True)
    images, rows = [], []
    for number in range(1, 13):
        cv2.imwrite(str(photos / f"{number:04}.jpg"), paint((96, 80), {"tops": TOP}))
        images.append({"id": number, "file_name": f"{number:04}.jpg", "width": 96, "height": 80})
        x0, y0, x1, y1 = TOP
        outline = [[x0, y0, x1, y0, x1, y1, x0, y1]]
        box = {"bbox": [x0, y0, x1 - x0, y1 - y0], "area": (x1 - x0) * (y1 - y0), "segmentation": outline}
        rows.append({"id": number, "image_id": number, "category_id": 1, "iscrowd": 0, **box})
    truth: dict[str, Any] = {"images": images, "annotations": rows, "categories": [{"id": 1, "name": "tops"}]}
    (photos.parent / "instances.json").write_text(json.dumps(truth))
    return tmp_path / "data"


def test_each_backbone_is_trained_once_and_measured_on_photos_kept_back(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def little(*args: Any) -> Any:
        config = budgeted(*args)
        return replace(config, model=small(config.model))

    monkeypatch.setattr(bench_module, "budgeted", little)
    arguments = data, tmp_path / "cache", tmp_path / "runs", Budget(2, 2, 1), 64, Path("unused.npz")
    entrants = [("r50_fpn", RANDOM), ("mobilenetv2_fpn", RANDOM)]
    first = backbones(*arguments, entrants=entrants)
    with monkeypatch.context() as patch:
        patch.setattr(bench_module, "measure_photos", lambda *_: pytest.fail("measured twice"))
        second = backbones(*arguments, entrants=entrants)
    assert [row["name"] for row in first.rows] == ["r50_fpn", "mobilenetv2_fpn"] and "2 photos" in first.text
    assert all(row["seconds"] > 0 and row["loss"] > 0 and row["frame_ms"] > 0 for row in first.rows)
    untimed = [[{**row, "frame_ms": 0} for row in made.rows] for made in (first, second)]
    assert untimed[0] == untimed[1], "finished runs are neither trained nor measured again"
    assert all(0 <= row["box_ap"] <= 1 for row in first.rows)
    photos = ["--images", str(data / "ccp" / "photos"), "--annotations", str(data / "ccp" / "instances.json")]
    checkpoint = ["--checkpoint", str(tmp_path / "runs" / "r50_fpn-random" / "last.pt"), "--sides", "64", "128"]
    result = CliRunner().invoke(evaluate, ["detector", *photos, *checkpoint, "--json", str(tmp_path / "ap.json")])
    assert result.exit_code == 0, result.output
    assert json.loads((tmp_path / "ap.json").read_text())["photos"] == 12
    index = open_index("coco", tmp_path / "cache" / "street-training", "train", tmp_path / "cache", 0)
    assert len(index) == 10, "photos for validation are not trained on"


def test_only_a_trunk_with_weights_starts_from_them() -> None:
    examples, weights = ExamplesConfig("coco", Path("x"), Path("y")), Path("weights.npz")
    tuned = budgeted("mobilenetv2_fpn", True, examples, Budget(100, 4), weights)
    assert tuned.start == "weights.npz" and tuned.model.rgb and tuned.model.std == IMAGENET_STD
    plain = budgeted("r50_c4", False, examples, Budget(100, 4), weights)
    assert plain.start == "" and plain.model.frozen_stages == 0 and plain.loop.milestones == (75, 90)
    assert (plain.batch, plain.loop.steps) == (4, 100) == (tuned.batch, tuned.loop.steps)


def test_unknown_backbones_are_named() -> None:
    result = CliRunner().invoke(bench, ["backbones", "--only", "vgg"])
    assert result.exit_code != 0 and f"mobilenetv2_fpn-{IMAGENET}" in str(result.exception)
