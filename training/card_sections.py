"""What a bundle's card says of each model, whichever files the model is exported to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matcher.taxonomy import TYPES
from training.classifier.config import TypesConfig
from training.embedder.model import EmbedderModelConfig


def detector_section(
    files: dict[str, str],
    sides: tuple[int, int],
    normalisation: tuple[Sequence[float], Sequence[float]],
    mask_size: int,
    score_threshold: float,
    nms_iou: float,
    more: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """The section "detector"; `measured` is left to the evaluation.

    Args:
        files: {"file": ...}, and "mask_file" where masks have one of their own.
        sides: short side and longest side in pixels that pictures are brought to.
        normalisation: means and standard deviations of the channels, BGR.
        mask_size: side of the masks in cells.
        score_threshold: from which on a box is a garment.
        nms_iou: overlap above which the weaker of two boxes is dropped.
        more: further entries.
    """
    (short_side, max_side), (mean, std) = sides, normalisation
    size = {"short_side": short_side, "max_side": max_side, "stride": 32}
    return {
        **files,
        "types": list(TYPES),
        **(more or {}),
        "input": {**size, "colour": "BGR", "mean": list(mean), "std": list(std)},
        "mask_size": mask_size,
        "score_threshold": score_threshold,
        "nms_iou": nms_iou,
        "measured": {},
    }


def classifier_section(file: str, config: TypesConfig) -> dict[str, Any]:
    """The section "classifier", without measured figures."""
    size = {"size": config.size, "margin": config.margin, "colour": "BGR"}
    return {"file": file, "types": list(TYPES), "weight": config.weight, "input": size}


def embedder_section(file: str, config: EmbedderModelConfig) -> dict[str, Any]:
    """The section "embedder", without calibration and measured figures."""
    size = {"size": config.size, "margin": config.margin, "colour": "BGR", "mask": True, "refine": config.refine}
    return {"file": file, "dimension": config.dimension, "input": size}
