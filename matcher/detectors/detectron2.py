"""Models of Detectron2, run by Detectron2 itself: a settings file and a checkpoint as they are.

Imported only when one is asked for. Detectron2 is in no registry of packages; it is installed from its repository.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matcher.boxes import clip
from matcher.detectors.classes import Classes
from matcher.errors import BackendError, ConfigError

_INSTALL = "see https://detectron2.readthedocs.io/tutorials/install.html"
_DERIVED = ("pixel_mean", "pixel_std", "anchor_generator", "num_batches_tracked")  # not weights: built from settings


class Detectron2Session:
    """A `Session` for the detect stage: `image` (1, H, W, 3) uint8 BGR of any size in; `boxes` in its pixels out."""

    def __init__(self, config: Path, weights: Path, mapping: Path | None, device: str = "cpu") -> None:
        """Build the model and load its weights; nothing is unpickled.

        Args:
            config: Detectron2's settings (.yaml).
            weights: `.pth` with tensors alone.
            mapping: file that says which classes are which types; None = by name.
            device: cpu or cuda.

        Raises:
            BackendError: Detectron2 or the device is missing.
            ConfigError: a file cannot be read, they do not fit together, or the classes are not mapped.
        """
        _need(device)
        settings = _settings(config, device)
        self.provider = f"detectron2 {device}"
        self._rgb = settings.INPUT.FORMAT == "RGB"
        self._sides = settings.INPUT.MIN_SIZE_TEST, settings.INPUT.MAX_SIZE_TEST
        self._classes = Classes.of(_class_names(settings), mapping)
        self._model = _model(settings, weights)
        count = settings.MODEL.ROI_HEADS.NUM_CLASSES
        if len(self._classes.names) != count:
            raise ConfigError(f"{config} has {count} classes, but {len(self._classes.names)} names are known")

    def run(self, image: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        """Find what may be garments.

        Returns:
            `boxes` (P, 4) xyxy in pixels of the picture, `scores` (P, T) with the one score that Detectron2 gives
            each box, and what `RoiMasks` reads.
        """
        import torch
        from detectron2.data.transforms import ResizeShortestEdge

        height, width = image.shape[1:3]
        fitted = ResizeShortestEdge([self._sides[0]] * 2, self._sides[1]).get_transform(image[0]).apply_image(image[0])
        planes = np.ascontiguousarray((fitted[:, :, ::-1] if self._rgb else fitted).transpose(2, 0, 1))
        with torch.inference_mode():
            found = self._model.inference([{"image": torch.from_numpy(planes)}], do_postprocess=False)[0].to("cpu")
        scale = np.array([width / fitted.shape[1], height / fitted.shape[0]] * 2, np.float32)
        return self._as_types(found, scale, (width, height))

    def _as_types(self, found: Any, scale: NDArray[np.float32], size: tuple[int, int]) -> dict[str, NDArray]:
        types = self._classes.types[found.pred_classes.numpy()]
        boxes = clip(found.pred_boxes.tensor.numpy() * scale, *size)
        kept = np.flatnonzero((types >= 0) & (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1]))
        by_class = np.zeros((len(self._classes.names), len(kept)), np.float32)
        by_class[found.pred_classes.numpy()[kept], np.arange(len(kept))] = found.scores.numpy()[kept]
        scores = self._classes.to_types(by_class)
        masks = found.pred_masks[:, 0].numpy()[kept] if found.has("pred_masks") else np.ones((len(kept), 2, 2))
        return {
            "boxes": boxes[kept],
            "scores": scores,
            "found": boxes[kept],
            "found_scores": scores,
            "found_masks": np.ascontiguousarray(masks, np.float32),
        }


def _need(device: str) -> None:
    try:
        import detectron2  # noqa: F401
        import torch
    except ImportError as error:
        raise BackendError(
            f"{error.name} is not installed; install Detectron2 from its repository: {_INSTALL}"
        ) from error
    if device not in ("cpu", "cuda"):
        raise BackendError(f"Detectron2 runs on cpu or cuda, not on {device}")
    if device == "cuda" and not torch.cuda.is_available():
        raise BackendError("this machine has no GPU that torch can use; set device to cpu")


def _settings(path: Path, device: str) -> Any:
    import yaml
    from detectron2.config import get_cfg

    settings = get_cfg()
    try:
        # Unsafe YAML, which Detectron2 reads by default, can run code.
        settings.merge_from_file(str(path), allow_unsafe=False)
    except (
        OSError,
        RecursionError,
        KeyError,
        ValueError,
        TypeError,
        AttributeError,
        AssertionError,
        yaml.YAMLError,
    ) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ConfigError(f"{path} cannot be read as settings of Detectron2: {reason}") from error
    if settings.MODEL.META_ARCHITECTURE != "GeneralizedRCNN":
        raise ConfigError(f"{path} is of a {settings.MODEL.META_ARCHITECTURE}; only GeneralizedRCNN is run")
    settings.MODEL.DEVICE, settings.MODEL.WEIGHTS = device, ""
    return settings


def _class_names(settings: Any) -> tuple[str, ...]:
    """The names that Detectron2 knows of the training set; () of a set that was registered elsewhere."""
    from detectron2.data import DatasetCatalog, MetadataCatalog

    known = [name for name in settings.DATASETS.TRAIN if name in DatasetCatalog.list()]
    return tuple(MetadataCatalog.get(known[0]).get("thing_classes", ())) if known else ()


def _model(settings: Any, path: Path) -> Any:
    from detectron2.modeling import build_model

    model = build_model(settings).eval()
    weights = _weights(path)
    wanted = {k: v.shape for k, v in model.state_dict().items() if not any(part in k for part in _DERIVED)}
    wrong = sorted(k for k, shape in wanted.items() if k not in weights or weights[k].shape != shape)
    if wrong:
        raise ConfigError(f"{path} does not fit its settings: {wrong[0]} is missing or has another shape")
    model.load_state_dict({k: weights[k] for k in wanted}, strict=False)
    return model


def _weights(path: Path) -> dict[str, Any]:
    import torch

    if path.suffix == ".pkl":
        raise ConfigError(
            f"{path} is a pickle, which is not read here; turn it into tensors first: asworn convert detectron2 {path}"
            f" --unpickle --keep-names --out {path.with_suffix('.pth')}"
        )
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, pickle.UnpicklingError, EOFError, ValueError) as error:
        raise ConfigError(f"cannot read the checkpoint {path}: {str(error).splitlines()[0]}") from error
    weights = state.get("model", state) if isinstance(state, dict) else None
    if not isinstance(weights, dict):
        raise ConfigError(f"{path} holds no weights by name")
    return {str(k).removeprefix("module."): v for k, v in weights.items() if isinstance(v, torch.Tensor)}
