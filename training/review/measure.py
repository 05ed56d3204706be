"""Does it find judged garments better than before? Recall over the shop's pictures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from matcher.boxes import crop_square
from matcher.outline import refined
from training.data.garment_crops import PACKSHOT, TRYON, Garment, GarmentStore
from training.embedder.model import Embedder

_BATCH = 32


@dataclass(frozen=True)
class Recall:
    """Shares of 1 over `queries`; `gallery` pictures of products were searched, of the same type alone."""

    queries: int
    gallery: int
    recall1: float
    recall5: float


def recall_of(model: Embedder, store: GarmentStore, split: str) -> Recall:
    """How often a seen garment of a split finds its product among all pictures of products of its type."""
    queries = [i for i, row in enumerate(store.rows) if row.kind == TRYON and row.split == split]
    gallery = [i for i, row in enumerate(store.rows) if row.kind == PACKSHOT]
    if not queries or not gallery:
        return Recall(len(queries), len(gallery), float("nan"), float("nan"))
    scores = embed(model, store, queries) @ embed(model, store, gallery).T
    rows = store.rows
    for i, query in enumerate(queries):
        other = [rows[j].type_id != rows[query].type_id for j in gallery]
        scores[i, other] = -np.inf
    order = np.argsort(-scores, axis=1, kind="stable")
    hits = np.array([[rows[gallery[j]].identity for j in line[:5]] for line in order]) == np.array(
        [[rows[query].identity] for query in queries]
    )
    return Recall(len(queries), len(gallery), float(hits[:, 0].mean()), float(hits.any(1).mean()))


@torch.no_grad()
def embed(model: Embedder, store: GarmentStore, numbers: list[int]) -> NDArray[np.float32]:
    """(N, D) embeddings of garments as the matcher makes them: cropped, masked, not changed otherwise."""
    model = model.eval()
    parts = []
    for start in range(0, len(numbers), _BATCH):
        views = [_view(store[i], model) for i in numbers[start : start + _BATCH]]
        crops, masks = (np.stack(column) for column in zip(*views, strict=True))
        masks = refined(crops, masks) if model.config.refine else masks
        parts.append(model(torch.from_numpy(crops), torch.from_numpy(masks)).numpy())
    return np.concatenate(parts)


def _view(garment: Garment, model: Embedder) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    box, size, margin = np.array(garment.row.box, np.float32), model.config.size, model.config.margin
    mask = np.repeat(garment.mask[:, :, None], 3, 2)
    inside = crop_square(mask, box, size, margin)[:, :, 0].astype(np.float32) / 255
    return crop_square(garment.image, box, size, margin), inside
