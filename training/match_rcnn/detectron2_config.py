"""Detectron2's settings files: what in them shapes a Mask R-CNN, read without Detectron2."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from matcher.errors import BackendError, ConfigError
from training.match_rcnn.config import ModelConfig

_MOST_BASES = 8
_MOST_BYTES = 1_000_000
# Setting -> the only value that is converted; what is not said has this value.
_FIXED: dict[str, Any] = {
    "MODEL.META_ARCHITECTURE": "GeneralizedRCNN",
    "MODEL.FPN.NORM": "",
    "MODEL.FPN.FUSE_TYPE": "sum",
    "MODEL.RESNETS.NORM": "FrozenBN",
    "MODEL.ANCHOR_GENERATOR.OFFSET": 0.0,
    "MODEL.ROI_BOX_HEAD.POOLER_TYPE": "ROIAlignV2",
    "MODEL.ROI_BOX_HEAD.POOLER_SAMPLING_RATIO": 0,
    "MODEL.ROI_MASK_HEAD.POOLER_TYPE": "ROIAlignV2",
    "MODEL.ROI_BOX_HEAD.USE_SIGMOID_CE": False,
    "MODEL.ROI_BOX_HEAD.BBOX_REG_WEIGHTS": (10.0, 10.0, 5.0, 5.0),
    "MODEL.PROPOSAL_GENERATOR.MIN_SIZE": 0,
}
_PLAIN = {
    "MODEL.RESNETS.STRIDE_IN_1X1": "stride_in_1x1",
    "MODEL.RPN.NMS_THRESH": "proposal_nms",
    "MODEL.ROI_HEADS.SCORE_THRESH_TEST": "score_threshold",
    "MODEL.ROI_HEADS.NMS_THRESH_TEST": "nms_iou",
    "TEST.DETECTIONS_PER_IMAGE": "detections",
    "MODEL.ROI_BOX_HEAD.POOLER_RESOLUTION": "box_cells",
    "MODEL.ROI_MASK_HEAD.POOLER_RESOLUTION": "mask_cells",
}


def read_yaml(path: Path) -> dict[str, Any]:
    """The settings of a file and of those that it builds on (`_BASE_`), flat: "MODEL.RESNETS.DEPTH" to value.

    Raises:
        ConfigError: a file cannot be read or is no table of settings.
        BackendError: PyYAML is missing.
    """
    flat: dict[str, Any] = {}
    for _ in range(_MOST_BASES):
        table = _load(path)
        base = table.pop("_BASE_", "")
        flat = {**_flat(table), **flat}
        if not base:
            return flat
        if not isinstance(base, str) or "://" in base:
            raise ConfigError(f"{path} builds on {str(base)[:80]!r}, which is no file on this machine")
        path = path.parent / base
    raise ConfigError(f"{path}: more than {_MOST_BASES} files that build on one another")


def _load(path: Path) -> dict[str, Any]:
    try:
        import yaml
    except ImportError as error:
        raise BackendError("Detectron2's settings files need PyYAML: pip install 'asworn[train]'") from error
    try:
        with path.open("rb") as file:
            table = yaml.safe_load(file.read(_MOST_BYTES))
    except (OSError, yaml.YAMLError, RecursionError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read the settings {path}: {error}") from error
    if not isinstance(table, dict):
        raise ConfigError(f"{path} is no table of settings")
    return table


def _flat(table: Mapping[Any, Any], root: str = "") -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in table.items():
        result |= _flat(value, f"{root}{key}.") if isinstance(value, Mapping) else {f"{root}{key}": value}
    return result


def with_settings(config: ModelConfig, settings: Mapping[str, Any]) -> ModelConfig:
    """What weights do not show.

    Args:
        config: of `training.match_rcnn.detectron2.config_of`.
        settings: of `read_yaml`.

    Raises:
        ConfigError: a setting has a value that is not converted.
    """
    for name, value in _FIXED.items():
        found = settings.get(name, value)
        if (_tuple(found) if isinstance(value, tuple) else found) != value:
            raise ConfigError(f"{name} is {str(found)[:80]!r}; only {value!r} is converted")
    changes = {ours: settings[name] for name, ours in _PLAIN.items() if name in settings}
    changes |= _colours(settings) | _proposals(config, settings)
    try:
        return replace(config, **changes)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"the settings cannot be used: {error}") from error


def _colours(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Pixel statistics; Detectron2 gives them in the network's order, here it is always BGR."""
    rgb = settings.get("INPUT.FORMAT", "BGR") == "RGB"
    result: dict[str, Any] = {"rgb": rgb}
    for name, ours in (("MODEL.PIXEL_MEAN", "mean"), ("MODEL.PIXEL_STD", "std")):
        if name in settings:
            values = _tuple(settings[name])
            if len(values) != 3:
                raise ConfigError(f"{name} must be three numbers")
            result[ours] = values[::-1] if rgb else values
    return result


def _proposals(config: ModelConfig, settings: Mapping[str, Any]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name, ours in (("PRE_NMS_TOPK", "before_nms"), ("POST_NMS_TOPK", "proposals")):
        train, test = getattr(config, ours)
        keys = f"MODEL.RPN.{name}_TRAIN", f"MODEL.RPN.{name}_TEST"
        result[ours] = (int(settings.get(keys[0], train)), int(settings.get(keys[1], test)))
    sizes, ratios = (settings.get(f"MODEL.ANCHOR_GENERATOR.{n}") for n in ("SIZES", "ASPECT_RATIOS"))
    if sizes:
        result["anchors"] = tuple(_tuple(level) for level in sizes)
    if ratios:
        if len(ratios) != 1:
            raise ConfigError("MODEL.ANCHOR_GENERATOR.ASPECT_RATIOS differ from map to map, which is not converted")
        result["anchor_ratios"] = _tuple(ratios[0])
    return result


def _tuple(values: Any) -> tuple[float, ...]:
    """A list, or Detectron2's way of writing a tuple as text."""
    if isinstance(values, str):
        values = values.strip("() ").split(",")
    try:
        return tuple(float(v) for v in values if str(v).strip())
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{str(values)[:80]!r} is no list of numbers") from error
