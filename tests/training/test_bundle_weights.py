"""Training that starts from a shipped bundle has exactly its weights."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from configs import __file__ as configs
from matcher.bundle import Bundle, write_card
from matcher.errors import BundleError, ConfigError
from matcher.stages.models import Runtime
from tests.toy_bundle import make_bundle
from training.bundle_weights import bundle_to_start_from, load_weights
from training.classifier.config import TypesConfig
from training.classifier.model import TypeProbabilities
from training.classifier.train import build as build_types
from training.detector.config import ModelConfig, load_config
from training.detector.export import LEVELS
from training.detector.inference import DetectGraph, MaskGraph
from training.detector.model import MatchRCNN
from training.detector.train import Trainer
from training.embedder.config import EmbedderConfig
from training.embedder.model import Embedder
from training.embedder.train import build as build_embedder
from training.export_crops import export_embedder
from training.onnx_parity import detector_parity, parity
from training.settings import load_settings

RECIPES = Path(configs).parent


@pytest.fixture(scope="module")
def shipped() -> Bundle:
    try:
        return Bundle.open()
    except BundleError:
        pytest.skip("the packaged bundle is not in this checkout")


def test_a_detector_goes_on_from_the_shipped_one(shipped: Bundle) -> None:
    model = Trainer(replace(load_config(RECIPES / "train_detector.toml"), start="tiny", processes=1)).model.eval()
    model = model.to(memory_format=torch.contiguous_format)
    files = tuple(shipped.path(shipped.model("detector")[key]) for key in ("file", "mask_file"))
    apart = detector_parity(DetectGraph(model).eval(), MaskGraph(model).eval(), files, LEVELS)
    assert max(apart.values()) < 1e-3


def test_a_classifier_goes_on_from_the_shipped_one(shipped: Bundle) -> None:
    config = replace(load_settings(TypesConfig, RECIPES / "train_types.toml"), start="tiny")
    model = build_types(config).to(memory_format=torch.contiguous_format)
    crops = torch.randint(0, 256, (3, config.size, config.size, 3), dtype=torch.uint8)
    path = shipped.path(shipped.model("classifier")["file"])
    assert parity(TypeProbabilities(model).eval(), [crops], path, ["crops"]) < 1e-3


def test_an_embedder_goes_on_from_the_shipped_one(shipped: Bundle) -> None:
    config = replace(load_settings(EmbedderConfig, RECIPES / "train_embedder.toml"), start="tiny")
    model = build_embedder(config).embedder.eval()
    size = model.config.size
    crops, masks = np.random.default_rng(0).integers(0, 256, (3, size, size, 3), np.uint8), np.ones((3, size, size))
    theirs = Runtime(threads=1).load(shipped, "embedder").run(crops=crops, masks=masks.astype(np.float32))["embedding"]
    with torch.no_grad():
        ours = model(torch.from_numpy(crops), torch.from_numpy(masks.astype(np.float32))).numpy()
    assert (ours * theirs).sum(1).min() > 0.9999
    assert model.colours is not None and model.colours.fitted, "its exact colours stay those of the bundle"


def test_bands_start_by_adding_nothing_and_come_back_from_the_bundle_that_has_them(
    shipped: Bundle, tmp_path: Path
) -> None:
    config = load_settings(EmbedderConfig, RECIPES / "train_embedder.toml").model
    generator = torch.Generator().manual_seed(0)
    crops = torch.randint(0, 256, (3, config.size, config.size, 3), dtype=torch.uint8, generator=generator)
    masks = (torch.rand(3, config.size, config.size, generator=generator) > 0.3).float()
    plain, banded, again = (Embedder(replace(config, bands=count)).eval() for count in (0, 4, 4))
    torch.nn.init.normal_(banded.bands.project.weight)  # as if trained already
    for network in (plain, banded):
        load_weights(network, shipped, "embedder")
    with torch.no_grad():
        torch.testing.assert_close(banded(crops, masks), plain(crops, masks))
        for weights in banded.bands.parameters():
            weights.add_(torch.randn(weights.shape, generator=generator), alpha=0.05)
        shutil.copytree(shipped.folder, tmp_path / "banded")
        export_embedder(banded, tmp_path / "banded")
        write_card(tmp_path / "banded", shipped.stated)
        load_weights(again, Bundle.open(tmp_path / "banded"), "embedder")
        # Stored as float16.
        torch.testing.assert_close(again(crops, masks), banded(crops, masks), atol=2e-3, rtol=0)
        assert (banded(crops, masks) - plain(crops, masks)).norm(dim=1).min() > 0.05
        # What only turns a garment over leaves its means alone, and not those of its bands.
        flipped = banded(crops.flip(1), masks.flip(1)), plain(crops.flip(1), masks.flip(1))
        apart = [(one(crops, masks) - two).norm() for one, two in zip((banded, plain), flipped, strict=True)]
        assert apart[0] > apart[1]


def test_what_does_not_fit_is_refused(shipped: Bundle, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"the recipe's \[model\] is not that of tiny"):
        load_weights(MatchRCNN(ModelConfig(width=48)), shipped, "detector")
    with pytest.raises(ConfigError, match="neither a checkpoint nor a bundle"):
        bundle_to_start_from(str(tmp_path / "missing.pt"))
    with pytest.raises(ConfigError, match="differs"):
        load_weights(MatchRCNN(ModelConfig()), make_bundle(tmp_path / "toy"), "detector")
    (tmp_path / "last.pt").write_bytes(b"x")
    assert bundle_to_start_from(str(tmp_path / "last.pt")) is None
