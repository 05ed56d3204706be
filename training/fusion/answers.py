"""What a gallery answers to descriptors, as the matcher would hear it: the best few products of the likeliest types."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matcher.config import LookupConfig, SettleConfig
from matcher.stages.fuse import Views
from matcher.stages.lookup import asked_types
from matcher.stages.tiers import leads
from matcher.stages.verify import Verifier
from training.fusion.tracks import Track, TrackSet


@dataclass(frozen=True)
class Answers:
    """Best products of N descriptors.

    Attributes:
        rows: (N, K) int64 gallery rows, best first; -1 = none.
        scores: (N, K) float32.
        right: (N,) bool, whether the first is the product that is worn.
        searched: (N,) int64, how many were compared.
    """

    rows: NDArray[np.int64]
    scores: NDArray[np.float32]
    right: NDArray[np.bool_]
    searched: NDArray[np.int64]

    @property
    def lead(self) -> NDArray[np.float32]:
        """(N,) how far the first is ahead of the second, as `matcher.stages.tiers.leads` measures it."""
        pairs = zip(self.rows, self.scores, strict=True)
        return np.array([leads(rows, scores)[0] for rows, scores in pairs], np.float32)


def fused(track: Track) -> NDArray[np.float32]:
    """The matcher's descriptor (D,) at the end of a track: views come one by one, a limited number is kept."""
    views = Views()
    for embedding, quality, time in zip(track.embeddings, track.qualities, track.times, strict=True):
        views.add(embedding, float(quality), float(time), SettleConfig().max_views)
    return views.descriptor()


def searched(track: Track, types: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(G,) the rows of a gallery with these types that a track is looked for in: those of its likeliest types."""
    return np.isin(types, np.flatnonzero(asked_types(track.type_probs[None], LookupConfig())[0]))


def ask(
    found: TrackSet,
    descriptors: NDArray[np.float32],
    absent: bool = False,
    verifier: Verifier | None = None,
    k: int = LookupConfig().k,
    kept: NDArray[np.bool_] | None = None,
) -> Answers:
    """Look for every track's descriptor.

    Args:
        found: tracks and gallery.
        descriptors: (N, D), one for each track.
        absent: take the product that is worn out of the gallery first.
        verifier: re-ranks what is found.
        k: products in an answer.
        kept: (G,) the rows of the gallery that are there; all when None.
    """
    rows, scores = np.full((len(descriptors), k), -1, np.int64), np.full((len(descriptors), k), -1, np.float32)
    compared = np.zeros(len(descriptors), np.int64)
    for i, (track, vector) in enumerate(zip(found.tracks, descriptors, strict=True)):
        allowed = searched(track, found.gallery.types)
        allowed &= True if kept is None else kept
        if absent and track.wanted >= 0:
            allowed[track.wanted] = False
        compared[i] = allowed.sum()
        best, near = _nearest(found.gallery.embeddings, np.flatnonzero(allowed), vector, k, verifier)
        rows[i, : len(best)], scores[i, : len(best)] = best, near
    wanted = np.array([track.wanted for track in found.tracks])
    return Answers(rows, scores, (rows[:, 0] == wanted) & (wanted >= 0), compared)


def _nearest(
    gallery: NDArray[np.float32], places: NDArray[np.int64], vector: NDArray[np.float32], k: int, by: Verifier | None
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    near = gallery[places] @ vector
    best = np.argsort(-near, kind="stable")[: k if by is None else max(k, by.depth)]
    places, near = places[best], near[best]
    if by is not None:
        near = by.scores(vector[None], gallery[places][None], near[None])[0]
    order = np.argsort(-near, kind="stable")[:k]
    return places[order], near[order]
