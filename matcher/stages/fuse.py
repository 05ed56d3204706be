"""Fusion: one descriptor for each track out of its best and most different views."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from matcher.config import SettleConfig
from matcher.stages.per_track import PerTrack
from matcher.types import Frame, Garments


class Views:
    """The views of one track: embeddings with their quality and time."""

    def __init__(self) -> None:
        """No views yet."""
        self.embeddings: list[NDArray[np.float32]] = []
        self.qualities: list[float] = []
        self.times: list[float] = []
        self.asked = False  # whether the descriptor was given out for look-up

    def add(self, embedding: NDArray[np.float32], quality: float, time: float, limit: int) -> None:
        """Add a view; where there are more than `limit`, the one that tells least is dropped."""
        self.embeddings.append(embedding)
        self.qualities.append(max(quality, 1e-3))
        self.times.append(time)
        if len(self.embeddings) > limit:
            self._drop(int(self._worth().argmin()))

    def descriptor(self) -> NDArray[np.float32]:
        """(D,) float32, L2-normalised: the mean weighted by quality, in which views unlike the others count less."""
        views, weight = np.stack(self.embeddings), np.array(self.qualities)
        mean = _normalised(weight @ views)
        # An occluded or mixed-up view is the odd one out.
        weight = weight * np.maximum(views @ mean, 0.05) ** 2
        return _normalised(weight @ views).astype(np.float32)

    def _worth(self) -> NDArray[np.float64]:
        """Quality times how far a view is from its nearest neighbour, in looks and in time."""
        views, times = np.stack(self.embeddings), np.array(self.times)
        distance = 1 - views @ views.T
        gap = np.abs(times[:, None] - times[None, :]) / max(np.ptp(times), 1e-6)
        np.fill_diagonal(distance, np.inf)
        np.fill_diagonal(gap, np.inf)
        return np.array(self.qualities) * (0.05 + np.maximum(distance.min(1), 0) + 0.5 * gap.min(1))

    def _drop(self, index: int) -> None:
        for values in (self.embeddings, self.qualities, self.times):
            del values[index]


class Fuse(PerTrack[Views]):
    """Collects each track's views and replaces their embeddings by the track's descriptor."""

    def __init__(self, config: SettleConfig | None = None) -> None:
        """Keep `max_views` for each track, until it is unseen for `expire_s`."""
        self.config = config or SettleConfig()
        super().__init__(Views, self.config.expire_s)

    def __call__(self, frame: Frame, garments: Garments) -> Garments:
        """Take this frame's new embeddings.

        Args:
            frame: for its time.
            garments: needs track_id, quality and embedding.

        Returns:
            `embedding` holds the descriptor of the tracks that have a new view, or whose products are not known in
            this generation of the catalogue; other rows are zero.
        """
        fused = np.zeros_like(garments.embedding)
        fresh = garments.embedding.any(1)
        for row, number in enumerate(garments.track_id):
            views = self._of(int(number), frame.time)
            if fresh[row]:
                views.add(garments.embedding[row], float(garments.quality[row]), frame.time, self.config.max_views)
            if views.embeddings and (fresh[row] or not views.asked):
                fused[row], views.asked = views.descriptor(), True
        self._expire(frame.time)
        return garments.with_columns(embedding=fused)

    def ask_again(self) -> None:
        """Let all tracks be looked up anew, as when the catalogue has a new generation."""
        for views in self._kept():
            views.asked = False


def _normalised(vector: NDArray) -> NDArray:
    return vector / max(float(np.linalg.norm(vector)), 1e-9)
