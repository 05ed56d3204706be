"""What a type classifier confuses, on the garments kept out of training: top-k, calibration, a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from matcher.taxonomy import TYPES
from training.classifier.config import TypesConfig
from training.classifier.evaluate import predict
from training.data.garment_crops import PHOTO, VALIDATION, WORN, Garments
from training.evaluation.output import write_json
from training.evaluation.plots import confusion_picture, save
from training.evaluation.types_report import types_report

# Photographed garments alone: a drawn one is easier, and there are as many as one likes.
KINDS = (PHOTO, WORN)
REPORT, PICTURE = "report.json", "confusion.png"


def report_of(model: nn.Module, garments: Garments, config: TypesConfig) -> dict[str, Any]:
    """Figures over all types, on validation rows of `KINDS`; see `training.evaluation.types_report`.

    Args:
        model: a classifier of `training.classifier.networks`; types that it does not know are all missed.
        garments: rows of which those of the validation split are asked.
        config: its recipe.

    Returns:
        The report, with "photos", how many rows were asked; empty when there are none.
    """
    probs, truth = answers_of(model, garments, config)
    answers = [(row, int(type_id)) for row, type_id in zip(probs, truth, strict=True)]
    return {"photos": len(answers), **types_report(answers)} if answers else {}


def answers_of(
    model: nn.Module, garments: Garments, config: TypesConfig
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Probabilities (N, T) and true type ids (N,) of the validation rows of `KINDS`; arguments as for `report_of`."""
    kinds = [kind for kind in KINDS if garments.find(VALIDATION, (kind,))]
    found = [predict(model, garments, kind, config.size, config.margin) for kind in kinds]
    empty = np.zeros((0, len(TYPES)), np.float32), np.zeros(0, np.int64)
    probs, truth = zip(empty, *found, strict=True)
    return np.concatenate(probs), np.concatenate(truth)


def write_report(report: dict[str, Any], folder: Path, title: str) -> Path | None:
    """Write `report.json` and `confusion.png`; returns the picture's path, None for an empty report."""
    if not report:
        return None
    write_json(folder / REPORT, report)
    return save(folder / PICTURE, confusion_picture(np.array(report["confusion"]), report["types"], title))
