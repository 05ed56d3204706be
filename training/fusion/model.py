"""Attention pooling of a track's views, the learnt rival of the matcher's weighted mean.

Every view looks at all views of its track through one non-local block (Wang et al., "Non-local neural networks", CVPR
2018) and is then given a score; the descriptor is the mean under the softmax of the scores. Pooling a garment's views
for video-to-shop this way was published with SEAM Match-RCNN (Godi et al., 2022); this is our own code.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class PoolingConfig:
    """Shape of the pooling: width of the non-local block's keys, and of the scorer's hidden layer."""

    inner: int = 48
    hidden: int = 32


class AttentionPooling(nn.Module):
    """Views with their qualities in, one descriptor in the space of the embeddings out.

    At the start it is the plain mean: the block's last layer and the scorer's last layer are zero.
    """

    def __init__(self, dimension: int, config: PoolingConfig) -> None:
        """Build for embeddings of `dimension` numbers."""
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(dimension, config.inner, bias=False) for _ in range(3))
        self.back = nn.Linear(config.inner, dimension, bias=False)
        # Beside the view itself: its quality, and how well it agrees with the track's mean.
        self.scorer = nn.Sequential(nn.Linear(dimension + 2, config.hidden), nn.ReLU(), nn.Linear(config.hidden, 1))
        for layer in (self.back, self.scorer[-1]):
            nn.init.zeros_(layer.weight)

    def forward(self, views: Tensor, qualities: Tensor, present: Tensor) -> Tensor:
        """Pool tracks of up to V views.

        Args:
            views: (N, V, D) float32, L2-normalised.
            qualities: (N, V) float32 0..1.
            present: (N, V) bool; False where a track has fewer views. Each track has at least one.

        Returns:
            (N, D) float32, L2-normalised.
        """
        looked = self.query(views) @ self.key(views).transpose(1, 2) * self.key.out_features**-0.5
        shares = looked.masked_fill(~present[:, None, :], -torch.inf).softmax(-1)
        mixed = views + self.back(shares @ self.value(views))
        agreement = (views * _mean(views, present.float())).sum(-1)
        told = torch.cat([mixed, qualities.unsqueeze(-1), agreement.unsqueeze(-1)], -1)
        scores = self.scorer(told).squeeze(-1).masked_fill(~present, -torch.inf)
        return _mean(mixed, scores.softmax(-1)).squeeze(1)


def _mean(views: Tensor, weights: Tensor) -> Tensor:
    """Unit vectors (N, 1, D) along the weighted means of views (N, V, D) under weights (N, V)."""
    return nn.functional.normalize((views * weights.unsqueeze(-1)).sum(1, keepdim=True), dim=-1)
