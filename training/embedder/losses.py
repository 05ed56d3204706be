"""Losses over a batch of pairs: row i of both views is the same garment, all other rows are other garments."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from pytorch_metric_learning.distances import CosineSimilarity
from pytorch_metric_learning.losses import MultiSimilarityLoss, TripletMarginLoss
from pytorch_metric_learning.miners import MultiSimilarityMiner, TripletMarginMiner
from pytorch_metric_learning.reducers import AvgNonZeroReducer
from torch import Tensor, nn

from matcher.errors import ConfigError


class SymmetricInfoNCE(nn.Module):
    """Cross entropy of finding the partner among all rows of the other view, both ways (Radford et al., 2021)."""

    def __init__(self, scale: float = 16.0, limit: float = 64.0) -> None:
        """Start from `scale`, the inverse temperature; it is learnt and never exceeds `limit`."""
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor(math.log(scale)))
        self._limit = math.log(limit)

    def forward(self, shop: Tensor, worn: Tensor) -> Tensor:
        """Unit vectors (B, D) of both views -> scalar."""
        scores = shop @ worn.T * self.log_scale.clamp(max=self._limit).exp()
        target = torch.arange(len(scores), device=scores.device)
        return (nn.functional.cross_entropy(scores, target) + nn.functional.cross_entropy(scores.T, target)) / 2


class SemiHardTriplet(nn.Module):
    """Triplet loss on cosine similarity with semi-hard negatives (Schroff et al., 2015).

    A negative counts while it is farther than the positive, but by less than the margin. 0 when there is none.
    """

    def __init__(self, margin: float = 0.2) -> None:
        """`margin` in units of cosine similarity."""
        super().__init__()
        self._mine = TripletMarginMiner(margin, type_of_triplets="semihard", distance=CosineSimilarity())
        self._loss = TripletMarginLoss(margin, distance=CosineSimilarity(), reducer=AvgNonZeroReducer())

    def forward(self, shop: Tensor, worn: Tensor) -> Tensor:
        """Unit vectors (B, D) of both views -> scalar."""
        both, names = _join(shop, worn)
        return self._loss(both, names, self._mine(both, names))


class MultiSimilarity(nn.Module):
    """Multi-similarity loss with its own mining (Wang et al., 2019)."""

    def __init__(self, alpha: float = 2.0, beta: float = 40.0, base: float = 0.5) -> None:
        """Weights of positives and negatives, and the similarity that separates them."""
        super().__init__()
        self._mine = MultiSimilarityMiner(epsilon=0.1)
        self._loss = MultiSimilarityLoss(alpha, beta, base)

    def forward(self, shop: Tensor, worn: Tensor) -> Tensor:
        """Unit vectors (B, D) of both views -> scalar."""
        both, names = _join(shop, worn)
        return self._loss(both, names, self._mine(both, names))


def _join(shop: Tensor, worn: Tensor) -> tuple[Tensor, Tensor]:
    names = torch.arange(len(shop), device=shop.device)
    return torch.cat([shop, worn]), torch.cat([names, names])


LOSSES: dict[str, Callable[[], nn.Module]] = {
    "info_nce": SymmetricInfoNCE,
    "triplet": SemiHardTriplet,
    "multi_similarity": MultiSimilarity,
}


def make_loss(name: str) -> nn.Module:
    """A loss by its name in recipes.

    Raises:
        ConfigError: there is no such loss.
    """
    if name not in LOSSES:
        raise ConfigError(f"no loss is called {name!r}; choose one of {', '.join(LOSSES)}")
    return LOSSES[name]()
