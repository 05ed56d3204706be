"""Bundles put together from checkpoints, and the commands around them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from matcher.bundle import Bundle
from matcher.errors import ConfigError
from matcher.runtime.load import load_session
from training import export_bundle as exporting
from training.classifier.config import TypesConfig
from training.classifier.model import TypeClassifier
from training.embedder.config import EmbedderConfig
from training.embedder.model import EmbedderModelConfig
from training.embedder.train import Student
from training.loop import Loop, LoopConfig, TrainingError
from training.measure import write_figures
from training.settings import to_table


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Checkpoints of random small models, and a folder that stands for an exported detector."""
    folder = tmp_path_factory.mktemp("parts")
    torch.manual_seed(0)
    types = TypesConfig(size=64)
    embedder = EmbedderConfig(model=EmbedderModelConfig(size=64, dimension=16))
    saved = {
        "types": Loop(TypeClassifier(), LoopConfig(), folder / "types", to_table(types)).save(),
        "embedder": Loop(Student(embedder), LoopConfig(), folder / "embedder", to_table(embedder)).save(),
        "detector": folder / "detector",
    }
    write_figures(folder / "embedder", {"measured": {"x": 1}, "calibration": {"exact": 0.8, "similar": 0.6}})
    saved["detector"].mkdir()
    for name in ("d.onnx", "m.onnx"):
        (saved["detector"] / name).write_bytes(name.encode())
    section = {"file": "d.onnx", "mask_file": "m.onnx", "types": []}
    (saved["detector"] / "detector.json").write_text(json.dumps(section))
    return saved


@pytest.fixture(scope="module")
def bundle(parts: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    out = tmp_path_factory.mktemp("bundle")
    exporting.export_bundle(**parts, out=out, name="toy", version="7")
    return Bundle.open(out)


def test_the_bundle_is_whole_and_says_what_it_is(bundle: Bundle) -> None:
    assert bundle.name == "toy 7"
    assert set(bundle.card["files"]) == {"d.onnx", "m.onnx", "classifier.onnx", "embedder.onnx"}
    assert bundle.card["licence"] == "Apache-2.0" and len(bundle.card["origin"]) == 4
    assert bundle.model("embedder")["calibration"] == {"exact": 0.8, "similar": 0.6}
    assert bundle.model("classifier")["input"]["size"] == 64
    for name in ("classifier", "embedder"):
        said = bundle.model(name)["onnx"]
        assert said["precision"] == "fp16" and 0 < said["difference"] < 5e-3


def test_whole_floats_are_nearer_and_take_more_room(parts: dict[str, Path], bundle: Bundle, tmp_path: Path) -> None:
    section = exporting.export_types(parts["types"], tmp_path, half=False)
    assert section["onnx"]["precision"] == "fp32"
    assert section["onnx"]["difference"] < bundle.model("classifier")["onnx"]["difference"]
    assert (tmp_path / "classifier.onnx").stat().st_size > 1.5 * bundle.path("classifier.onnx").stat().st_size


def test_the_files_run_with_the_shapes_of_the_card(bundle: Bundle) -> None:
    crops = np.zeros((2, 64, 64, 3), np.uint8)
    probs = load_session(bundle.path("classifier.onnx"), threads=1).run(crops=crops)["probs"]
    masks = np.ones((2, 64, 64), np.float32)
    vectors = load_session(bundle.path("embedder.onnx"), threads=1).run(crops=crops, masks=masks)["embedding"]
    assert probs.shape == (2, 11) and np.allclose(probs.sum(1), 1, atol=1e-4)
    assert vectors.shape == (2, 16) and np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-4)


def test_a_bundle_that_is_too_large_is_refused(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "LIMIT", 1000)
    with pytest.raises(TrainingError, match="more than"):
        exporting._check_size(bundle.folder, bundle.card["files"])


def test_a_folder_without_a_detector_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="neither a checkpoint nor"):
        exporting._detector_section(tmp_path, tmp_path)


@pytest.mark.parametrize(
    ("settings", "names"), [(TypesConfig, "train_types*.toml"), (EmbedderConfig, "train_embedder*2.toml")]
)
def test_the_recipes_that_ship_can_be_read(settings: type, names: str) -> None:
    from training.settings import load_settings

    folder = Path(__file__).parents[2] / "configs"
    recipes = sorted([*folder.glob(names), folder / names.replace("*2", "").replace("*", "")])
    assert len(recipes) >= 2 and all(load_settings(settings, path).loop.steps > 0 for path in recipes)
