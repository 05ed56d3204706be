"""Ways to ask a gallery with several views of one garment, each giving a score for every product."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from matcher.config import SettleConfig
from matcher.stages.fuse import Views
from training.fusion.tracks import Gallery, Track

# Track and gallery in, (G,) float32 scores out.
Method = Callable[[Track, Gallery], NDArray[np.float32]]


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
    """What the matcher does: views come one after the other, a limited number is kept, their descriptor is asked."""
    return gallery.embeddings @ fused(track)


def fused(track: Track, limit: int | None = None) -> NDArray[np.float32]:
    """The matcher's descriptor (D,) at the end of a track."""
    views = Views()
    for embedding, quality, time in zip(track.embeddings, track.qualities, track.times, strict=True):
        views.add(embedding, float(quality), float(time), limit or SettleConfig().max_views)
    return views.descriptor()


METHODS: dict[str, Method] = {
    "single best view": single_view,
    "mean of views": plain_mean,
    "best score of views": best_score,
    "shipped fusion": shipped,
}


def normalised(vector: NDArray) -> NDArray[np.float32]:
    """A vector (D,) at unit length."""
    return (vector / max(float(np.linalg.norm(vector)), 1e-9)).astype(np.float32)
