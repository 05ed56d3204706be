"""The detector: it learns, resumes exactly, and its exported files say what torch says."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from matcher.errors import ConfigError
from training.checkpoint import load_checkpoint
from training.detector.batches import Batches, to_truth
from training.detector.config import DetectorConfig, ModelConfig, load_config
from training.detector.export import LEVELS, export_detector, export_model
from training.detector.inference import DetectGraph, MaskGraph, decode
from training.detector.model import MatchRCNN, Truth
from training.detector.pyramid import PyramidPool, level_of
from training.detector.train import Trainer, train
from training.detector.trunk import MobileNetV2Trunk
from training.ema import WeightAverage
from training.loop import TrainingError
from training.onnx_files import halve_weights
from training.onnx_parity import detector_parity

from .detector_toys import toy_data

# pytest listens at level DEBUG, for which torch writes a trace of every export: minutes instead of seconds.
logging.getLogger("torch.__trace").handlers.clear()

SMALL = ModelConfig(width=16, box_width=32, mask_width=16, mask_convolutions=1, sampled_boxes=16)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of random trunk weights in the form of the ImageNet ones, normalisation included."""
    rng = np.random.default_rng(0)
    arrays: dict[str, np.ndarray] = {}

    def put(conv: torch.nn.Conv2d, at: str, norm: str) -> None:
        fan = conv.weight[0].numel()
        arrays[f"{at}.weight"] = rng.normal(0, (2 / fan) ** 0.5, conv.weight.shape).astype(np.float32)
        for name, low, high in (("weight", 0.8, 1.2), ("bias", -0.1, 0.1), ("running_mean", -0.1, 0.1)):
            arrays[f"{norm}.{name}"] = rng.uniform(low, high, len(conv.weight)).astype(np.float32)
        arrays[f"{norm}.running_var"] = rng.uniform(0.8, 1.2, len(conv.weight)).astype(np.float32)

    for i, block in enumerate(MobileNetV2Trunk().blocks):
        at = f"features.{i}"
        if i == 0:
            put(block, f"{at}.0", f"{at}.1")
        else:
            put(block.expand, f"{at}.conv.0.0", f"{at}.conv.0.1")
            put(block.depthwise, f"{at}.conv.1.0", f"{at}.conv.1.1")
            put(block.project, f"{at}.conv.2", f"{at}.conv.3")
    path = tmp_path_factory.mktemp("weights") / "trunk.npz"
    np.savez(path, **arrays)
    return path


@pytest.fixture
def config(tmp_path: Path, weights: Path) -> DetectorConfig:
    run = DetectorConfig(weights=weights, processes=1, batch=2, batch_wide=2, steps=4, warmup=2, save_minutes=100)
    return replace(run, model=SMALL, data=toy_data(tmp_path))


def random_model() -> MatchRCNN:
    torch.manual_seed(0)
    model = MatchRCNN(SMALL)
    for module in model.trunk.modules():  # the default initialisation lets signals fade over so many layers
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(module.weight)
    torch.nn.init.normal_(model.roi_heads.box_predictor.score.weight, std=0.5)
    torch.nn.init.normal_(model.roi_heads.box_predictor.refine.weight, std=0.5)
    torch.nn.init.normal_(model.rpn.head.cls_logits.weight, std=0.5)
    return model.eval()


def test_folded_trunk_equals_convolution_and_normalisation(weights: Path) -> None:
    trunk = MobileNetV2Trunk()
    trunk.load_imagenet(weights)
    a = np.load(weights)
    x = torch.rand(1, 3, 16, 16)
    y = torch.nn.functional.conv2d(x, torch.from_numpy(a["features.0.0.weight"]), stride=2, padding=1)
    stats = (torch.from_numpy(a[f"features.0.1.{name}"]) for name in ("running_mean", "running_var", "weight", "bias"))
    torch.testing.assert_close(trunk.blocks[0](x), torch.nn.functional.batch_norm(y, *stats), atol=1e-4, rtol=1e-4)
    with pytest.raises(ConfigError, match="ImageNet"):
        trunk.load_imagenet(weights.with_name("missing.npz"))


def test_frozen_blocks_take_no_gradient_and_the_others_do() -> None:
    trunk = MobileNetV2Trunk(frozen_blocks=4)
    sum(level.mean() for level in trunk(torch.rand(1, 3, 64, 64))).backward()
    assert all((p.grad is None) == (i < 4) for i, block in enumerate(trunk.blocks) for p in block.parameters())


