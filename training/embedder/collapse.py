"""A watch over the spread of embeddings: training stops, and says so, when they fall together."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from training.loop import TrainingError


@dataclass(frozen=True)
class Spread:
    """How far unit vectors lie apart.

    Attributes:
        variance: sum of the variances of all dimensions, 0..1; 0 when all vectors are equal.
        distance: mean Euclidean distance of two vectors, 0..2.
        rank: effective rank of the covariance, exp of its eigenvalues' entropy (Roy and Vetterli, 2007).
    """

    variance: float
    distance: float
    rank: float


@torch.no_grad()
def spread_of(embeddings: Tensor) -> Spread:
    """Measure unit vectors (N, D), N >= 2, one per garment."""
    centred = (embeddings - embeddings.mean(0)).double()
    eigenvalues = torch.linalg.svdvals(centred) ** 2
    total = float(eigenvalues.sum())
    shares = (eigenvalues / max(total, 1e-12)).clamp(min=1e-12)
    rank = float(torch.exp(-(shares * shares.log()).sum())) if total > 1e-9 else 1.0
    return Spread(total / len(embeddings), float(torch.pdist(embeddings.double()).mean()), rank)


@dataclass(frozen=True)
class CollapseLimits:
    """What still counts as alive; `patience` looks in a row below any of the limits stop the run."""

    variance: float = 0.05
    distance: float = 0.2
    rank: float = 4.0
    patience: int = 3


class CollapseMonitor:
    """Looks at embeddings of different garments now and then."""

    def __init__(self, limits: CollapseLimits) -> None:
        """Watch with these limits."""
        self._limits = limits
        self._bad = 0

    def look(self, embeddings: Tensor, step: int) -> Spread:
        """Measure unit vectors (N, D) of N different garments.

        Raises:
            TrainingError: they have been too close together for `patience` looks in a row.
        """
        spread = spread_of(embeddings)
        limits = self._limits
        dead = spread.variance < limits.variance or spread.distance < limits.distance or spread.rank < limits.rank
        self._bad = self._bad + 1 if dead else 0
        if self._bad >= limits.patience:
            raise TrainingError(
                f"the embeddings have collapsed at step {step}: variance {spread.variance:.4f}, mean distance "
                f"{spread.distance:.4f}, effective rank {spread.rank:.1f} of {embeddings.shape[1]}. "
                "Lower the rates or the share of hard negatives and start again from an earlier checkpoint."
            )
        return spread
