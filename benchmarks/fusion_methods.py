"""Ways to make one question to the gallery out of several views, each giving a score for every product."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from matcher.bundle import Bundle
from training.fusion.answers import fused
from training.fusion.tracks import Gallery, Track

# Track and gallery in, (G,) float32 scores out.
Method = Callable[[Track, Gallery], NDArray[np.float32]]
SINGLE, MEAN, BEST, SHIPPED, ATTENTION = "single best view", "mean", "best score", "shipped fusion", "attention pooling"


def single_view(track: Track, gallery: Gallery) -> NDArray[np.float32]:
    """The view of the best quality alone."""
    return gallery.embeddings @ track.embeddings[int(track.qualities.argmax())]


def plain_mean(track: Track, gallery: Gallery) -> NDArray[np.float32]:
    """The mean of all views."""
    return gallery.embeddings @ normalised(track.embeddings.mean(0))


def best_score(track: Track, gallery: Gallery) -> NDArray[np.float32]:
    """Each product's best score over all views."""
    return (gallery.embeddings @ track.embeddings.T).max(1)


def shipped(track: Track, gallery: Gallery) -> NDArray[np.float32]:
    """What the matcher does, see `matcher.stages.fuse`."""
    return gallery.embeddings @ fused(track)


def attention(checkpoint: Path, bundle: Bundle) -> Method:
    """Attention pooling with trained weights; for the errors see `training.fusion.train.load_pooling`."""
    from training.fusion.train import load_pooling, pool

    model = load_pooling(checkpoint, bundle)
    return lambda track, gallery: gallery.embeddings @ pool(model, track)


METHODS: dict[str, Method] = {SINGLE: single_view, MEAN: plain_mean, BEST: best_score, SHIPPED: shipped}


def normalised(vector: NDArray) -> NDArray[np.float32]:
    """A vector (D,) at unit length."""
    return (vector / max(float(np.linalg.norm(vector)), 1e-9)).astype(np.float32)
