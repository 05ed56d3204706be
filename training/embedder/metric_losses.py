"""Losses of pytorch-metric-learning with their mining, as losses over a batch of pairs.

All look at unit vectors, so distances are cosines throughout.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from pytorch_metric_learning.distances import CosineSimilarity
from pytorch_metric_learning.losses import (
    ArcFaceLoss,
    CircleLoss,
    ContrastiveLoss,
    CosFaceLoss,
    MultiSimilarityLoss,
    ProxyAnchorLoss,
    SupConLoss,
    TripletMarginLoss,
)
from pytorch_metric_learning.miners import BatchHardMiner, MultiSimilarityMiner, TripletMarginMiner
from pytorch_metric_learning.reducers import AvgNonZeroReducer
from torch import Tensor, nn


class Mined(nn.Module):
    """A loss over the pairs or triplets that a miner chooses out of both views."""

    def __init__(self, loss: nn.Module, mine: nn.Module | None = None) -> None:
        """Take a loss and a miner of pytorch-metric-learning; without a miner every pair or triplet counts."""
        super().__init__()
        self._loss, self._mine = loss, mine

    def forward(self, shop: Tensor, worn: Tensor, numbers: Tensor | None = None) -> Tensor:
        """Unit vectors (B, D) of both views -> scalar; `numbers` are not used."""
        names = torch.arange(len(shop), device=shop.device)
        both, names = torch.cat([shop, worn]), torch.cat([names, names])
        return self._loss(both, names, None if self._mine is None else self._mine(both, names))


class SemiHardTriplet(Mined):
    """Triplet loss on cosine similarity with semi-hard negatives (Schroff et al., 2015).

    A negative counts while it is farther than the positive, but by less than the margin. 0 when there is none.
    """

    def __init__(self, margin: float = 0.2) -> None:
        """`margin` in units of cosine similarity."""
        mine = TripletMarginMiner(margin, type_of_triplets="semihard", distance=CosineSimilarity())
        super().__init__(_triplet(margin), mine)


class BatchHardTriplet(Mined):
    """Triplet loss of each view with its partner and the nearest stranger of the batch (Hermans et al., 2017)."""

    def __init__(self, margin: float = 0.2) -> None:
        """`margin` in units of cosine similarity."""
        super().__init__(_triplet(margin), BatchHardMiner(distance=CosineSimilarity()))


class MultiSimilarity(Mined):
    """Multi-similarity loss with its own mining (Wang et al., 2019)."""

    def __init__(self, alpha: float = 2.0, beta: float = 40.0, base: float = 0.5) -> None:
        """Weights of positives and negatives, and the similarity that separates them."""
        super().__init__(MultiSimilarityLoss(alpha, beta, base), MultiSimilarityMiner(epsilon=0.1))


class Contrastive(Mined):
    """Partners are drawn to similarity 1, strangers pushed below a limit (Hadsell et al., 2006, on cosines)."""

    def __init__(self, limit: float = 0.5) -> None:
        """`limit` in units of cosine similarity."""
        super().__init__(ContrastiveLoss(pos_margin=1, neg_margin=limit, distance=CosineSimilarity()))


class Circle(Mined):
    """Circle loss (Sun et al., 2020)."""

    def __init__(self, margin: float = 0.4, scale: float = 32.0) -> None:
        """Margin in units of cosine similarity, and the inverse temperature."""
        super().__init__(CircleLoss(margin, scale))


class SupCon(Mined):
    """Supervised contrastive loss (Khosla et al., 2020): with two views of each garment, one positive for each."""

    def __init__(self, temperature: float = 0.1) -> None:
        """`temperature` of the softmax."""
        super().__init__(SupConLoss(temperature))


class Proxies(nn.Module):
    """A loss against one learnt vector for each garment of the training data.

    Colourways (negative numbers) are nobody's garment; they are left out.
    """

    def __init__(self, loss: nn.Module) -> None:
        """Take a loss of pytorch-metric-learning that classifies."""
        super().__init__()
        self._loss = loss

    def forward(self, shop: Tensor, worn: Tensor, numbers: Tensor) -> Tensor:
        """Unit vectors (B, D) of both views and (B,) int64 numbers of the garments -> scalar, 0 when none is known."""
        known = numbers >= 0
        if not known.any():
            return (shop.sum() + worn.sum()) * 0
        both, names = torch.cat([shop[known], worn[known]]), torch.cat([numbers[known], numbers[known]])
        return self._loss(both, names)


def _triplet(margin: float) -> nn.Module:
    return TripletMarginLoss(margin, distance=CosineSimilarity(), reducer=AvgNonZeroReducer())


MINED: dict[str, Callable[[], nn.Module]] = {
    "triplet": SemiHardTriplet,
    "triplet_hard": BatchHardTriplet,
    "contrastive": Contrastive,
    "multi_similarity": MultiSimilarity,
    "circle": Circle,
    "supcon": SupCon,
}

# Number of garments and dimension -> loss. Deng et al., 2019; Wang et al., 2018; Kim et al., 2020.
PROXIES: dict[str, Callable[[int, int], nn.Module]] = {
    "arcface": lambda classes, dimension: Proxies(ArcFaceLoss(classes, dimension, margin=28.6, scale=32)),
    "cosface": lambda classes, dimension: Proxies(CosFaceLoss(classes, dimension, margin=0.35, scale=32)),
    "proxy_anchor": lambda classes, dimension: Proxies(ProxyAnchorLoss(classes, dimension, margin=0.1, alpha=32)),
}
