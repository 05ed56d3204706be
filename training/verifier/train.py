"""Trains the verifier on tracks of training garments: a track's descriptor against the products nearest to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from matcher.bundle import Bundle
from training.evaluation.output import Progress, silent
from training.fusion.sets import LEARN, TrackData, simulated
from training.fusion.tracks import Track, TrackSet
from training.loop import Loop, LoopConfig
from training.settings import to_table
from training.verifier.model import VerifierModel, VerifierModelConfig


@dataclass(frozen=True)
class VerifierConfig:
    """One training run.

    Attributes:
        batch: tracks in a batch.
        depth: products that a look-up is re-ranked by; so many candidates each track has in training.
        positive: weight of the right product in the loss, against each wrong one.
    """

    seed: int = 1
    batch: int = 64
    depth: int = 20
    positive: float = 4.0
    model: VerifierModelConfig = field(default_factory=VerifierModelConfig)
    data: TrackData = field(default_factory=TrackData)
    loop: LoopConfig = field(default_factory=lambda: LoopConfig(steps=800, rate=1e-3, warmup=20))


def train(config: VerifierConfig, bundle: Bundle, out: Path, progress: Progress = silent) -> Path:
    """Train the verifier for a bundle's embedder; goes on where `out/last.pt` stopped, if it is there.

    Args:
        config: the recipe.
        bundle: its embedder describes the tracks.
        out: run folder.
        progress: wraps what is simulated first.

    Returns:
        Path of the last checkpoint.

    Raises:
        TrainingError: the loss became non-finite, or the folder holds another run.
        ConfigError: data are missing.
    """
    found = simulated(config.data, bundle, LEARN, progress)
    torch.manual_seed(config.seed)
    dimension = found.gallery.embeddings.shape[1]
    model = VerifierModel(dimension, config.model)
    recipe = {**to_table(config), "embedder": bundle.embedder_hash, "dimension": dimension}
    loop = Loop(model, config.loop, out, recipe).resumed()
    batches = PairBatches(found, config)

    def loss_of(step: int) -> tuple[Tensor, dict[str, float]]:
        queries, candidates, right = batches(step)
        logits = model.logits(queries, candidates)
        return pair_loss(logits, right, config.positive), {"recall@1": float((logits.argmax(1) == 0).float().mean())}

    return loop.run(loss_of)


def pair_loss(logits: Tensor, right: Tensor, positive: float) -> Tensor:
    """Order and probability: cross entropy among a track's candidates, and of each pair for itself.

    Args:
        logits: (N, K).
        right: (N, K) of 0 and 1; the first of each row is right.
        positive: weight of the right pairs in the second part.
    """
    first = torch.zeros(len(logits), dtype=torch.int64)
    weight = torch.tensor(positive)
    single = nn.functional.binary_cross_entropy_with_logits(logits, right, pos_weight=weight)
    return nn.functional.cross_entropy(logits, first) + single


class PairBatches:
    """The pairs of any step, from the step's number alone."""

    def __init__(self, found: TrackSet, config: VerifierConfig) -> None:
        """Draw from the tracks of a set."""
        self._found, self._config = found, config

    def __call__(self, step: int) -> tuple[Tensor, Tensor, Tensor]:
        """Queries (N, D), candidates (N, K, D) with the right product first, and which are right (N, K) of 0 and 1."""
        rng = np.random.default_rng((self._config.seed, step))
        tracks = self._found.tracks
        chosen = [tracks[i] for i in rng.choice(len(tracks), min(self._config.batch, len(tracks)), replace=False)]
        queries = np.stack([some_views(track, rng) for track in chosen])
        rows = np.stack([self._candidates(track, query) for track, query in zip(chosen, queries, strict=True)])
        right = np.zeros(rows.shape, np.float32)
        right[:, 0] = 1
        candidates = self._found.gallery.embeddings[rows]
        return torch.from_numpy(queries), torch.from_numpy(candidates), torch.from_numpy(right)

    def _candidates(self, track: Track, query: NDArray[np.float32]) -> NDArray[np.int64]:
        """The right row, then the wrong ones of its type that are nearest; of any type where there are too few."""
        gallery = self._found.gallery
        near = gallery.embeddings @ query + (gallery.types == gallery.types[track.wanted])
        near[track.wanted] = -np.inf
        return np.array([track.wanted, *np.argsort(-near, kind="stable")[: self._config.depth - 1]])


def some_views(track: Track, rng: np.random.Generator) -> NDArray[np.float32]:
    """(D,) the mean, weighted by quality, of a random number of a track's views."""
    some = rng.choice(len(track), int(rng.integers(1, len(track) + 1)), replace=False)
    mean = track.qualities[some] @ track.embeddings[some]
    return (mean / max(float(np.linalg.norm(mean)), 1e-9)).astype(np.float32)
