"""How often the type classifier is right, on crops that were not trained on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from matcher.boxes import crop_square
from matcher.taxonomy import TYPE_IDS, TYPES
from training.classifier.model import TypeProbabilities
from training.data.garment_crops import VALIDATION, Garment, Garments

SCORED = ("dresses", "footwear", "pants", "skirts", "tops")
PAD = 0.05  # of a garment's longer side, kept around it where it is cut out


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
def predict(
    model: nn.Module, garments: Garments, kind: str, size: int, margin: float, alone: bool = False
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Probabilities (N, T) and true type ids (N,) of the validation rows of a kind, seen as at run time.

    Args:
        model: the classifier, see `training.classifier.networks`.
        garments: rows of which those of the validation split and of `kind` are taken.
        kind: see `training.data.garment_crops`.
        size, margin: of the crops.
        alone: whether each garment comes as a picture of its own, cut to its box with `PAD` around it.
    """
    answer = TypeProbabilities(model).eval()
    rows = garments.find(VALIDATION, (kind,))
    probs = []
    for at in range(0, len(rows), 32):
        views = [_alone(garments[i]) if alone else _in_place(garments[i]) for i in rows[at : at + 32]]
        crops = np.stack([crop_square(image, box, size, margin) for image, box in views])
        both = torch.from_numpy(np.concatenate((crops, crops[:, :, ::-1])))
        probs.append(answer(both).numpy().reshape(2, len(views), -1).mean(0))
    return np.concatenate(probs), np.array([garments.rows[i].type_id for i in rows])


def _in_place(garment: Garment) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    return garment.image, np.array(garment.row.box, np.float32)


def _alone(garment: Garment) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """As a user who crops garments would keep them: picture and box are one."""
    x0, y0, x1, y1 = garment.row.box
    pad = PAD * max(x1 - x0, y1 - y0)
    cut = garment.image[max(int(y0 - pad), 0) : int(y1 + pad) + 1, max(int(x0 - pad), 0) : int(x1 + pad) + 1]
    return cut, np.array((0, 0, cut.shape[1], cut.shape[0]), np.float32)
