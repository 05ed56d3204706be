"""The box head trained alone: it learns, nothing else moves, and it begins as it was."""

from __future__ import annotations

from dataclasses import replace
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision.ops import box_iou

from matcher.errors import ConfigError
from training.checkpoint import load_checkpoint, save_checkpoint
from training.data.records import Sample
from training.detector.box_head import Head, train, widened
from training.detector.box_head_config import BoxHeadConfig
from training.detector.config import DetectorConfig, ModelConfig
from training.detector.export import load_model
from training.detector.heads import BOX_CODER, BoxHead, BoxPredictor
from training.detector.inference import DetectGraph, decode
from training.detector.model import MatchRCNN
from training.detector.pooled import boxes_of, open_pooled
from training.loop import LoopConfig, TrainingError
from training.mixing import mix
from training.settings import load_settings, to_table
from training.smoke import limited

from .detector_toys import PANTS, TOP, picture, toy_data

SMALL = ModelConfig(width=16, box_width=32, mask_width=16, mask_convolutions=1)


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of a detector that has learnt nothing."""
    torch.manual_seed(0)
    model = MatchRCNN(SMALL)
    for module in model.trunk.modules():  # the default initialisation lets signals fade over so many layers
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(module.weight)
    path = tmp_path_factory.mktemp("start") / "last.pt"
    weights = {name: p.detach() for name, p in model.named_parameters()}
    save_checkpoint(path, {"config": to_table(DetectorConfig(model=SMALL)), "average": weights})
    return path


@pytest.fixture
def config(tmp_path: Path, start: Path) -> BoxHeadConfig:
    run = BoxHeadConfig(start=str(start), cache=tmp_path / "pooled", composed=12, processes=1, width=48)
    return replace(run, batch=64, data=toy_data(tmp_path), loop=LoopConfig(steps=84, rate=3e-3, warmup=2, log_steps=5))


def head_of(width: int) -> Head:
    torch.manual_seed(1)
    head = Head(BoxHead(4, 3, width), BoxPredictor(width, 12))
    torch.nn.init.normal_(head.predictor.score.weight)
    return head


def test_a_wider_head_says_the_same_at_first_and_its_new_units_can_learn() -> None:
    narrow, maps = head_of(8), torch.randn(5, 36)
    wide = widened(narrow, 20)
    for given, wanted in zip(wide(maps), narrow(maps), strict=True):
        torch.testing.assert_close(given, wanted)
    wide(maps)[0].square().sum().backward()
    assert wide.predictor.score.weight.grad[:, 8:].abs().sum() > 0
    assert widened(narrow, 8) is narrow
    with pytest.raises(TrainingError, match="8 units; width = 4"):
        widened(narrow, 4)


def test_boxes_have_the_garment_that_they_overlap_and_the_way_to_it(start: Path) -> None:
    one = picture(0)
    boxes = np.array([[15, 10, 50, 45], [20, 45, 45, 90]], np.float32)
    sample = Sample(one.image, one.ids, boxes, np.array([TOP, PANTS]), np.array([1, 2], np.uint8))
    graph = DetectGraph(load_model(start)).eval()
    with torch.inference_mode():
        pooled = boxes_of(graph, sample, 7, np.random.default_rng(0))
        levels = graph.model.levels(torch.from_numpy(sample.image)[None])
        found = graph.propose(levels, 96, 64)
    assert pooled.maps.shape == (len(pooled), 16 * 7 * 7) and pooled.maps.dtype == np.float16
    assert {1 + TOP, 1 + PANTS} <= set(pooled.labels.tolist()) <= {0, 1 + TOP, 1 + PANTS}
    assert (pooled.labels == 0).sum() <= 7 and not pooled.offsets[pooled.labels == 0].any()
    # A proposal of the network that overlaps a garment comes back with the offsets that lead to it.
    overlap = box_iou(found, torch.from_numpy(boxes))
    sure = torch.nonzero(overlap.max(1).values >= 0.5)[:, 0]
    offsets = torch.from_numpy(pooled.offsets[: len(sure)])
    led = decode(found[sure], offsets, BOX_CODER)
    torch.testing.assert_close(led, torch.from_numpy(boxes)[overlap.argmax(1)[sure]], atol=1e-3, rtol=1e-4)


def test_a_picture_without_garments_is_all_background(start: Path) -> None:
    one = picture(0)
    none = np.zeros((0, 4), np.float32)
    sample = Sample(one.image, np.zeros_like(one.ids), none, np.zeros(0, np.int64), np.zeros(0, np.uint8))
    with torch.inference_mode():
        pooled = boxes_of(DetectGraph(load_model(start)).eval(), sample, 9, np.random.default_rng(0))
    assert 0 < len(pooled) <= 9 and not pooled.labels.any()


def test_the_head_learns_and_nothing_else_moves(config: BoxHeadConfig, start: Path, tmp_path: Path) -> None:
    last = train(config, tmp_path / "run")
    before, after = load_model(start), load_model(last)
    assert after.config == replace(SMALL, box_width=48)
    for name, value in before.state_dict().items():
        if ".box_head." not in name and ".box_predictor." not in name:
            torch.testing.assert_close(after.state_dict()[name], value, rtol=0, atol=0)
    pooled = open_pooled(config, before, config.cache)

    def right(model: MatchRCNN) -> float:
        heads = model.roi_heads
        with torch.no_grad():
            logits, _ = Head(heads.box_head, heads.box_predictor)(torch.from_numpy(np.array(pooled.maps)).float())
        return float((logits.argmax(1).numpy() == pooled.labels).mean())

    assert right(after) > 0.9 > right(before)
    mixed = load_checkpoint(
        mix(last, str(train(replace(config, loop=LoopConfig(steps=0)), tmp_path / "start")), 0.5, tmp_path / "mean")
    )
    assert "roi_heads.box_head.first.weight" in mixed["average"]


def test_boxes_are_worked_out_once_for_the_same_pictures_and_weights(config: BoxHeadConfig, start: Path) -> None:
    model = load_model(start)
    first = open_pooled(config, model, config.cache)
    made = (config.cache / "labels.npy").stat().st_mtime_ns
    again = open_pooled(replace(config, loop=LoopConfig(steps=1)), model, config.cache)
    assert (config.cache / "labels.npy").stat().st_mtime_ns == made
    np.testing.assert_array_equal(first.maps, again.maps)
    with torch.no_grad():
        model.roi_heads.box_head.first.weight.add_(1)  # is not what looks at the pictures
        assert config.pooled_key(model) == config.pooled_key(load_model(start))
        model.pyramid.lateral[0].weight.add_(1)
    assert config.pooled_key(model) != config.pooled_key(load_model(start))
    assert len(open_pooled(replace(config, composed=6), load_model(start), config.cache)) < len(first)


def test_fewer_pictures_than_processes_and_fewer_boxes_than_a_batch_will_do(
    config: BoxHeadConfig, tmp_path: Path
) -> None:
    few = replace(config, composed=1, processes=2, batch=4096, loop=LoopConfig(steps=1, log_steps=1))
    assert load_model(train(few, tmp_path / "run")).config.box_width == 48
    assert len((tmp_path / "run" / "log.jsonl").read_text().splitlines()) == 1
    with pytest.raises(ConfigError, match="composed and processes must be 1 or more, not 0 and 1"):
        train(replace(config, composed=0), tmp_path / "none")


def test_a_finished_run_is_not_trained_again(config: BoxHeadConfig, tmp_path: Path) -> None:
    first = load_checkpoint(train(config, tmp_path / "run"))["average"]
    lines = (tmp_path / "run" / "log.jsonl").read_text()
    again = load_checkpoint(train(config, tmp_path / "run"))["average"]
    assert (tmp_path / "run" / "log.jsonl").read_text() == lines
    assert first.keys() == again.keys() and all(torch.equal(first[name], again[name]) for name in first)


def test_the_recipe_that_ships_can_be_read_and_tried_out() -> None:
    recipe = load_settings(BoxHeadConfig, Path(str(resources.files("configs") / "train_box_head.toml")))
    tried = limited(recipe, 20)
    assert recipe.start == "tiny" and tried.composed == 20 and tried.data.drawn_count == 20
