"""Checkpoints of Detectron2 as ours: its model zoo's, its trainer's, and the ImageNet trunks that it starts from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from matcher.errors import ConfigError
from training.checkpoint import load_checkpoint, save_checkpoint
from training.match_rcnn.config import IMAGENET_STD, ModelConfig, neck_defaults
from training.match_rcnn.detectron2_config import read_yaml, with_settings
from training.match_rcnn.files import save_model
from training.match_rcnn.model import MatchRCNN
from training.match_rcnn.names import from_caffe, to_detectron2
from training.match_rcnn.plain_pickle import read_plain_pickle

# What Detectron2 keeps beside weights, and the classifier of a trunk.
_LEFT_OUT = re.compile(r"pixel_(mean|std)$|anchor_generator|num_batches_tracked$|_momentum$|^(fc1000|pred)_|^linear\.")
_SHOWN = 5


def read_weights(path: Path, unpickle: bool = False) -> dict[str, Tensor]:
    """The weights of a checkpoint of Detectron2 by its own names.

    Args:
        path: `.pth` of its trainer, or `.pkl` of its model zoo.
        unpickle: whether a `.pkl` may be read; see `training.match_rcnn.plain_pickle` for what is let in.

    Returns:
        Name to tensor. Of an ImageNet trunk the names start with "stem." and "res".

    Raises:
        ConfigError: the file cannot be read, is a pickle and that was not asked for, or holds no weights.
    """
    if path.suffix == ".pkl" and not unpickle:
        raise ConfigError(
            f"{path} is a pickle, a form that can carry programs; only NumPy arrays in it would be read: if you know"
            " where it comes from, say --unpickle"
        )
    state: Any = read_plain_pickle(path) if path.suffix == ".pkl" else load_checkpoint(path)
    for key in ("model", "model_state", "blobs"):
        if isinstance(state, dict) and isinstance(state.get(key), dict):
            state = state[key]
    if not isinstance(state, dict):
        raise ConfigError(f"{path} holds no weights by name")
    named = {k.removeprefix("module."): v for k, v in state.items() if isinstance(k, str) and not _LEFT_OUT.search(k)}
    weights = {from_caffe(k) or k: _tensor(v) for k, v in named.items() if isinstance(v, np.ndarray | Tensor)}
    if not weights:
        raise ConfigError(f"{path} holds no weights by name")
    return weights


def _tensor(value: np.ndarray | Tensor) -> Tensor:
    tensor = torch.from_numpy(value) if isinstance(value, np.ndarray) else value
    return tensor.float() if tensor.is_floating_point() else tensor


def config_of(weights: Mapping[str, Tensor], names: tuple[str, ...] = ()) -> ModelConfig:
    """The settings that weights show by their names and shapes.

    How pixels are normalised and where maps are halved does not show: for ResNets as trained in Caffe, for ResNeXt as
    its model in the zoo has it, is what is taken; a settings file says more.

    Args:
        weights: of `read_weights`.
        names: of the classes; invented where empty.

    Raises:
        ConfigError: this is no Mask R-CNN or Faster R-CNN on a ResNet.
    """
    if not any(name.startswith("roi_heads.") for name in weights):
        return _of_trunk(weights)
    neck = "fpn" if "backbone.fpn_lateral2.weight" in weights else "dc5"
    neck = "c4" if "roi_heads.res5.0.conv1.weight" in weights else neck
    trunk = "backbone.bottom_up." if neck == "fpn" else "backbone."
    config = _of_trunk({k.removeprefix(trunk): v for k, v in weights.items() if k.startswith(trunk)}, neck)
    score, refine = (_needed(weights, f"roi_heads.box_predictor.{n}.weight") for n in ("cls_score", "bbox_pred"))
    classes = len(score) - 1
    if names and len(names) != classes:
        raise ConfigError(f"{len(names)} names are given, the checkpoint has {classes} classes")
    return replace(
        config,
        names=names or tuple(f"class {i}" for i in range(classes)),
        agnostic_boxes=len(refine) == 4 and classes > 1,
        **_of_heads(weights, classes),
    )


def _of_trunk(weights: Mapping[str, Tensor], neck: str = "fpn") -> ModelConfig:
    middle = _needed(weights, "res4.0.conv2.weight")
    blocks = len({name.split(".")[1] for name in weights if name.startswith("res4.")})
    net = {6: "r50", 23: "r101"}.get(blocks)
    grouped = len(middle) != middle.shape[1]
    if net is None or (grouped and (net != "r101" or len(middle) != 32 * middle.shape[1])):
        raise ConfigError(f"its third stage has {blocks} blocks and {len(middle)} channels: no R50, R101 or X101-32x8d")
    caffe: dict[str, Any] = {"stride_in_1x1": False, "std": IMAGENET_STD} if grouped else {}
    return ModelConfig(backbone=f"{'x101' if grouped else net}_{neck}", **neck_defaults(neck), **caffe)


def _of_heads(weights: Mapping[str, Tensor], classes: int) -> dict[str, Any]:
    """Settings of the heads."""
    result: dict[str, Any] = {}
    layers = [name for name in weights if re.match(r"roi_heads\.box_head\.fc\d+\.weight$", name)]
    if layers:
        result |= {"box_layers": len(layers), "box_width": len(weights[layers[0]])}
    masks = weights.get("roi_heads.mask_head.predictor.weight")
    result["masks"] = masks is not None
    if masks is not None:
        count = sum(bool(re.match(r"roi_heads\.mask_head\.mask_fcn\d+\.weight$", name)) for name in weights)
        result |= {"agnostic_masks": len(masks) == 1 and classes > 1, "mask_convolutions": count}
        result["mask_width"] = masks.shape[1]
    landmarks = weights.get("roi_heads.keypoint_head.score_lowres.weight")
    if landmarks is not None and classes == 1:
        result |= {"landmark_counts": (landmarks.shape[1],), "landmark_width": landmarks.shape[0]}
    return result


def _needed(weights: Mapping[str, Tensor], name: str) -> Tensor:
    if name not in weights or weights[name].ndim < 2:
        raise ConfigError(f"the checkpoint has no {name}: it is no Mask R-CNN or Faster R-CNN on a ResNet")
    return weights[name]


def to_ours(weights: Mapping[str, Tensor], config: ModelConfig) -> dict[str, Tensor]:
    """Weights by our names.

    Args:
        weights: of `read_weights`; either of a whole model or of a trunk alone, then the result is a part too.
        config: of the model.

    Raises:
        ConfigError: a layer is missing, has another shape, or is one that the model has not.
    """
    with torch.device("meta"):
        wanted = {k: v.shape for k, v in MatchRCNN(config).state_dict().items()}
    theirs = {name: to_detectron2(name, config.neck) for name in wanted}
    if not any(name.startswith("roi_heads.") for name in weights):
        theirs = _trunk_names(theirs)
    found = {ours: _of(weights, name) for ours, name in theirs.items() if name}
    wrong = [
        name for ours, name in theirs.items() if name and (found[ours] is None or found[ours].shape != wanted[ours])
    ]
    known = {ours: value for ours, value in found.items() if value is not None}
    _refuse(wrong, "are missing or have another shape")
    _refuse(sorted(set(weights) - set(theirs.values())), "are of a layer that is not known here")
    return known


def _trunk_names(theirs: Mapping[str, str]) -> dict[str, str]:
    """Of our names those that a trunk fills, the last stage on boxes included."""
    starts = re.compile(r"^(backbone\.bottom_up\.|backbone\.|roi_heads\.(?=res5))(?=stem|res)")
    return {ours: starts.sub("", name) for ours, name in theirs.items() if starts.match(name)}


def _of(weights: Mapping[str, Tensor], name: str) -> Tensor | None:
    """A weight; statistics that were folded into scale and shift are those of no change."""
    if name in weights:
        return weights[name]
    root, _, part = name.rpartition(".")
    if part in ("running_mean", "running_var") and f"{root}.bias" in weights:
        bias = weights[f"{root}.bias"]
        return torch.zeros_like(bias) if part == "running_mean" else torch.ones_like(bias)
    return None


def _refuse(names: list[str], what: str) -> None:
    if names:
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        raise ConfigError(f"{', '.join(names[:_SHOWN])}{more} {what}; only Mask R-CNN and Faster R-CNN are converted")


def convert(
    path: Path, out: Path, unpickle: bool = False, settings: Path | None = None, names: tuple[str, ...] = ()
) -> ModelConfig:
    """Write a checkpoint of Detectron2 as one of ours.

    Args:
        path: see `read_weights`.
        out: file for `training.match_rcnn.files`.
        unpickle: whether a `.pkl` may be read.
        settings: Detectron2's settings file of the model; see `config_of` for what holds without.
        names: of the classes.

    Returns:
        The settings of the model.

    Raises:
        ConfigError: see `read_weights`, `config_of`, `with_settings` and `to_ours`.
        BackendError: see `read_yaml`.
    """
    weights = read_weights(path, unpickle)
    config = config_of(weights, names)
    if settings is not None:
        config = with_settings(config, read_yaml(settings))
    save_model(out, config, to_ours(weights, config), f"Detectron2, {path.name}")
    return config


def keep(path: Path, out: Path, unpickle: bool = False) -> int:
    """Write a checkpoint of Detectron2 as a file of tensors by its own names, which Detectron2 reads too.

    Args:
        path: see `read_weights`.
        out: file to write, replaced whole.
        unpickle: whether a `.pkl` may be read.

    Returns:
        How many tensors it holds.

    Raises:
        ConfigError: see `read_weights`.
    """
    weights = read_weights(path, unpickle)
    save_checkpoint(out, {"model": weights})
    return len(weights)