def test_boxes_are_pooled_from_the_level_of_their_size_in_their_order() -> None:
    boxes = torch.tensor([[0.0, 0, 200, 200], [0, 0, 20, 20], [0, 0, 100, 100], [0, 0, 30, 10]])
    assert level_of(boxes).tolist() == [2, 0, 1, 0]
    levels = [torch.full((1, 1, 256 // s, 256 // s), float(s)) for s in (8, 16, 32)]
    pooled = PyramidPool(7).pool(levels, torch.cat([torch.zeros(4, 1), boxes], 1))
    assert pooled.mean((1, 2, 3)).tolist() == [32, 8, 16, 8]


def test_decoding_inverts_the_coder_that_makes_the_targets() -> None:
    coder = random_model().roi_heads.box_coder
    proposals, truth = torch.tensor([[10.0, 10, 50, 90]]), torch.tensor([[14.0, 5, 60, 80]])
    deltas = coder.encode_single(truth, proposals)
    torch.testing.assert_close(decode(proposals, deltas, coder.weights), truth)


def test_training_lowers_the_loss_on_two_pictures(config: DetectorConfig) -> None:
    trainer = Trainer(replace(config, rate=3e-3, trunk_rate=1e-3, warmup=1, steps=60))
    batch = Batches(config, 0)[0]
    losses = [sum(trainer.train_step(batch).values()) for _ in range(30)]
    assert np.mean(losses[-3:]) < 0.75 * np.mean(losses[:3])


def test_pictures_without_garments_can_be_learned_from(config: DetectorConfig) -> None:
    empty = Truth(torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64), torch.zeros(0, 96, 64, dtype=torch.uint8))
    values = Trainer(config).train_step((torch.zeros(2, 96, 64, 3, dtype=torch.uint8), [empty, empty]))
    assert all(np.isfinite(list(values.values())))


def test_a_loss_that_is_not_finite_stops_the_run(config: DetectorConfig) -> None:
    trainer = Trainer(config)
    with torch.no_grad():
        trainer.model.roi_heads.box_predictor.score.bias.fill_(float("nan"))
    with pytest.raises(ConfigError, match="no longer finite at step 0"):
        trainer.train_step(Batches(config, 0)[0])


def test_a_resumed_run_equals_an_unbroken_one(config: DetectorConfig, tmp_path: Path) -> None:
    whole, broken = Trainer(config), Trainer(config)
    batches = Batches(config, 0)
    for step in range(4):
        whole.train_step(batches[step])
    for step in range(2):
        broken.train_step(batches[step])
    torch.save(broken.state(), tmp_path / "half.pt")
    resumed = Trainer(config)
    resumed.resume(load_checkpoint(tmp_path / "half.pt"))
    for step in range(2, 4):
        resumed.train_step(Batches(config, 0)[step])
    for name, value in whole.average.weights.items():
        torch.testing.assert_close(resumed.average.weights[name], value, rtol=0, atol=0)


def test_what_the_clock_has_ended_is_not_gone_on_with(config: DetectorConfig, tmp_path: Path) -> None:
    config = replace(config, steps=100_000, minutes=0.01)
    ended = train(config, tmp_path / "run").read_bytes()
    step = load_checkpoint(tmp_path / "run" / "last.pt")["step"]
    assert 0 < step < 100_000
    assert train(config, tmp_path / "run").read_bytes() == ended
    more = load_checkpoint(train(replace(config, minutes=0.0, steps=step + 1), tmp_path / "run"))
    assert more["step"] == step + 1, "another recipe may go on"


def test_two_processes_train_and_the_checkpoint_exports(config: DetectorConfig, tmp_path: Path) -> None:
    last = train(replace(config, processes=2, steps=2, batch=1), tmp_path / "run")
    assert load_checkpoint(last)["step"] == 2
    section = export_detector(last, tmp_path / "bundle")
    assert section["types"][8] == "pants" and (tmp_path / "bundle" / section["mask_file"]).is_file()
    said = section["onnx"]
    assert said["precision"] == "fp16" and set(said["difference"]) == {"maps", "scores", "masks"}
    assert all(0 <= value < 0.05 for value in said["difference"].values()), said
    assert said["difference"]["maps"] > 0
    # Files of other weights are noticed.
    model = MatchRCNN(config.model)
    paths = tmp_path / "bundle" / "detector.onnx", tmp_path / "bundle" / "masks.onnx"
    with pytest.raises(TrainingError, match="maps differ"):
        detector_parity(DetectGraph(model).eval(), MaskGraph(model).eval(), paths, LEVELS)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[MatchRCNN, Path]:
    """A random model and the folder of its files, exported once (it takes seconds)."""
    model, folder = random_model(), tmp_path_factory.mktemp("bundle")
    export_model(model, folder, half=False)
    return model, folder


def in_order(boxes: np.ndarray) -> np.ndarray:
    """An order of boxes that does not depend on how ties between scores were broken."""
    return np.argsort(boxes @ np.array([1.0, 1.7, 2.3, 3.1]))


@pytest.mark.parametrize(("height", "width"), [(96, 160), (192, 64)])
def test_exported_files_equal_torch(exported: tuple[MatchRCNN, Path], height: int, width: int) -> None:
    model, folder = exported
    detector = onnxruntime.InferenceSession(folder / "detector.onnx")
    masks = onnxruntime.InferenceSession(folder / "masks.onnx")
    torch.manual_seed(height)
    image = torch.randint(0, 255, (1, height, width, 3), dtype=torch.uint8)
    with torch.no_grad():
        expected = [t.numpy() for t in DetectGraph(model).eval()(image)]
    found = detector.run(["boxes", "scores", "p3", "p4", "p5"], {"image": image.numpy()})
    rows, wanted_rows = in_order(found[0]), in_order(expected[0])
    for a, b in zip(expected[:2], found[:2], strict=True):
        np.testing.assert_allclose(b[rows], a[wanted_rows], atol=1e-3)
    for a, b in zip(expected[2:], found[2:], strict=True):
        np.testing.assert_allclose(b, a, atol=1e-3)
    assert (found[1].sum(1) <= 1 + 1e-6).all() and found[0].min() >= 0 and found[0][:, 2].max() <= width
    for count in (0, 3):
        boxes, labels = found[0][:count], np.arange(count) * 5
        with torch.no_grad():
            tensors = [torch.from_numpy(array) for array in (*found[2:], boxes, labels)]
            wanted = MaskGraph(model).eval()(*tensors).numpy()
        fed = dict(zip(("p3", "p4", "p5"), found[2:], strict=True))
        got = masks.run(None, {**fed, "boxes": boxes, "labels": labels})[0]
        assert got.shape == (count, 28, 28)
        np.testing.assert_allclose(got, wanted, atol=1e-3)


def test_exported_files_do_not_tell_where_they_were_made(exported: tuple[MatchRCNN, Path]) -> None:
    for path in exported[1].iterdir():
        for trace in (b'.py"', b"site-packages", str(Path.cwd()).encode()):
            assert trace not in path.read_bytes()


def test_halved_weights_give_nearly_the_same_in_half_the_space(exported: tuple[MatchRCNN, Path]) -> None:
    path = exported[1] / "masks.onnx"
    graph = onnx.load(path)
    halve_weights(graph)
    onnx.checker.check_model(graph)
    data = graph.SerializeToString()
    assert len(data) < 0.8 * path.stat().st_size  # of so small a network, the graph itself is a fair part
    rng = np.random.default_rng(0)
    fed = {f"p{i}": rng.normal(size=(1, 16, 64 >> i, 64 >> i)).astype(np.float32) for i in (3, 4, 5)}
    fed |= {"boxes": np.array([[4, 4, 40, 60]], np.float32), "labels": np.array([3])}
    full, half = (onnxruntime.InferenceSession(source).run(None, fed)[0] for source in (path, data))
    np.testing.assert_allclose(half, full, atol=5e-3)
    assert (half != full).any()


def test_truth_has_one_mask_for_each_garment(config: DetectorConfig) -> None:
    _, truths = Batches(config, 0)[1]
    for truth in truths:
        assert truth.masks.shape[0] == len(truth.boxes) == len(truth.labels)
        assert set(truth.labels.tolist()) <= {11, 9}
        assert (truth.masks.flatten(1).sum(1) > 0).all()
    assert callable(to_truth)


def test_average_follows_the_weights() -> None:
    layer = torch.nn.Linear(2, 1)
    average = WeightAverage(layer, 0.9)
    with torch.no_grad():
        layer.weight.fill_(5.0)
    for _ in range(200):
        average.update(layer)
    torch.testing.assert_close(average.weights["weight"], torch.full((1, 2), 5.0), atol=1e-3, rtol=0)


def test_recipes_are_read_and_unknown_settings_refused(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text("steps = 7\n[model]\nanchors = [[8, 16], [32, 64], [128, 256]]\n[data.mix]\nphoto = 1\n")
    config = load_config(path)
    assert config.steps == 7 and config.model.anchors[2] == (128, 256) and config.data.mix == {"photo": 1}
    path.write_text("stepz = 7\n")
    with pytest.raises(ConfigError, match="stepz"):
        load_config(path)
    path.write_text('steps = "many"\n')
    with pytest.raises(ConfigError, match="steps"):
        load_config(path)
