"""The network on a pair of embeddings."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class VerifierModelConfig:
    """Shape of the network: width of its hidden layer and the share dropped in training."""

    hidden: int = 64
    dropout: float = 0.3


class VerifierModel(nn.Module):
    """Products and distances of all dimensions, one hidden layer, one logit. A pair in either order gives the same."""

    def __init__(self, dimension: int, config: VerifierModelConfig) -> None:
        """Build for embeddings of `dimension` numbers; at the start only their cosine counts."""
        super().__init__()
        self.cosine = nn.Linear(1, 1)
        self.hidden = nn.Linear(2 * dimension, config.hidden)
        self.dropout = nn.Dropout(config.dropout)
        self.last = nn.Linear(config.hidden, 1)
        nn.init.zeros_(self.last.weight)
        with torch.no_grad():
            self.cosine.weight.fill_(10.0)
            self.cosine.bias.fill_(-8.0)

    def logits(self, queries: Tensor, candidates: Tensor) -> Tensor:
        """Queries (N, D) and candidates (N, K, D), L2-normalised -> (N, K)."""
        one = queries.unsqueeze(1)
        # Numbers of a unit vector are small: scaled so that the layer's usual start suits them.
        product, distance = one * candidates, (one - candidates).abs()
        told = torch.cat([product * one.shape[-1] ** 0.5, distance], -1) * one.shape[-1] ** 0.5 / 4
        seen = self.last(self.dropout(torch.relu(self.hidden(told))))
        return (seen + self.cosine(product.sum(-1, keepdim=True))).squeeze(-1)

    def forward(self, queries: Tensor, candidates: Tensor) -> Tensor:
        """Probabilities (N, K) that each candidate shows the query's product."""
        return torch.sigmoid(self.logits(queries, candidates))
