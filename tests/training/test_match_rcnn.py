"""Match R-CNN in full size: its parts, its losses, and every recipe trained end to end on small data."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision.models import mobilenet_v2, resnet50, resnet101, resnext101_32x8d
from torchvision.models.detection import maskrcnn_resnet50_fpn

from matcher.errors import BackendError, ConfigError
from matcher.taxonomy import TYPES
from tests.training import published
from training.checkpoint import load_checkpoint
from training.match_rcnn.anchors import Anchors
from training.match_rcnn.batches import Batches
from training.match_rcnn.coder import BOX_WEIGHTS, clip, decode, encode
from training.match_rcnn.config import IMAGENET_STD, ModelConfig
from training.match_rcnn.data import Examples, ExamplesConfig
from training.match_rcnn.files import load_model
from training.match_rcnn.landmarks import find_landmarks, landmark_loss, to_cells
from training.match_rcnn.model import MatchRCNN
from training.match_rcnn.pool import level_of, pool
from training.match_rcnn.targets import IGNORED, NEGATIVE, POSITIVE, Truth, choose, mask_targets, match, sample
from training.match_rcnn.train import MatchRCNNConfig, ScheduleConfig, ScheduledLoop, complete, train
from training.settings import load_settings

RECIPES = sorted(
    path.name for path in (resources.files("configs")).iterdir() if path.name.startswith("train_match_rcnn")
)
# Parameters of Detectron2's own models of its zoo's configurations for COCO, counted in Detectron2.
KNOWN = {
    "r50_fpn": 44_343_216, "r101_fpn": 63_283_120, "x101_fpn": 107_427_760, "r50_c4": 35_909_612,
    "r50_dc5": 172_353_516,
}  # fmt: skip
# A network of the same kind in little: one block a stage, narrow heads, few boxes.
SMALL = {
    "blocks": (1, 1, 1, 1), "pyramid_width": 16, "box_width": 16, "mask_width": 8, "landmark_width": 8,
    "match_width": 8, "match_dimension": 8, "sampled_boxes": 8, "before_nms": (50, 20), "proposals": (12, 6),
    "box_cells": 3, "mask_cells": 4,
}  # fmt: skip


def small(config: ModelConfig) -> ModelConfig:
    # Random weights do not know the scale of pixels, as Caffe's do.
    changes = {**SMALL, "std": IMAGENET_STD}
    if config.neck == "c4":
        del changes["box_cells"]
    if config.net == "mobilenetv2":
        del changes["blocks"]
    return replace(config, **changes)


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("sets")
    (root / "deepfashion2").mkdir()
    (root / "fashionpedia").mkdir()
    return {
        "deepfashion2": published.deepfashion2(root / "deepfashion2"),
        "fashionpedia": published.fashionpedia(root / "fashionpedia"),
    }


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_trains_end_to_end_and_resumes_exactly(name: str, sets: dict[str, Path], tmp_path: Path) -> None:
    recipe = load_settings(MatchRCNNConfig, Path(str(resources.files("configs") / name)))
    data = replace(recipe.data, root=sets[recipe.data.set], cache=tmp_path / "cache", short_sides=(64,), max_side=96)
    # What the backbone settles is filled in before it is made small, as the recipe does it.
    model = small(complete(replace(recipe, data=data)).model)
    loop = replace(recipe.loop, steps=2, save_steps=1, warmup=1, milestones=(1,), log_steps=1)
    config = replace(recipe, start="", device="cpu", amp=False, batch=2, model=model, data=data, loop=loop)
    path = train(config, tmp_path / "whole")
    trained = load_model(path)
    assert trained.config.names == complete(config).model.names
    first = (tmp_path / "whole" / "log.jsonl").read_text().splitlines()[0]
    expected = {"objectness", "proposal_boxes", "classes", "boxes", "masks"}
    expected |= {"match"} if model.match else set()
    expected |= ({"landmarks"} if recipe.landmarks else set()) | ({"attributes"} if recipe.attributes else set())
    assert all(f'"{loss}"' in first for loss in expected)
    found = trained(torch.from_numpy(published.photo(3)[None]))[0]
    assert found.boxes.shape == (len(found.scores), 4) and found.masks is not None
    assert (found.landmarks is not None) == recipe.landmarks and (found.attributes is not None) == recipe.attributes
    # Stopped after the first step and gone on, the weights are the same.
    train(replace(config, loop=replace(loop, steps=1)), tmp_path / "halves")
    resumed = load_checkpoint(train(config, tmp_path / "halves"))["model"]
    for key, value in load_checkpoint(path)["model"].items():
        torch.testing.assert_close(resumed[key], value, msg=key)


def test_a_recipe_of_each_backbone_is_there_and_its_own_model_has_the_known_size() -> None:
    built = {}
    for name in RECIPES:
        config = complete(load_settings(MatchRCNNConfig, Path(str(resources.files("configs") / name)))).model
        with torch.device("meta"):
            names = tuple(f"class {i}" for i in range(80))
            built[config.backbone] = MatchRCNN(replace(config, match=False, landmark_counts=(), names=names))
    nets = {"r50": resnet50, "r101": resnet101, "x101": resnext101_32x8d, "mobilenetv2": mobilenet_v2}
    assert set(built) == {"r50_fpn", "r101_fpn", "x101_fpn", "r50_c4", "r50_dc5", "mobilenetv2_fpn"}
    for backbone, model in built.items():
        with torch.device("meta"):
            whole = nets[model.config.net]()
        convolutions = {k: v for k, v in whole.state_dict().items() if v.ndim == 4}
        wanted = sum(v.numel() for k, v in convolutions.items() if not k.startswith("features.18"))
        # Our MobileNetV2 widens its first block by a layer of 32 x 32 too, which there is none of in the paper.
        wanted += 32 * 32 if model.config.net == "mobilenetv2" else 0
        own = model.backbone.trunk.state_dict() | ({} if model.heads.res5 is None else model.heads.res5.state_dict())
        assert sum(v.numel() for v in own.values() if v.ndim == 4) == wanted, backbone
        if backbone in KNOWN:
            assert sum(p.numel() for p in model.parameters()) == KNOWN[backbone], backbone


def test_the_model_has_as_many_parameters_as_torchvisions_less_its_background_boxes() -> None:
    with torch.device("meta"):
        theirs = maskrcnn_resnet50_fpn(weights=None, weights_backbone=None, num_classes=81)
        ours = MatchRCNN(ModelConfig(names=tuple(f"class {i}" for i in range(80))))
    counts = [sum(p.numel() for p in m.parameters() if p.ndim != 1 or m is ours) for m in (theirs, ours)]
    biases = sum(
        p.numel() for n, p in theirs.named_parameters() if p.ndim == 1 and ".bn" not in n and "downsample" not in n
    )
    # torchvision refines boxes of the background and draws its mask; Detectron2 does not.
    assert counts[0] + biases - counts[1] == 4 * (1024 + 1) + 256 + 1


def test_encoding_and_decoding_are_inverse_and_growth_is_limited() -> None:
    boxes, targets = torch.tensor([[10.0, 10, 50, 90]]), torch.tensor([[14.0, 5, 60, 80]])
    torch.testing.assert_close(decode(boxes, encode(boxes, targets, BOX_WEIGHTS), BOX_WEIGHTS)[:, 0], targets)
    grown = decode(boxes, torch.tensor([[0.0, 0, 99, 99]]), BOX_WEIGHTS)[0, 0]
    torch.testing.assert_close((grown[2:] - grown[:2]) / torch.tensor([40.0, 80]), torch.full((2,), 62.5))
    assert clip(torch.tensor([[-5.0, -5, 500, 500]]), 40, 60).tolist() == [[0, 0, 60, 40]]


def test_anchors_are_not_rounded_and_start_at_the_corner() -> None:
    anchors = Anchors(((32.0,), (64.0,)), (0.5, 1.0, 2.0), (4, 8))
    first, second = anchors([torch.zeros(1, 1, 2, 3), torch.zeros(1, 1, 1, 1)])
    assert first.shape == (18, 4) and second.shape == (3, 4)
    sides = first[:, 2:] - first[:, :2]
    torch.testing.assert_close(sides.prod(1), torch.full((18,), 1024.0))
    torch.testing.assert_close(sides[:3, 1] / sides[:3, 0], torch.tensor([0.5, 1, 2]))
    centres = (first[::3, :2] + first[::3, 2:]) / 2
    assert centres.tolist() == [[0, 0], [4, 0], [8, 0], [0, 4], [4, 4], [8, 4]]


def test_boxes_are_pooled_from_the_level_of_their_size_in_their_order() -> None:
    boxes = torch.tensor([[0.0, 0, 900, 900], [0, 0, 20, 20], [0, 0, 224, 224], [0, 0, 223, 223], [0, 0, 0, 0]])
    assert level_of(boxes, 2, 4).tolist() == [3, 0, 2, 1, 0]
    maps = [torch.full((1, 1, 1024 // s, 1024 // s), float(s)) for s in (4, 8, 16, 32)]
    pooled = pool(maps, (4, 8, 16, 32), torch.cat([torch.zeros(5, 1), boxes], 1), 7, 0)
    assert pooled[:4].mean((1, 2, 3)).tolist() == [32, 4, 16, 8]


def test_matching_takes_the_best_anchor_of_a_garment_however_little_it_overlaps() -> None:
    truth = torch.tensor([[0.0, 0, 10, 10], [40, 40, 50, 50]])
    boxes = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 20], [0, 0, 30, 30], [40, 40, 46, 44], [90, 90, 95, 95]])
    rows, labels = match(truth, boxes, 0.3, 0.7, keep_best=True)
    assert labels.tolist() == [POSITIVE, IGNORED, NEGATIVE, POSITIVE, NEGATIVE] and rows[3] == 1
    assert match(truth, boxes, 0.5, 0.5)[1].tolist() == [POSITIVE, POSITIVE, NEGATIVE, NEGATIVE, NEGATIVE]
    assert match(truth[:0], boxes, 0.3, 0.7)[1].tolist() == [NEGATIVE] * 5


def test_samples_hold_the_asked_share_and_fill_up_with_negatives() -> None:
    positive = torch.arange(100) < 60
    first, second = sample(positive, ~positive, 40, 0.25)
    assert len(first) == 10 and len(second) == 30 and positive[first].all() and not positive[second].any()
    first, second = sample(positive[:62], ~positive[:62], 400, 0.5)
    assert len(first) == 60 and len(second) == 2


def truth_of(count: int = 1) -> Truth:
    masks = torch.zeros(count, 64, 64, dtype=torch.uint8)
    masks[:, 10:40, 10:25] = 1
    boxes = torch.tensor([[10.0, 10, 40, 40]]).repeat(count, 1)
    points = torch.zeros(count, 0, 3)
    return Truth(boxes, torch.full((count,), 2), masks, points, torch.zeros(count, 0), torch.full((count,), -1))


def test_true_boxes_are_among_those_that_the_heads_learn_from() -> None:
    chosen = choose(torch.tensor([[10.0, 10, 40, 38], [0, 0, 5, 5]]), truth_of(), 11, 8, 0.5)
    assert chosen.positive == 2 and chosen.labels.tolist() == [2, 2, 11]
    target = mask_targets(truth_of().masks, torch.tensor([0]), torch.tensor([[10.0, 10, 40, 40]]), 4)
    assert target[0].tolist() == [[1, 1, 0, 0]] * 4


def test_pictures_without_garments_can_be_learned_from() -> None:
    torch.manual_seed(0)
    config = small(ModelConfig(match=True, attributes=2, landmark_counts=(3,) * len(TYPES)))
    model = MatchRCNN(config).train()
    empty = truth_of(0)._replace(landmarks=torch.zeros(0, 3, 3), attributes=torch.zeros(0, 2))
    losses = model(torch.zeros(2, 64, 64, 3, dtype=torch.uint8), [empty, empty])
    sum(losses.values()).backward()
    assert all(torch.isfinite(value) for value in losses.values())
    assert losses["masks"] == losses["boxes"] == losses["match"] == losses["landmarks"] == losses["attributes"] == 0


def test_training_lowers_the_loss_on_one_batch(sets: dict[str, Path], tmp_path: Path) -> None:
    data = ExamplesConfig(root=sets["deepfashion2"], cache=tmp_path, labels="categories", short_sides=(64,), flip=False)
    recipe = complete(MatchRCNNConfig(landmarks=True, data=data, model=ModelConfig(match=True)))
    torch.manual_seed(0)
    model = MatchRCNN(replace(small(recipe.model), frozen_stages=0)).train()
    batch = Batches(Examples(data, max(recipe.model.landmark_counts), True), 4, 1, recipe.model.mean)(0)
    assert batch.truths[0].street != batch.truths[1].street
    assert set(batch.truths[0].products.tolist()) & set(batch.truths[1].products.tolist()) - {-1}
    optimiser = torch.optim.AdamW(model.parameters(), 3e-3)
    losses = []
    for step in range(25):
        torch.manual_seed(step)
        parts = model(*batch)
        optimiser.zero_grad()
        sum(parts.values()).backward()
        optimiser.step()
        losses.append({name: float(value.detach()) for name, value in parts.items()})
    for name in ("classes", "landmarks", "match", "masks"):
        assert np.mean([row[name] for row in losses[-3:]]) < 0.9 * np.mean([row[name] for row in losses[:3]]), name


def test_scaled_and_mirrored_truth_stays_on_the_garment(sets: dict[str, Path], tmp_path: Path) -> None:
    data = ExamplesConfig(root=sets["deepfashion2"], cache=tmp_path, short_sides=(128,))
    examples, seen = Examples(data), set()
    for seed in range(8):
        image, truth = examples.make(0, np.random.default_rng(seed))
        assert image.shape == (192, 128, 3) and truth.labels.tolist() == [TYPES.index("tops"), TYPES.index("pants")]
        for box, mask in zip(truth.boxes.tolist(), truth.masks.numpy(), strict=True):
            xs, ys = np.flatnonzero(mask.any(0)), np.flatnonzero(mask.any(1))
            np.testing.assert_allclose(box, [xs[0], ys[0], xs[-1] + 1, ys[-1] + 1], atol=3)
            colour = image[mask > 0].astype(float)
            assert np.median(np.abs(colour - np.median(colour, 0))) < 8  # one block of colour
        seen.add(tuple(truth.boxes[0].tolist()))
    assert len(seen) == 2


def test_landmarks_are_found_where_their_map_is_highest() -> None:
    counts, boxes = (2, 3), torch.tensor([[0.0, 0, 56, 112], [10, 10, 66, 66]])
    points = torch.tensor([[[14.5, 57, 2], [0, 0, 0], [0, 0, 0]], [[10, 10, 1], [66, 66, 2], [90, 20, 2.0]]])
    cells, valid = to_cells(points, boxes, 56)
    assert valid.tolist() == [[True, False, False], [True, True, False]]
    assert cells[valid].tolist() == [28 * 56 + 14, 0, 56 * 56 - 1]
    maps, labels = torch.zeros(2, 5, 56, 56), torch.tensor([0, 1])
    plain = landmark_loss(maps, points, labels, boxes, counts)
    torch.testing.assert_close(plain, torch.tensor(2 * np.log(56.0), dtype=torch.float32))
    maps[0, 0, 28, 14] = maps[1, 2, 0, 0] = maps[1, 3, 55, 55] = 20.0
    assert landmark_loss(maps, points, labels, boxes, counts) < 0.01
    found = find_landmarks(maps, labels, boxes, counts)
    assert found.shape == (2, 3, 3) and (found[0, 2] == 0).all() and found[0, 0, 2] > 0.9
    np.testing.assert_allclose(found[0, 0, :2], [14.5, 57], atol=1.0)
    np.testing.assert_allclose(found[1, 1, :2], [66, 66], atol=1.0)


def test_the_rate_warms_up_and_steps_down(tmp_path: Path) -> None:
    recipe = load_settings(MatchRCNNConfig, Path(str(resources.files("configs") / "train_match_rcnn_5000.toml")))
    assert (recipe.batch, recipe.loop.steps, recipe.loop.warmup, recipe.loop.gamma) == (4, 5000, 1500, 0.05)
    loop = ScheduledLoop(torch.nn.Linear(2, 2), recipe.loop, tmp_path, {})
    rates = {}
    for loop.step in (0, 750, 1500, 3999, 4000, 4500):
        rates[loop.step] = 0.001 * loop.share_at(0.0)
    assert rates == pytest.approx({0: 1e-6, 750: 5.005e-4, 1500: 1e-3, 3999: 1e-3, 4000: 5e-5, 4500: 2.5e-6})


def test_what_cannot_be_trained_is_told_in_one_line(sets: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no backbone is called 'r18_fpn'"):
        ModelConfig(backbone="r18_fpn")
    data = ExamplesConfig(root=sets["deepfashion2"], cache=tmp_path, short_sides=(64,))
    recipe = MatchRCNNConfig(data=data, model=small(ModelConfig(match=True)), loop=ScheduleConfig(steps=1))
    with pytest.raises(ConfigError, match='set data.labels = "categories"'):
        complete(replace(recipe, landmarks=True))
    with pytest.raises(ConfigError, match="take even"):
        train(replace(recipe, batch=3), tmp_path / "run")
    with pytest.raises(BackendError, match="no GPU"):
        train(replace(recipe, device="cuda"), tmp_path / "run")
    single = replace(data, set="fashionpedia", root=sets["fashionpedia"], cache=tmp_path / "fp")
    with pytest.raises(ConfigError, match="no product both worn and in a shop"):
        train(replace(recipe, data=single), tmp_path / "run")
    with pytest.raises(ConfigError, match="has no attributes"):
        train(replace(recipe, attributes=True), tmp_path / "run")
    with pytest.raises(ConfigError, match="has no landmarks"):
        complete(replace(recipe, data=single, landmarks=True))


def test_recipes_name_a_weight_that_the_convert_command_writes() -> None:
    for name in RECIPES:
        text = (resources.files("configs") / name).read_text()
        start = tomllib.loads(text)["start"]
        assert start.endswith(".npz") or start.startswith("runs/coco/")
