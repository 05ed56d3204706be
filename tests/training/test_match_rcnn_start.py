"""Match R-CNN from random weights, and checkpoints in the place of a bundle's detector."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from matcher.errors import ConfigError
from tests.training.test_match_rcnn import SMALL
from training.match_rcnn.batches import Batch
from training.match_rcnn.candidates import CheckpointDetector
from training.match_rcnn.config import ModelConfig, neck_defaults
from training.match_rcnn.model import MatchRCNN
from training.match_rcnn.norms import measure_norms
from training.match_rcnn.targets import Truth
from training.match_rcnn.trunks import FrozenNorm


@pytest.fixture
def batch() -> Batch:
    rng = np.random.default_rng(1)
    boxes = torch.tensor([[4.0, 4, 40, 50], [20, 8, 60, 60]])
    masks = torch.ones(2, 64, 64, dtype=torch.uint8)
    empty = torch.zeros(2, 0, 3)
    truth = Truth(boxes, torch.tensor([1, 5]), masks, empty, torch.zeros(2, 0), torch.tensor([-1, -1]), street=True)
    images = torch.from_numpy(rng.integers(0, 256, (2, 64, 64, 3), np.uint8))
    return Batch(images, [truth, truth], [(64, 64), (64, 64)])


@pytest.mark.parametrize("backbone", ["r50_fpn", "r50_c4"])
def test_every_norm_gives_mean_0_and_variance_1_on_its_batch(backbone: str, batch: Batch) -> None:
    torch.manual_seed(1)
    model = MatchRCNN(ModelConfig(backbone=backbone, **{**SMALL, **neck_defaults(backbone[4:])})).train()
    count = measure_norms(model, batch)
    assert count == sum(isinstance(m, FrozenNorm) for m in model.modules()) > 10
    seen: list[torch.Tensor] = []
    for norm in [m for m in model.backbone.modules() if isinstance(m, FrozenNorm)]:
        norm.register_forward_hook(lambda module, inputs, output: seen.append(output.detach().clone()))
    model.maps(batch.images)
    for output in seen:
        assert output.mean((0, 2, 3)).abs().max() < 1e-3
        # Channels that are the same everywhere stay so.
        spread = output.var((0, 2, 3), unbiased=False)
        assert ((spread - 1).abs() < 0.02).float().mean() > 0.9 and spread.max() < 1.05


def test_a_deep_network_keeps_its_scale_only_with_measured_norms(batch: Batch) -> None:
    torch.manual_seed(1)
    narrow = {**SMALL, "blocks": (3, 4, 23, 3)}
    model = MatchRCNN(ModelConfig(backbone="r101_fpn", **narrow)).train()
    before = max(float(m.detach().abs().max()) for m in model.backbone.trunk(model.backbone.normalise(batch.images)))
    measure_norms(model, batch)
    after = max(float(m.detach().abs().max()) for m in model.backbone.trunk(model.backbone.normalise(batch.images)))
    assert before > 1e5 and after < 1e3
    assert torch.isfinite(sum(model(batch.images, batch.truths, batch.sizes).values()))


def test_boxes_of_a_checkpoint_are_in_pixels_of_the_picture() -> None:
    torch.manual_seed(3)
    model = MatchRCNN(ModelConfig(backbone="r50_fpn", **SMALL, score_threshold=0.01)).eval()
    image = np.random.default_rng(2).integers(0, 256, (64, 96, 3), np.uint8)
    detector = CheckpointDetector(model, 64, 128)
    plain = detector.candidates(image, 0.0)
    twice = detector.candidates(image.repeat(2, 0).repeat(2, 1), 0.0)
    own = model(torch.from_numpy(image)[None])[0]
    assert len(plain) == len(own.boxes) > 0 and plain.mask.shape[0] == len(plain)
    np.testing.assert_allclose(plain.xyxy, own.boxes.numpy(), rtol=1e-5)
    np.testing.assert_allclose(twice.xyxy, 2 * plain.xyxy, rtol=1e-4)
    np.testing.assert_array_equal(plain.type_probs.argmax(1), own.labels.numpy())
    least = float(np.median(plain.score))
    assert (detector.candidates(image, least).score > least).all()


def test_a_checkpoint_of_other_classes_is_refused() -> None:
    with pytest.raises(ConfigError, match='data.labels = "types"'):
        CheckpointDetector(MatchRCNN(ModelConfig(**SMALL, names=("a", "b"))))
