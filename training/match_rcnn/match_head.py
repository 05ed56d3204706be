"""The match head (Ge et al., 2019): do two boxes show one product? Trained on pairs of people and shop pictures."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from training.match_rcnn.heads import convolutions

_NEGATIVES = 3  # pairs of different products for each pair of the same


class MatchHead(nn.Module):
    """Four convolutions, pooling and a layer give a vector; squared differences of two vectors give two logits."""

    def __init__(self, channels: int, width: int, dimension: int) -> None:
        """Build for pooled maps of `channels`; vectors have `dimension` numbers."""
        super().__init__()
        self.convolutions = nn.Sequential(*convolutions(channels, width, 4))
        self.vector = nn.Linear(width, dimension)
        self.decide = nn.Linear(dimension, 2)

    def embed(self, features: Tensor) -> Tensor:
        """Vectors (N, dimension), not normalised, of pooled maps (N, C, s, s)."""
        return self.vector(self.convolutions(features).mean((2, 3)))

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Logits (N, 2), different and same, of pairs of vectors (N, dimension)."""
        return self.decide((first - second) ** 2)

    def score(self, first: Tensor, second: Tensor) -> Tensor:
        """Probability (N,) that the pairs show the same product."""
        return self(first, second).softmax(-1)[..., 1]


def pairs_of(products: Tensor, street: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Pairs of one garment on the street and one in a shop.

    Args:
        products: (N,) int64; -1 = not known, such a garment is in no pair.
        street: (N,) bool.

    Returns:
        Rows of the first, rows of the second, and whether they are the same product; of the pairs of different
        products a few for each pair of the same, drawn at random.
    """
    known = products >= 0
    first, second = torch.nonzero((street & known)[:, None] & (~street & known)[None], as_tuple=True)
    same = products[first] == products[second]
    different = torch.nonzero(~same)[:, 0]
    order = torch.randperm(len(different), device=different.device)[: max(int(same.sum()), 1) * _NEGATIVES]
    chosen = torch.cat([torch.nonzero(same)[:, 0], different[order]])
    return first[chosen], second[chosen], same[chosen]


def match_loss(head: MatchHead, vectors: Tensor, products: Tensor, street: Tensor) -> Tensor:
    """Cross-entropy over the pairs of a batch; 0 where there are none. Arguments as for `pairs_of`."""
    first, second, same = pairs_of(products, street)
    if not len(first):
        return vectors.sum() * 0
    return nn.functional.cross_entropy(head(vectors[first], vectors[second]), same.long())
