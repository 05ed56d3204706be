"""Type classifiers of older work beside ours, each trained for the same number of crops of the same data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from benchmarks.comparison import COUNT, SECONDS, SHARE, TEXT, Column, Comparison
from benchmarks.recipes import Budget, recipe
from matcher.bundle import Bundle
from matcher.stages.models import Runtime
from matcher.taxonomy import TYPES
from training.classifier.config import TypesConfig
from training.classifier.evaluate import SCORED, score
from training.classifier.report import answers_of, write_report
from training.classifier.train import train
from training.data.garment_crops import Garments
from training.evaluation.output import Progress, silent
from training.evaluation.types_report import types_report
from training.export_bundle import load_types
from training.journal import spent
from training.mixture import GarmentData, open_garments

FIVE = tuple(name for name in SCORED)
_COLUMNS = (
    Column("name", "classifier", TEXT),
    Column("parameters", "parameters", COUNT),
    Column("seconds", "training", SECONDS),
    Column("top1", "all types: top-1", SHARE),
    Column("top2", "top-2", SHARE),
    Column("five1", "five types: top-1", SHARE),
    Column("five2", "top-2", SHARE),
)


@dataclass(frozen=True)
class Classic:
    """One entrant: its name in the table, its packaged recipe, and the types that it is to know where not the recipe's.

    `name` is also that of its run folder, with dashes.
    """

    name: str
    recipe: str
    types: tuple[str, ...] | None = None

    @property
    def folder(self) -> str:
        """Name of its run folder."""
        return "".join(c if c.isalnum() else "-" for c in self.name)


ENTRANTS = (
    Classic("28x28 grey", "train_types_grey28"),
    Classic("64x64 deeper", "train_types_deep64"),
    Classic("64x64, six classes", "train_types_six64"),
    Classic("64x64, five classes", "train_types_six64", FIVE),
    Classic("ours", "train_types"),
)


class ShippedTypes(nn.Module):
    """The classifier of a bundle in the place of a network: gives logarithms of its probabilities."""

    def __init__(self, bundle: Bundle) -> None:
        """Open it; see `matcher.stages.models.Runtime.load` for the errors."""
        super().__init__()
        self.known = tuple(range(len(TYPES)))
        self._session = Runtime(threads=1).load(bundle, "classifier")

    def forward(self, crops: Tensor) -> Tensor:
        """uint8 BGR crops (N, S, S, 3) -> (N, types), of which the softmax is what the bundle says."""
        return torch.from_numpy(self._session.run(crops=crops.numpy())["probs"]).clamp(min=1e-12).log()


def classifiers(
    data: GarmentData,
    out: Path,
    budget: Budget,
    weights: Path,
    bundle: Bundle | None = None,
    entrants: Sequence[Classic] = ENTRANTS,
    progress: Progress = silent,
) -> Comparison:
    """Train and measure; a report and a picture of what is confused lie in each run folder.

    Args:
        data: what all are trained on.
        out: folder of the run folders; finished runs there are only measured.
        budget: of each training.
        weights: ImageNet weights that ours starts from; the older ones start from random weights.
        bundle: its classifier is measured too, without training.
        entrants: what is trained.
        progress: wraps them.

    Raises:
        ConfigError: data or weights are missing.
        TrainingError: a loss became non-finite.
    """
    garments = open_garments(data)
    rows = []
    for entrant in progress(list(entrants), "classifiers"):
        config = budgeted(entrant, data, budget, weights)
        rows.append(_trained(entrant.name, config, out / entrant.folder, garments))
    if bundle is not None:
        rows.append(_shipped(bundle, out / "shipped", garments))
    return Comparison("Type classifiers", _text(rows, budget), _COLUMNS, rows)


def budgeted(entrant: Classic, data: GarmentData, budget: Budget, weights: Path) -> TypesConfig:
    """An entrant's recipe with this data and budget; ours starts from ImageNet's trunk, not from a detector's."""
    config = recipe(TypesConfig, entrant.recipe)
    types = config.types if entrant.types is None else entrant.types
    changes = {"types": types, "batch": budget.batch, "loop": budget.loop(config.loop), "weights": weights}
    return replace(config, data=data, detector="", start="", pictures={}, **changes)


def _trained(name: str, config: TypesConfig, out: Path, garments: Garments) -> dict[str, Any]:
    model, _ = load_types(train(config, out))
    return _measured(name, model, config, out, garments) | {"seconds": spent(out)}


def _shipped(bundle: Bundle, out: Path, garments: Garments) -> dict[str, Any]:
    seen = bundle.model("classifier")["input"]
    config = TypesConfig(size=seen["size"], margin=seen["margin"])
    out.mkdir(parents=True, exist_ok=True)
    return _measured(f"ours, as shipped in {bundle.name}", ShippedTypes(bundle), config, out, garments)


def _measured(name: str, model: nn.Module, config: TypesConfig, out: Path, garments: Garments) -> dict[str, Any]:
    probs, truth = answers_of(model, garments, config)
    report = _report(probs, truth)
    write_report(report, out, name)
    five = score(probs, truth, FIVE)
    return {
        "name": name,
        "parameters": sum(p.numel() for p in model.parameters()) or None,
        "photos": len(truth),
        "top1": report["top"]["top1"],
        "top2": report["top"].get("top2", report["top"]["top1"]),  # of a single type there is no second
        "five": five.count,
        "five1": round(five.top1, 4),
        "five2": round(five.top2, 4),
    }


def _report(probs: NDArray[np.float32], truth: NDArray[np.int64]) -> dict[str, Any]:
    return {"photos": len(truth), **types_report([(row, int(one)) for row, one in zip(probs, truth, strict=True)])}


def _text(rows: Sequence[dict[str, Any]], budget: Budget) -> str:
    return (
        f"{rows[0]['photos']} garments kept out of training (whole photos of one garment, and garments of street "
        f"photos in place), {rows[0]['five']} of them of the five types {', '.join(FIVE)}. Each classifier "
        f"was trained for {budget.steps} steps of {budget.batch} crops, changed alike, and its answer "
        "is the mean over a crop and its mirror image. Ours starts from ImageNet's trunk, the older ones from random "
        "weights, as they did. Types that a classifier of five or six classes does not know count against it under all "
        "types. The shipped classifier was trained for far longer and is here for orientation."
    )
