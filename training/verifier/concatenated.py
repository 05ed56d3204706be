"""The verifier of older work: a network on both embeddings side by side, with a sigmoid at its end."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ConcatenatedVerifier(nn.Module):
    """Query and candidate joined to one vector, two hidden layers, one logit; the order of the two matters."""

    def __init__(self, dimension: int, hidden: tuple[int, int] = (128, 64), dropout: float = 0.2) -> None:
        """Build for embeddings of `dimension` numbers, with two hidden layers of these widths."""
        super().__init__()
        first, second = hidden
        self.layers = nn.Sequential(
            nn.Linear(2 * dimension, first),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            nn.Linear(first, second),
            nn.ReLU(inplace=True),
            nn.Linear(second, 1),
        )

    def logits(self, queries: Tensor, candidates: Tensor) -> Tensor:
        """Queries (N, D) and candidates (N, K, D), L2-normalised -> (N, K)."""
        # Numbers of a unit vector are small: scaled so that the layers' usual start suits them.
        both = torch.cat([queries.unsqueeze(1).expand_as(candidates), candidates], -1) * queries.shape[-1] ** 0.5
        return self.layers(both).squeeze(-1)

    def forward(self, queries: Tensor, candidates: Tensor) -> Tensor:
        """Probabilities (N, K) that each candidate shows the query's product."""
        return torch.sigmoid(self.logits(queries, candidates))
