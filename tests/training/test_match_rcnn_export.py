"""A Match R-CNN in a bundle: its ONNX files say what torch says, and the matcher runs them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from matcher.bundle import Bundle
from matcher.errors import ConfigError
from matcher.stages.detect import Detector
from tests.training.exported import WORDS
from tests.training.published import photo
from tests.training.test_match_rcnn import small
from training.match_rcnn.config import ModelConfig, neck_defaults
from training.match_rcnn.export import BOXES, DetectGraph, MaskGraph, export_model
from training.match_rcnn.model import MatchRCNN


@pytest.fixture
def model(match_rcnn: MatchRCNN) -> MatchRCNN:
    return match_rcnn


@pytest.fixture
def folder(match_rcnn_folder: Path) -> Path:
    return match_rcnn_folder


@torch.no_grad()
def test_the_files_say_what_torch_says_at_any_size(model: MatchRCNN, folder: Path) -> None:
    detector, masks = (onnxruntime.InferenceSession(str(folder / f)) for f in ("detector.onnx", "masks.onnx"))
    for height, width in ((96, 128), (160, 96), (64, 64)):
        image = np.random.default_rng(height).integers(0, 256, (1, height, width, 3), np.uint8)
        names = [output.name for output in detector.get_outputs()]
        found = dict(zip(names, detector.run(None, {"image": image}), strict=True))
        wanted = dict(zip(names, DetectGraph(model)(torch.from_numpy(image)), strict=True))
        assert 3 < len(found["boxes"]) <= BOXES and found["scores"].shape[1] == 11
        assert found["attributes"].shape == (len(found["boxes"]), len(WORDS))
        assert np.ptp(found["attributes"], 0).max() > 0.02
        for name in names:
            near = 5e-3 if name == "attributes" else 2e-3  # their weights are large
            np.testing.assert_allclose(found[name], wanted[name].numpy(), rtol=1e-3, atol=near, err_msg=name)
        inputs = {name: found[name] for name in ("p2", "p3", "p4", "p5")}
        inputs |= {"boxes": found["boxes"][:4], "labels": np.array([0, 3, 10, 10])}
        (made,) = masks.run(None, inputs)
        same = MaskGraph(model)(*map(torch.from_numpy, inputs.values())).numpy()
        np.testing.assert_allclose(made, same, atol=1e-3)
        assert made.shape == (4, 8, 8) and made.std() > 0.01


@torch.no_grad()
def test_the_best_boxes_are_among_those_of_the_model(model: MatchRCNN) -> None:
    image = torch.from_numpy(np.random.default_rng(5).integers(0, 256, (1, 128, 128, 3), np.uint8))
    wide = MatchRCNN(replace(model.config, before_nms=(9999, 9999), proposals=(9999, 300), nms_iou=0.8)).eval()
    wide.load_state_dict(model.state_dict())
    found = wide(image)[0]
    boxes, scores, *_ = DetectGraph(wide)(image)
    best = int(scores.max(1).values.argmax())
    near = (found.boxes - boxes[best]).abs().max(1).values < 1e-2
    assert near.any() and int(scores[best].argmax()) in found.labels[near].tolist()


def test_the_matcher_runs_a_bundle_with_a_map_more(folder: Path) -> None:
    found = Detector(Bundle.open(folder)).candidates(photo(1), 0.05)
    assert len(found) and found.mask.shape[1:] == (8, 8)
    assert (found.xyxy >= 0).all() and (found.xyxy[:, 2] <= 64).all() and (found.xyxy[:, 3] <= 96).all()


def test_what_does_not_go_into_a_bundle_is_told(model: MatchRCNN, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match='data.labels = "types"'):
        export_model(MatchRCNN(replace(model.config, names=("a", "b"))), tmp_path)
    with pytest.raises(ConfigError, match="not r50_c4"):
        export_model(MatchRCNN(small(ModelConfig(backbone="r50_c4", **neck_defaults("c4")))), tmp_path)
    with pytest.raises(ConfigError, match="pyramid and masks"):
        export_model(MatchRCNN(replace(model.config, masks=False)), tmp_path)
