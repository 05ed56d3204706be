"""The type classifier and the embedder as ONNX files with their sections of the card."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from training.card_sections import classifier_section, embedder_section
from training.classifier.config import TypesConfig
from training.classifier.model import TypeProbabilities
from training.embedder.model import Embedder
from training.loop import TrainingError
from training.onnx_files import export_module, precision
from training.onnx_parity import parity

_TOLERANCE = 5e-3  # float16 weights; measured differences are below a third of this


def export_classifier(model: nn.Module, config: TypesConfig, out: Path, half: bool = True) -> dict[str, Any]:
    """Write `out/classifier.onnx`.

    Args:
        model: gives logits of the types.
        config: its recipe.
        out: folder.
        half: store large weights as float16.

    Returns:
        The card's section "classifier", without measured figures.

    Raises:
        TrainingError: the file does not give what the network gives.
    """
    module = TypeProbabilities(model).eval()
    crops = _crops(config.size)
    said = _export(module, [crops], out / "classifier.onnx", (["crops"], ["probs"]), half)
    return classifier_section("classifier.onnx", config) | {"onnx": said}


def export_embedder(model: Embedder, out: Path, half: bool = True) -> dict[str, Any]:
    """Write `out/embedder.onnx`; arguments as for `export_classifier`.

    Returns:
        The card's section "embedder", without calibration and measured figures.

    Raises:
        TrainingError: the file does not give what the network gives.
    """
    config = model.config
    inputs = [_crops(config.size), torch.rand(3, config.size, config.size)]
    said = _export(model.eval(), inputs, out / "embedder.onnx", (["crops", "masks"], ["embedding"]), half)
    return embedder_section("embedder.onnx", config) | {"onnx": said}


def _crops(size: int) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (3, size, size, 3), dtype=torch.uint8, generator=generator)


def _export(
    module: nn.Module, inputs: Sequence[Tensor], path: Path, names: tuple[Sequence[str], Sequence[str]], half: bool
) -> dict[str, Any]:
    """Write a file; returns what the card says of it: precision, and largest difference to the network."""
    rows = torch.export.Dim("rows", min=1, max=4096)
    module = module.to(memory_format=torch.contiguous_format)
    with warnings.catch_warnings():
        # Crops and masks have the same number of rows, which is meant, and the exporter remarks on it.
        warnings.filterwarnings("ignore", r"# The axis name", UserWarning)
        export_module(module, inputs, path, names, {name: {0: rows} for name in names[0]}, half)
    difference = parity(module, inputs, path, names[0])
    if difference > _TOLERANCE:
        raise TrainingError(f"{path.name} differs from the network by {difference:.4f}; do not ship it")
    return {"precision": precision(half), "difference": round(difference, 6)}
