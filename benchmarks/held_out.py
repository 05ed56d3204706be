"""Held-out pairs for short comparisons: the try-on benchmark's queries and gallery, with true boxes and masks."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from benchmarks.entrants import Entrant, described, histogram
from benchmarks.items import View
from benchmarks.recall import Task, figures, rivals_of
from benchmarks.try_on import Shop
from benchmarks.vectors import vectors_of
from matcher.boxes import clip
from training.data.garment_crops import Garment, Garments
from training.embedder.baselines import describe_with
from training.embedder.collapse import spread_of
from training.embedder.sampler import PairSource
from training.evaluation.output import Progress, silent

RECALLS = ("recall@1", "recall@5", "recall@20", "hard@1")


class HeldOut:
    """What entrants are measured on."""

    def __init__(self, shop: Shop, cache: Path, workers: int = 1, progress: Progress = silent) -> None:
        """Take a shop of `benchmarks.try_on.make_shop`; vectors are kept in `cache`."""
        self._shop, self._cache, self._workers, self._progress = shop, cache, workers, progress

    @property
    def text(self) -> str:
        """A sentence about the queries and the gallery."""
        shop = self._shop
        return (
            f"{len(shop.queries)} worn garments ask for their shop photo among {len(shop.types)} products "
            f"({len(shop.products)} of them held out, the others distractors); boxes and masks are given. Hard: among "
            "the 50 products of the type whose colours are nearest."
        )

    def entrant(self, name: str, model: nn.Module, checkpoint: Path) -> Entrant:
        """A trained embedder, with vectors kept by its checkpoint.

        Args:
            name: for the table.
            model: takes crops and masks, and has `config` with their `size` and `margin`.
            checkpoint: its file.
        """
        key = hashlib.sha256(checkpoint.read_bytes()).hexdigest()
        describe = describe_with(model, getattr(model.config, "refine", False))  # older ones know of no such thing
        return described(name, key, describe, model.config.size, model.config.margin)

    def vectors(self, entrant: Entrant) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Queries (Q, D) and gallery (G, D): the products, then the distractors."""
        asked, own, others = (self._of(entrant, part) for part in ("queries", "products", "distractors"))
        return asked, np.concatenate([own, others])

    def cosine(self, entrant: Entrant) -> dict[str, float]:
        """Recalls by cosine, and how far the products' embeddings lie apart."""
        queries, gallery = self.vectors(entrant)
        spread = spread_of(torch.from_numpy(gallery))
        return self.recalls(queries @ gallery.T) | {
            "variance": round(spread.variance, 4),
            "rank": round(spread.rank, 2),
        }

    def recalls(self, scores: NDArray[np.float32]) -> dict[str, float]:
        """Shares of the queries for a score matrix (Q, G)."""
        found: dict[str, Any] = figures(scores, self._task)["all"]
        return {name: found[name] for name in RECALLS}

    def _of(self, entrant: Entrant, part: str) -> NDArray[np.float32]:
        items = getattr(self._shop, part)
        made = vectors_of(
            [entrant],
            items,
            lambda row, image: items.items[row].view(image),
            "given",
            self._cache,
            self._workers,
            self._progress,
        )
        return made[entrant.name]

    @cached_property
    def _task(self) -> Task:
        shop = self._shop
        colours = np.concatenate([self._of(histogram(), part) for part in ("products", "distractors")])
        everything = np.ones((len(shop.queries), len(shop.types)), bool)
        rivals = rivals_of(shop.own, colours, shop.types)
        return Task(shop.own, everything, np.ones(len(shop.queries), bool), rivals, {})


def training_pairs(garments: Garments, count: int, seed: int = 1) -> list[tuple[View, View]]:
    """Training garments as somebody wears them and as a shop shows them, spread over the data.

    Args:
        garments: rows of which those of the training split are taken.
        count: pairs at most.
        seed: chooses among the people who wear a garment.
    """
    source, rng = PairSource(garments), np.random.default_rng(seed)
    # A garment whose worn picture is its shop's picture says nothing about a pair.
    pairs = [pair for pair in (source.pair(name, rng) for name in source.identities) if pair.shop != pair.worn]
    chosen: Sequence = pairs[:: max(len(pairs) // max(count, 1), 1)][:count]
    return [(view_of(garments[pair.worn]), view_of(garments[pair.shop])) for pair in chosen]


def view_of(garment: Garment) -> View:
    """A row of a store as a benchmark sees a garment; the row's mask is cut to its box."""
    box = clip(np.asarray(garment.row.box, np.float32), garment.mask.shape[1], garment.mask.shape[0])
    x0, y0, x1, y1 = (int(round(float(v))) for v in box)
    mask = garment.mask[y0 : max(y1, y0 + 1), x0 : max(x1, x0 + 1)].astype(np.float32) / 255
    return View(garment.image, box.astype(np.float32), mask)
