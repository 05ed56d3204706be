"""Bundles for the torch backend: Match R-CNN in full size, with type classifier and embedder, as programs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from matcher.bundle import write_card
from matcher.errors import ConfigError
from matcher.runtime.program import SUFFIX
from training.card_sections import classifier_section, embedder_section
from training.classifier.config import TypesConfig
from training.classifier.model import TypeClassifier, TypeProbabilities
from training.embedder.model import Embedder, EmbedderModelConfig
from training.export_bundle import LICENCE, ORIGIN, load_embedder, load_types
from training.match_rcnn.config import ModelConfig
from training.match_rcnn.export import check_detector, section_of
from training.match_rcnn.files import load_model
from training.match_rcnn.model import MatchRCNN
from training.measure import read_figures
from training.programs.detector import DetectProgram
from training.programs.write import write_program

PRECISIONS: Mapping[str, torch.dtype] = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}
_EXAMPLE = (2, 96, 128, 3)  # free sides must be 2 or more, and no two of them alike


class Models(NamedTuple):
    """What a bundle is made of, and what was measured of classifier and embedder."""

    detector: MatchRCNN
    types: nn.Module
    types_config: TypesConfig
    embedder: Embedder
    types_figures: Mapping[str, Any]
    embedder_figures: Mapping[str, Any]


def load_models(detector: Path, types: Path, embedder: Path) -> Models:
    """Read checkpoints of Match R-CNN, of a type classifier and of an embedder.

    Raises:
        ConfigError: one cannot be read.
        TrainingError: weights do not fit.
    """
    network, config = load_types(types)
    encoder, _ = load_embedder(embedder)
    return Models(load_model(detector), network, config, encoder, read_figures(types), read_figures(embedder))


def random_models(config: ModelConfig, seed: int = 1) -> Models:
    """Models that know nothing, for measuring time."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        parts = MatchRCNN(config).eval(), TypeClassifier().eval(), Embedder(EmbedderModelConfig()).eval()
    return Models(parts[0], parts[1], TypesConfig(), parts[2], {}, {})


def write_bundle(models: Models, out: Path, name: str, version: str = "1", precision: str = "bf16") -> Path:
    """Write the programs and their card.

    Args:
        models: in evaluation mode.
        out: folder, made if needed.
        name: of the bundle.
        version: of the bundle.
        precision: of the detector's convolutions, one of `PRECISIONS`; the small models stay float32.

    Returns:
        Path of the card.

    Raises:
        ConfigError: the detector has no pyramid, no masks, or classes that are not the types.
        TrainingError: a model has an operation that programs may not have.
    """
    _check(models.detector.config, precision)
    out.mkdir(parents=True, exist_ok=True)
    sections = {
        "detector": _detector(models.detector, out, precision),
        "classifier": {**_classifier(models, out), "measured": {}, **models.types_figures},
        "embedder": {**_embedder(models.embedder, out), "measured": {}, **models.embedder_figures},
    }
    return write_card(out, {"name": name, "version": version, "licence": LICENCE, "origin": ORIGIN, "models": sections})


def _check(config: ModelConfig, precision: str) -> None:
    if precision not in PRECISIONS:
        raise ConfigError(f"no precision is called {precision!r}; choose one of {', '.join(PRECISIONS)}")
    check_detector(config)


def _detector(model: MatchRCNN, out: Path, precision: str) -> dict[str, Any]:
    file, config = f"detector{SUFFIX}", model.config
    program = DetectProgram(model, PRECISIONS[precision])
    image = torch.zeros(_EXAMPLE, dtype=torch.uint8)
    write_program(program, {"image": image}, {"image": (0, 1, 2)}, program.outputs, out / file)
    return section_of(config, {"file": file}, {"precision": precision, "backbone": config.backbone})


def _classifier(models: Models, out: Path) -> dict[str, Any]:
    file, config = f"classifier{SUFFIX}", models.types_config
    inputs = {"crops": _crops(config.size)}
    write_program(TypeProbabilities(models.types), inputs, {"crops": (0,)}, ("probs",), out / file)
    return classifier_section(file, config)


def _embedder(model: Embedder, out: Path) -> dict[str, Any]:
    file, config = f"embedder{SUFFIX}", model.config
    inputs = {"crops": _crops(config.size), "masks": torch.ones(3, config.size, config.size)}
    write_program(model, inputs, {"crops": (0,), "masks": (0,)}, ("embedding",), out / file)
    return embedder_section(file, config)


def _crops(size: int) -> Tensor:
    return torch.zeros(3, size, size, 3, dtype=torch.uint8)
