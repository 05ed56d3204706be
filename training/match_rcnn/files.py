"""Files of weights: our checkpoints of whole models, and starting a model from another one's weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from matcher.errors import ConfigError
from training.checkpoint import load_checkpoint, save_checkpoint
from training.match_rcnn.config import MOBILENET, ModelConfig
from training.match_rcnn.model import MatchRCNN
from training.settings import from_table, to_table

# Layers whose shape follows from the classes: they start anew where the classes are others.
_OF_CLASSES = ("heads.predictor.", "heads.mask.predictor.", "heads.landmarks.score.", "heads.attributes.")


def save_model(path: Path, config: ModelConfig, weights: dict[str, Tensor], origin: str) -> Path:
    """Write a checkpoint that `load_model` reads.

    Args:
        path: replaced whole.
        config: of the model.
        weights: its state, or a part of it, from which a model can only be started.
        origin: where they come from, for people.
    """
    plain = {name: value.detach().cpu().contiguous() for name, value in weights.items()}
    save_checkpoint(path, {"recipe": {"model": to_table(config)}, "model": plain, "averaged": {}, "origin": origin})
    return path


class Unset(TorchFunctionMode):
    """Layers made within it keep whatever was in memory: drawing weights that are replaced at once takes seconds."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if getattr(func, "__name__", "") in ("normal_", "uniform_"):
            return args[0] if args else kwargs["tensor"]
        return func(*args, **(kwargs or {}))


def build_model(config: ModelConfig, weights: dict[str, Tensor]) -> MatchRCNN:
    """A model with all its weights given, ready for inference.

    Raises:
        RuntimeError: weights are missing, or of other shapes, as torch says it.
    """
    with Unset():
        model = MatchRCNN(config)
    model.load_state_dict(weights, strict=True)
    return model.eval()


def load_model(path: Path) -> MatchRCNN:
    """The model of a checkpoint, with averaged weights where there are some, ready for inference.

    Raises:
        ConfigError: the file cannot be read, or holds no whole Match R-CNN.
    """
    state = load_checkpoint(path)
    try:
        config = from_table(ModelConfig, state["recipe"]["model"], str(path))
        return build_model(config, {**state["model"], **state.get("averaged", {})})
    except (KeyError, TypeError, AttributeError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(f"{path} holds no whole Match R-CNN ({reason})") from error


def start_model(model: MatchRCNN, path: Path) -> list[str]:
    """Put weights of another model of the same backbone into a model.

    Args:
        model: changed in place; what the file lacks, and layers of other classes, keep their random weights.
        path: a checkpoint, e.g. of `asworn convert detectron2`; for MobileNetV2 also its ImageNet weights (.npz).

    Returns:
        Names of the parameters that were left as they are.

    Raises:
        ConfigError: the file cannot be read, has another form, or nothing in it fits.
    """
    if path.suffix == ".npz":
        return _start_imagenet(model, path)
    weights = _weights_of(load_checkpoint(path), path)
    own = model.state_dict()
    if model.heads.res5 is not None:
        # A trunk alone has its last stage where other necks need it.
        weights = {k.replace("backbone.trunk.layer4.", "heads.res5."): v for k, v in weights.items()}
    fitting = {k: v for k, v in weights.items() if k in own and own[k].shape == v.shape}
    wrong = [k for k in weights if k in own and k not in fitting and not k.startswith(_OF_CLASSES)]
    if wrong or not any(k.startswith("backbone.trunk.") for k in fitting):
        which = f"{wrong[0]} has another shape" if wrong else "no layer of its trunk fits"
        raise ConfigError(f"cannot start a {model.config.backbone} from {path}: {which}")
    model.load_state_dict(fitting, strict=False)
    return sorted(set(own) - set(fitting))


def _weights_of(state: dict[str, Any], path: Path) -> dict[str, Tensor]:
    weights = {**state.get("model", {}), **state.get("averaged", {})} if isinstance(state, dict) else {}
    if not weights or not all(isinstance(value, torch.Tensor) for value in weights.values()):
        raise ConfigError(f"{path} is no checkpoint of a model; convert Detectron2's with: asworn convert detectron2")
    return weights


def _start_imagenet(model: MatchRCNN, path: Path) -> list[str]:
    if model.config.net != MOBILENET:
        raise ConfigError(f"{path} has weights of MobileNetV2; a {model.config.backbone} starts from a checkpoint")
    model.backbone.trunk.load_imagenet(path)
    return [name for name in model.state_dict() if not name.startswith("backbone.trunk.")]
