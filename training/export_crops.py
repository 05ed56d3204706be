"""The type classifier and the embedder as ONNX files with their sections of the card."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from matcher.runtime.load import load_session
from training.card_sections import classifier_section, embedder_section
from training.classifier.config import TypesConfig
from training.classifier.model import TypeProbabilities
from training.embedder.model import Embedder
from training.loop import TrainingError
from training.onnx_files import export_module

_TOLERANCE = 5e-3  # float16 weights; measured differences are below a third of this


def export_classifier(model: nn.Module, config: TypesConfig, out: Path) -> dict[str, Any]:
    """Write `out/classifier.onnx`.

    Returns:
        The card's section "classifier", without measured figures.

    Raises:
        TrainingError: the file does not give what the network gives.
    """
    module = TypeProbabilities(model).eval()
    crops = _crops(config.size)
    _export(module, [crops], out / "classifier.onnx", (["crops"], ["probs"]))
    return classifier_section("classifier.onnx", config)


def export_embedder(model: Embedder, out: Path) -> dict[str, Any]:
    """Write `out/embedder.onnx`.

    Returns:
        The card's section "embedder", without calibration and measured figures.

    Raises:
        TrainingError: the file does not give what the network gives.
    """
    config = model.config
    inputs = [_crops(config.size), torch.rand(3, config.size, config.size)]
    _export(model.eval(), inputs, out / "embedder.onnx", (["crops", "masks"], ["embedding"]))
    return embedder_section("embedder.onnx", config)


def _crops(size: int) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (3, size, size, 3), dtype=torch.uint8, generator=generator)


def _export(
    module: nn.Module, inputs: Sequence[Tensor], path: Path, names: tuple[Sequence[str], Sequence[str]]
) -> None:
    rows = torch.export.Dim("rows", min=1, max=4096)
    module = module.to(memory_format=torch.contiguous_format)
    with warnings.catch_warnings():
        # Crops and masks have the same number of rows, which is meant, and the exporter remarks on it.
        warnings.filterwarnings("ignore", r"# The axis name", UserWarning)
        export_module(module, inputs, path, names, {name: {0: rows} for name in names[0]})
    difference = parity(module, inputs, path, names[0])
    if difference > _TOLERANCE:
        raise TrainingError(f"{path.name} differs from the network by {difference:.4f}; do not ship it")


def parity(module: nn.Module, inputs: Sequence[Tensor], path: Path, names: Sequence[str]) -> float:
    """Largest absolute difference between a module's output and that of its ONNX file."""
    with torch.no_grad():
        expected = module(*inputs).numpy()
    session = load_session(path, threads=1)
    got = session.run(**{name: value.numpy() for name, value in zip(names, inputs, strict=True)})
    return float(np.abs(next(iter(got.values())) - expected).max())
