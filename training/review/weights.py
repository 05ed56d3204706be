"""The embedder of a bundle as a network that can be trained on: its ONNX file holds every weight by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from matcher.bundle import Bundle
from matcher.errors import ConfigError
from matcher.stages.models import Runtime
from training.bundle_weights import load_weights, stored_weights
from training.checkpoint import save_checkpoint
from training.embedder.config import EmbedderConfig
from training.embedder.model import EmbedderModelConfig
from training.embedder.train import Student
from training.settings import to_table

_ALIKE = 0.999  # cosine of what both give; float16 costs less


def checkpoint_of(bundle: Bundle, config: EmbedderConfig, path: Path) -> Path:
    """Write a checkpoint with the weights of a bundle's embedder, to start a recipe from.

    What the bundle itself tells of its network (widths, sizes) goes before what the recipe says.

    Args:
        bundle: whose embedder.
        config: a recipe for a network like the bundle's.
        path: of the checkpoint; its recipe is the one to train on with.

    Raises:
        ConfigError: the recipe describes another network; checked by the names, the shapes and what both give.
    """
    config = replace(config, model=_model_of(stored_weights(bundle, "embedder"), bundle, config.model))
    student = Student(config)
    load_weights(student.embedder, bundle, "embedder")
    _compare(student, bundle)
    state = student.state_dict()
    averaged = {name: value.detach().clone() for name, value in student.named_parameters()}
    save_checkpoint(path, {"model": state, "averaged": averaged, "step": 0, "recipe": to_table(config)})
    return path


def _model_of(stored: Mapping[str, np.ndarray], bundle: Bundle, recipe: EmbedderModelConfig) -> EmbedderModelConfig:
    card = bundle.model("embedder")
    bins = len(stored.get("palette.nearness.weight", ()))
    basis, hidden = stored.get("colours.basis"), stored.get("bend.0.weight")
    told = {name: card["input"][name] for name in ("size", "margin")}
    return replace(
        recipe,
        **told,
        dimension=card["dimension"],
        refine=card["input"].get("refine", False),
        palette=round(bins ** (1 / 3)) if bins else recipe.palette,
        colours=0 if basis is None else basis.shape[1],
        hidden=0 if hidden is None else len(hidden),
    )


@torch.no_grad()
def _compare(student: Student, bundle: Bundle) -> None:
    """Refuse weights that do not do what they do in the bundle."""
    rng, size = np.random.default_rng(0), student.embedder.config.size
    crops = rng.integers(0, 256, (2, size, size, 3), np.uint8)
    masks = np.ones((2, size, size), np.float32)
    theirs = Runtime(threads=1).load(bundle, "embedder").run(crops=crops, masks=masks)["embedding"]
    ours = student.embedder.eval()(torch.from_numpy(crops), torch.from_numpy(masks)).numpy()
    alike = float((theirs * ours).sum(1).min())
    if alike < _ALIKE:
        raise ConfigError(f"the recipe's [model] is not that of {bundle.name}: it gives other vectors ({alike:.3f})")
