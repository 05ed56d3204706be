"""How often the type classifier is right, on crops that were not trained on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from matcher.boxes import crop_square
from matcher.taxonomy import TYPE_IDS, TYPES
from training.classifier.model import TypeClassifier
from training.data.garment_crops import VALIDATION, Garments

SCORED = ("dresses", "footwear", "pants", "skirts", "tops")


@dataclass(frozen=True)
class TypeScores:
    """Shares of 1 over `count` crops; `per_type` maps a type to its top-1 and its number of crops."""

    count: int
    top1: float
    top2: float
    per_type: dict[str, tuple[float, int]]


def restrict(probs: NDArray[np.float32], candidates: Iterable[str]) -> NDArray[np.float32]:
    """Probabilities (N, T) with only candidate types left; leggings count as pants where they are no candidate."""
    names = set(candidates)
    probs = probs.copy()
    if "leggings" not in names:
        probs[:, TYPE_IDS["pants"]] += probs[:, TYPE_IDS["leggings"]]
    probs[:, [i for i, name in enumerate(TYPES) if name not in names]] = 0
    return probs


def score(probs: NDArray[np.float32], truth: NDArray[np.int64], candidates: Iterable[str] = SCORED) -> TypeScores:
    """Compare probabilities (N, T) with true type ids (N,); rows whose true type is no candidate are left out."""
    names = set(candidates)
    if "leggings" not in names:
        truth = np.where(truth == TYPE_IDS["leggings"], TYPE_IDS["pants"], truth)
    kept = np.isin(truth, [TYPE_IDS[name] for name in names])
    order = np.argsort(-restrict(probs[kept], names), axis=1, kind="stable")
    truth = truth[kept]
    first = order[:, 0] == truth
    second = first | (order[:, 1] == truth)
    per_type = {
        name: (float(first[truth == TYPE_IDS[name]].mean()), int((truth == TYPE_IDS[name]).sum()))
        for name in sorted(names)
        if (truth == TYPE_IDS[name]).any()
    }
    return TypeScores(len(truth), float(first.mean()), float(second.mean()), per_type)


@torch.no_grad()
def predict(model: TypeClassifier, garments: Garments, kind: str, size: int, margin: float) -> tuple[NDArray, NDArray]:
    """Probabilities (N, T) and true type ids (N,) of the validation rows of a kind, cut as at run time."""
    model.eval()
    rows = garments.find(VALIDATION, (kind,))
    probs = []
    for at in range(0, len(rows), 32):
        batch = [garments[i] for i in rows[at : at + 32]]
        crops = [crop_square(g.image, np.array(g.row.box, np.float32), size, margin) for g in batch]
        probs.append(model(torch.from_numpy(np.stack(crops))).softmax(1).numpy())
    return np.concatenate(probs), np.array([garments.rows[i].type_id for i in rows])
