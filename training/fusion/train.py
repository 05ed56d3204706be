"""Trains attention pooling on simulated tracks of training garments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from matcher.bundle import Bundle
from training.checkpoint import load_checkpoint
from training.evaluation.output import Progress, silent
from training.fusion.model import AttentionPooling, PoolingConfig
from training.fusion.sets import LEARN, TrackData, simulated
from training.fusion.tracks import Track, TrackSet
from training.loop import Loop, LoopConfig, TrainingError, load_averaged
from training.settings import from_table, to_table


@dataclass(frozen=True)
class FusionConfig:
    """One training run.

    Attributes:
        batch: tracks in a batch.
        least: a track is shown with a random number of its views, at least so many.
        scale: inverse temperature of the loss.
    """

    seed: int = 1
    batch: int = 64
    least: int = 2
    scale: float = 24.0
    model: PoolingConfig = field(default_factory=PoolingConfig)
    data: TrackData = field(default_factory=TrackData)
    loop: LoopConfig = field(default_factory=lambda: LoopConfig(steps=600, rate=1e-3, warmup=20))


def train(config: FusionConfig, bundle: Bundle, out: Path, progress: Progress = silent) -> Path:
    """Train the pooling for a bundle's embedder; goes on where `out/last.pt` stopped, if it is there.

    The loss is the cross entropy of finding the track's product in the gallery; only products of its type count, as
    when the catalogue is searched.

    Args:
        config: the recipe.
        bundle: its embedder describes the tracks.
        out: run folder.
        progress: wraps what is simulated first.

    Returns:
        Path of the last checkpoint.

    Raises:
        TrainingError: the loss became non-finite.
        ConfigError: data are missing.
    """
    found = simulated(config.data, bundle, LEARN, progress)
    torch.manual_seed(config.seed)
    model = AttentionPooling(found.gallery.embeddings.shape[1], config.model)
    recipe = {**to_table(config), "embedder": bundle.embedder_hash, "dimension": found.gallery.embeddings.shape[1]}
    loop = Loop(model, config.loop, out, recipe).resumed()
    batches = _Batches(found, config)

    def loss_of(step: int) -> tuple[Tensor, dict[str, float]]:
        views, qualities, present, target, allowed = batches(step)
        scores = model(views, qualities, present) @ batches.shop.T * config.scale
        scores = scores.masked_fill(~allowed, -torch.inf)
        hits = float((scores.argmax(1) == target).float().mean())
        return nn.functional.cross_entropy(scores, target), {"recall@1": hits}

    return loop.run(loss_of)


class _Batches:
    """The tracks of any step, from the step's number alone."""

    def __init__(self, found: TrackSet, config: FusionConfig) -> None:
        self._tracks, self._config = found.tracks, config
        self._types = found.gallery.types
        self.shop = torch.from_numpy(found.gallery.embeddings)

    def __call__(self, step: int) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        rng = np.random.default_rng((self._config.seed, step))
        count = min(self._config.batch, len(self._tracks))
        chosen = [self._tracks[i] for i in rng.choice(len(self._tracks), count, replace=False)]
        some = [np.sort(_some(len(track), self._config.least, rng)) for track in chosen]
        target = np.array([track.wanted for track in chosen])
        allowed = self._types[None, :] == self._types[target][:, None]
        return *padded(chosen, some), torch.from_numpy(target), torch.from_numpy(allowed)


def _some(count: int, least: int, rng: np.random.Generator) -> NDArray[np.int64]:
    return rng.choice(count, int(rng.integers(min(least, count), count + 1)), replace=False)


def padded(tracks: Sequence[Track], rows: Sequence[NDArray[np.int64]]) -> tuple[Tensor, Tensor, Tensor]:
    """Chosen views of tracks as tensors: views (N, V, D), qualities (N, V), present (N, V) bool."""
    longest, width = max(map(len, rows)), tracks[0].embeddings.shape[1]
    views = np.zeros((len(tracks), longest, width), np.float32)
    qualities = np.zeros((len(tracks), longest), np.float32)
    present = np.zeros((len(tracks), longest), bool)
    for i, (track, some) in enumerate(zip(tracks, rows, strict=True)):
        views[i, : len(some)], qualities[i, : len(some)] = track.embeddings[some], track.qualities[some]
        present[i, : len(some)] = True
    return torch.from_numpy(views), torch.from_numpy(qualities), torch.from_numpy(present)


def load_pooling(checkpoint: Path, bundle: Bundle) -> AttentionPooling:
    """A trained pooling.

    Raises:
        ConfigError: the file cannot be read.
        TrainingError: it was trained for another embedder.
    """
    recipe = load_checkpoint(checkpoint).get("recipe", {})
    if recipe.get("embedder") != bundle.embedder_hash:
        raise TrainingError(
            f"{checkpoint} is a pooling for another embedder than that of {bundle.name}; train it again"
        )
    model = AttentionPooling(recipe["dimension"], from_table(PoolingConfig, recipe["model"], str(checkpoint)))
    load_averaged(model, checkpoint)
    return model.eval()


@torch.no_grad()
def pool(model: AttentionPooling, track: Track) -> NDArray[np.float32]:
    """Descriptor (D,) of all views of a track."""
    return model(*padded([track], [np.arange(len(track))]))[0].numpy()
