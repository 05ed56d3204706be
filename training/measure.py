"""Measures trained weights on the validation split and writes the figures beside the checkpoint, for the card."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from torch import nn

from matcher.taxonomy import TYPES
from training.classifier.config import TypesConfig
from training.classifier.evaluate import SCORED, predict, score
from training.data.garment_crops import DRAWN, FLAT, PHOTO, TRYON, VALIDATION, WORN, Garments
from training.embedder.baselines import ImageNetTrunk, describe_with, hsv_histogram
from training.embedder.calibration import calibrate
from training.embedder.config import EmbedderConfig
from training.embedder.evaluate import compare, show
from training.embedder.model import Embedder

FIGURES = "measured.json"


def measure_types(model: nn.Module, garments: Garments, config: TypesConfig) -> dict[str, Any]:
    """Top-1 and top-2 by kind of crop.

    Of our own sources five types are candidates, see `training.classifier.evaluate`; of a data set all that it has.
    """
    result = {}
    own = {TYPES[row.type_id] for row in garments.rows} if config.data.set else SCORED
    for kind, alone in ((PHOTO, False), (FLAT, False), (WORN, False), (WORN, True), (TRYON, False), (DRAWN, False)):
        if garments.find(VALIDATION, (kind,)):
            scores = asdict(score(*predict(model, garments, kind, config.size, config.margin, alone), own))
            scores["per_type"] = {name: round(top1, 4) for name, (top1, _) in scores["per_type"].items()}
            result[f"{kind}, cut to its box" if alone else kind] = _rounded(scores)
    return {"measured": result}


def measure_embedder(
    model: Embedder, garments: Garments, config: EmbedderConfig, distractors: int | None = None
) -> dict[str, Any]:
    """Recalls of the embedder and of both baselines, and the thresholds of the tiers."""
    queries, gallery = show(garments, model.config.size, model.config.margin, distractors)
    describers = {
        "embedder": describe_with(model, model.config.refine),
        "hsv_histogram": hsv_histogram,
        "imagenet_trunk": describe_with(ImageNetTrunk(config.weights)),
    }
    results, matrices = compare(describers, queries, gallery, hsv_histogram)
    table = {name: {part: _rounded(asdict(r)) for part, r in parts.items()} for name, parts in results.items()}
    return {"measured": table, "calibration": calibrate(matrices["embedder"], queries.types, gallery.types)}


def _rounded(figures: dict[str, Any]) -> dict[str, Any]:
    return {key: round(value, 4) if isinstance(value, float) else value for key, value in figures.items()}


def write_figures(folder: Path, figures: dict[str, Any]) -> Path:
    """Write the figures to `measured.json` in a run folder."""
    path = folder / FIGURES
    path.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return path


def read_figures(checkpoint: Path) -> dict[str, Any]:
    """The figures beside a checkpoint; empty when it has not been measured."""
    path = checkpoint.with_name(FIGURES)
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def table(figures: dict[str, Any]) -> list[tuple[str, ...]]:
    """Rows (description, part, recall@1, @5, @20, hard) of an embedder's figures, as percentages."""
    return [
        (name, part, *(f"{100 * r[key]:.1f}" for key in ("recall1", "recall5", "recall20", "hard1")))
        for name, parts in figures["measured"].items()
        for part, r in parts.items()
    ]
