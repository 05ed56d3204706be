"""The mean of two trainings' weights, often better than either (Wortsman et al., 2022, model soups)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from matcher.bundle import Bundle
from training.bundle_weights import bundle_to_start_from, load_weights
from training.checkpoint import load_checkpoint, save_checkpoint
from training.detector.export import load_model
from training.export_bundle import load_embedder, load_types
from training.loop import TrainingError

_LOSS = "loss."
_LOADERS: dict[str, Callable[[Path], nn.Module]] = {
    "detector": load_model,
    "classifier": lambda path: load_types(path)[0],
    "embedder": lambda path: load_embedder(path)[0],
}


def mix(checkpoint: Path, other: str, share: float, out: Path) -> Path:
    """Average the weights that would be exported.

    Only trainings that have a start in common lie close enough to be averaged: measure what comes out.

    Args:
        checkpoint: of a detector, a type classifier or an embedder of ours.
        other: another checkpoint of the same network, or a bundle (a folder, or a packaged name).
        share: of the other's weights, 0..1.
        out: run folder for `last.pt`, which is the checkpoint with other weights.

    Returns:
        Path of the new checkpoint.

    Raises:
        ConfigError: a checkpoint cannot be read, or `other` is neither checkpoint nor bundle.
        TrainingError: the networks differ, or it is no such checkpoint.
    """
    state = load_checkpoint(checkpoint)
    key = _key(state, checkpoint)
    bundle = bundle_to_start_from(other)
    if bundle is None:
        theirs = load_checkpoint(Path(other))
        second = theirs[_key(theirs, Path(other))]
    else:
        second = _of_bundle(bundle, checkpoint, state)
    state[key] = {name: _mean(name, value, second, share) for name, value in state[key].items()}
    save_checkpoint(out / "last.pt", {**state, "mixed": {"checkpoint": str(checkpoint), "with": other, "share": share}})
    return out / "last.pt"


def _key(state: dict[str, Any], path: Path) -> str:
    """Where a checkpoint has the averaged weights: the detector's trainer and the common loop name them differently."""
    for key in ("average", "averaged"):
        if isinstance(state.get(key), dict):
            return key
    raise TrainingError(f"{path} has no weights to average; give a checkpoint of a run, last.pt")


def _of_bundle(bundle: Bundle, checkpoint: Path, state: dict[str, Any]) -> dict[str, Tensor]:
    embeds = any(name.startswith("embedder.") for name in state.get("averaged", ()))
    part = "detector" if "average" in state else "embedder" if embeds else "classifier"
    network = _LOADERS[part](checkpoint)
    load_weights(network, bundle, part)
    return {("embedder." if embeds else "") + name: value for name, value in network.state_dict().items()}


def _mean(name: str, value: Tensor, other: dict[str, Tensor], share: float) -> Tensor:
    if name.startswith(_LOSS) and (name not in other or other[name].shape != value.shape):
        return value  # no part of what is exported
    if name not in other or other[name].shape != value.shape:
        raise TrainingError(f"the two are not the same network: {name} differs, so there is no mean of them")
    return value * (1 - share) + other[name] * share
